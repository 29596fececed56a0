"""Vault's side: what is judged of what Vault tells."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nomad_token.clients.failures import Answer, Refusal
from nomad_token.doctor import engine
from nomad_token.doctor.finding import Unseen, Verdict
from nomad_token.issuers.vault_refusals import EngineRole

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ROLES = [EngineRole("nomad", "deployer"), EngineRole("nomad", "reader")]
DENIED = Refusal("x", Answer(403, {}, ""), ["1 error occurred:\n\t* permission denied\n\n"])


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        ({"nomad/creds/deployer": {"read"}, "nomad/creds/reader": {"read", "list"}}, Verdict.OK),
        ({"nomad/creds/deployer": {"root"}, "nomad/creds/reader": {"root"}}, Verdict.OK),
        ({"nomad/creds/deployer": {"read"}, "nomad/creds/reader": {"deny"}}, Verdict.BROKEN),
        ({"nomad/creds/deployer": {"read"}}, Verdict.BROKEN),
        (DENIED, Verdict.UNKNOWN),
    ],
)
def test_the_policy(held: Mapping[str, set[str]] | Refusal, verdict: Verdict) -> None:
    """Each role must be readable; where Vault is not asked, nothing is known."""
    found = engine.policy(held, ROLES, "app/")

    assert found.verdict is verdict
    assert verdict is not Verdict.BROKEN or 'path "app/nomad/creds/reader"' in found.fix


@pytest.mark.parametrize(
    ("mounts", "catalog", "verdict", "says"),
    [
        ({"nomad/": {"type": "nomad"}}, None, Verdict.OK, ""),
        ({"nomad/": {"type": "openbao-plugin-secrets-nomad"}}, [], Verdict.OK, ""),
        ({"nomad/": {"type": "kv"}}, None, Verdict.BROKEN, "of type `kv`"),
        ({}, None, Verdict.BROKEN, "vault secrets enable -path=nomad nomad"),
        ({}, ["x", "nomad"], Verdict.BROKEN, "vault secrets enable -path=nomad nomad"),
        ({}, ["x"], Verdict.BROKEN, "vault plugin register -sha256=SHA256 secret openbao-plugin-secrets-nomad"),
        ({}, Unseen("x"), Verdict.BROKEN, "vault plugin register"),
        (DENIED, None, Verdict.UNKNOWN, 'path "sys/mounts"'),
    ],
)
def test_the_engine(mounts: object, catalog: Any, verdict: Verdict, says: str) -> None:  # noqa: ANN401 - a column
    """One that is not there is told with the line that enables it, after the one that registers a plugin."""
    found = engine.engine(mounts, catalog, "nomad")

    assert found.verdict is verdict
    assert says in f"{found.what}\n{found.fix}"


@pytest.mark.parametrize(
    ("config", "nomad", "verdict"),
    [
        ({"address": "http://nomad.test:4646"}, "http://NOMAD.test:4646/", Verdict.OK),
        ({"address": "http://nomad.test:4646"}, "", Verdict.OK),
        ({"address": "http://10.0.0.1:4646"}, "http://nomad.test:4646", Verdict.UNKNOWN),
        ({"address": ""}, "http://127.0.0.1:4646", Verdict.OK),
        ({"address": "http://nomad.test:4646", "max_token_name_length": 256}, "", Verdict.OK),
        ({"address": "http://nomad.test:4646", "max_token_name_length": 257}, "", Verdict.WARNING),
        (None, "", Verdict.BROKEN),
        (Unseen("x"), "", Verdict.UNKNOWN),
    ],
)
def test_the_access(config: Mapping[str, Any] | Unseen | None, nomad: str, verdict: Verdict) -> None:
    """Another address is no alarm: Vault may know the same cluster by another name."""
    assert engine.access(config, "nomad", nomad).verdict is verdict


@pytest.mark.parametrize(
    ("config", "left", "verdict", "says"),
    [
        ({"ttl": 1800}, None, Verdict.OK, "30 min"),
        ({"ttl": 1800}, 600, Verdict.OK, "The login ends it after 10 min."),
        ({"ttl": 1800}, 3600, Verdict.OK, "A lease is 30 min."),
        ({"ttl": 1800}, 60, Verdict.WARNING, "takes the lease along"),
        ({"ttl": 0, "max_ttl": 3600}, None, Verdict.WARNING, "768 h"),
        (None, 600, Verdict.WARNING, "768 h then. The login ends it after 10 min."),
        ({"ttl": 86400}, None, Verdict.OK, ""),
        ({"ttl": 86401}, None, Verdict.WARNING, "1 d"),
        (Unseen("x"), None, Verdict.UNKNOWN, ""),
        (Unseen("x"), 60, Verdict.WARNING, "takes the lease along"),
    ],
)
def test_the_lease(config: Mapping[str, Any] | Unseen | None, left: float | None, verdict: Verdict, says: str) -> None:
    """It is the engine's ttl, or the login's life where that is shorter; unset it is 768 h."""
    found = engine.lease(config, "nomad", AT + timedelta(seconds=left) if left else None, AT)

    assert found.verdict is verdict
    assert says in found.what


@pytest.mark.parametrize(
    ("held", "borrowed", "below", "verdict"),
    [
        ({"sys/leases/revoke": {"update"}}, True, "", Verdict.OK),
        ({"auth/token/revoke-self": {"update"}}, False, "", Verdict.OK),
        ({"auth/token/revoke-self": {"update"}}, True, "", Verdict.BROKEN),
        ({"auth/token/revoke-self": {"update"}}, False, "app/", Verdict.BROKEN),
        ({}, False, "", Verdict.WARNING),
        (Unseen("x"), False, "", Verdict.UNKNOWN),
    ],
)
def test_what_may_be_revoked(
    held: Mapping[str, set[str]] | Unseen,
    borrowed: bool,  # noqa: FBT001 - a column
    below: str,
    verdict: Verdict,
) -> None:
    """A login takes its leases along; one that is lent does not, nor one of another namespace."""
    found = engine.revocable(held, f"{below}nomad/creds/deployer", borrowed=borrowed, below=below)

    assert found.verdict is verdict
    assert verdict is not Verdict.BROKEN or f'path "{below}sys/leases/revoke"' in found.fix


def test_the_dialect() -> None:
    """A line to paste is the server's own program's; a name and an address stay as they are."""
    text = "vault write x token=-\nnomad acl token create -name=vault -type=management\nhttp://vault readers"

    assert engine.in_dialect(text, is_openbao=False) == text
    assert engine.in_dialect("nomad … | vault write x -, Vault", is_openbao=True) == "nomad … | bao write x -, Vault"
