"""What the next steps get."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from fakes import World
from nomad_token.credential import Credential
from nomad_token.exports import exported, into_environment, rfc3339
from nomad_token.inputs import JobInputs
from nomad_token.outputs import OUTPUTS
from nomad_token.platforms.base import plain as as_text
from nomad_token.secret import SecretStr

SECRET = "5ec7e700-0000-4000-8000-000000000001"
PLAIN = Credential(
    secret=SecretStr(SECRET),
    accessor_id="acce5500-0000-4000-8000-000000000001",
    issuer="vault",
    env_name="NOMAD_TOKEN",
    lease_id="nomad/creds/deployer/x",
    lease_duration=1800,
    lease_renewable=True,
    expires_at=datetime(2026, 3, 4, 5, 36, 7, 999, tzinfo=UTC),
    type="client",
    policies=("deployer", 'a"b'),
)
BARE = Credential(secret=PLAIN.secret, accessor_id=PLAIN.accessor_id, issuer=PLAIN.issuer, env_name=PLAIN.env_name)


def job(**inputs: str) -> JobInputs:
    """Read the inputs of a job."""
    return JobInputs.read(World(None, **inputs).platform.lookup)


def plain(values: Mapping[str, object]) -> dict[str, str]:
    """Return *values* as a platform writes them."""
    return {name: as_text(value) for name, value in values.items()}


def test_outputs_of_a_plain_token() -> None:
    """Each output that is declared is there, as text, and no other."""
    outputs = plain(exported([PLAIN], job(), {}).outputs)

    assert set(outputs) == set(OUTPUTS)
    credentials = json.loads(outputs.pop("credentials"))
    assert outputs == {
        "token": SECRET,
        "accessor-id": PLAIN.accessor_id,
        "lease-id": "nomad/creds/deployer/x",
        "lease-duration": "1800",
        "lease-renewable": "true",
        "expires-at": "2026-03-04T05:36:07Z",
        "policies": '["deployer", "a\\"b"]',
        "type": "client",
        "issuer": "vault",
    }
    assert credentials == [
        {
            "env-name": "NOMAD_TOKEN",
            "accessor-id": PLAIN.accessor_id,
            "lease-id": "nomad/creds/deployer/x",
            "lease-duration": 1800,
            "lease-renewable": True,
            "expires-at": "2026-03-04T05:36:07Z",
            "policies": ["deployer", 'a"b'],
            "type": "client",
            "issuer": "vault",
        }
    ]


def test_what_cannot_be_known_is_empty() -> None:
    """An output that can't be known is there and empty; in `credentials` it is null."""
    outputs = plain(exported([BARE], job(), {}).outputs)

    unknown = {"lease-id", "lease-duration", "lease-renewable", "expires-at", "policies", "type"}
    assert {name for name, value in outputs.items() if value == ""} == unknown
    (entry,) = json.loads(outputs["credentials"])
    assert {name for name, value in entry.items() if value is None} == unknown


def test_not_renewable_is_known() -> None:
    """False and 0 are known: they are not empty."""
    known = replace(BARE, lease_renewable=False, lease_duration=0, policies=())
    outputs = plain(exported([known], job(), {}).outputs)

    assert (outputs["lease-renewable"], outputs["lease-duration"], outputs["policies"]) == ("false", "0", "[]")


def test_credentials_hold_no_secret() -> None:
    """The secret is in the output `token`, and in no other, and in no repr."""
    export = exported([PLAIN], job(), {})
    outputs = plain(export.outputs)
    del outputs["token"]

    assert SECRET not in json.dumps(outputs)
    assert SECRET not in f"{export!r} {PLAIN!r}"


def test_token_output_may_be_left_out() -> None:
    """Without `export-output` there is no output `token` at all; the rest is there."""
    outputs = exported([PLAIN], job(export_output="false"), {}).outputs

    assert set(outputs) == set(OUTPUTS) - {"token"}


@pytest.mark.parametrize(
    ("export_env", "kind", "goes"),
    [
        ("auto", "client", True),
        ("auto", "", True),
        ("auto", "management", False),
        ("true", "management", True),
        ("false", "client", False),
    ],
)
def test_into_environment(export_env: str, kind: str, goes: bool) -> None:  # noqa: FBT001
    """A token goes into the environment unless that is not wanted, or it is known to be a manager's."""
    credential = replace(PLAIN, type=kind)

    assert into_environment(credential, job(export_env=export_env)) is goes
    assert ("NOMAD_TOKEN" in exported([credential], job(export_env=export_env), {}).variables) is goes


def test_variables() -> None:
    """The variables are the token, under the name that was asked for, and the places."""
    credential = replace(PLAIN, env_name="DEPLOY_TOKEN")

    assert plain(exported([credential], job(), {"NOMAD_ADDR": "https://n"}).variables) == {
        "NOMAD_ADDR": "https://n",
        "DEPLOY_TOKEN": SECRET,
    }


def test_rfc3339() -> None:
    """A time is to the second, with a Z, and its year has four digits."""
    assert rfc3339(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
