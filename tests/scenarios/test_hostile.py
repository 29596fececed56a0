"""Nothing that a server says commands the runner (design §6, invariant 4)."""

import pytest

from nomad_token_lab import Answer, Fault, Lab
from nomad_token_lab.runner import Step

ROAD = {"role": "deployer", "vault-auth-role": "deploy-app", "timeout": "3s"}
EVIL = "no\n::add-mask::a\n::error::pwned\r\n##[set-env name=X]y\x1b[31m\u202ered %0A::warning::z ``` <b>"
UUID = "11111111-2222-3333-4444-555555555555"


def creds(**changed: object) -> Answer:
    """Return what Vault answers to a creds read, with something *changed*."""
    body = {"lease_id": "nomad/creds/deployer/abc", "lease_duration": 60, "renewable": True}
    data = {"accessor_id": UUID, "secret_id": UUID}
    return Answer(200, {**body, **{k: v for k, v in changed.items() if k in body}, "data": {**data, **changed}})


def commands(log: str) -> list[str]:
    """Return the lines that a runner would obey."""
    return [line for line in log.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize(
    ("server", "method", "path"),
    [("vault", "POST", "/login$"), ("vault", "GET", "/creds/"), ("github", "GET", "/idtoken")],
)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_error_texts(lab: Lab, step: Step, server: str, method: str, path: str, status: int) -> None:
    """A server's error text is one line of an annotation, without commands, colours or directions in it."""
    lab.faults.append(Fault(server, method, path, Answer(status, {"errors": [EVIL]}), times=None))  # type: ignore[arg-type]
    main = step.main(ROAD | {"vault-addr": lab.vault.addr})

    obeyed = [line.split("::")[1].split(" ")[0] for line in commands(main.log)]
    assert set(obeyed) <= {"add-mask", "error", "warning"}
    assert not [
        line for line in main.log.splitlines() if line.startswith(("::error::", "::warning::", "::add-mask::a"))
    ]
    assert "\x1b" not in main.log + main.summary
    assert "\u202e" not in main.log + main.summary
    assert "##[" not in main.log + main.summary
    assert main.code != 0


@pytest.mark.parametrize(
    "answer",
    [
        creds(secret_id=f"{UUID}\nEVIL=1"),
        creds(secret_id=""),
        creds(secret_id=None),
        creds(secret_id="short"),
        creds(accessor_id=f"{UUID}\n::error::x"),
        creds(lease_id="nomad/creds/deployer/x\n::error::x"),
        creds(lease_id=""),
        creds(lease_duration=-1),
        Answer(200, "not json"),
        Answer(200, "[1]"),
        Answer(200, "x" * (2 << 20)),
        Answer(204, ""),
    ],
    ids=range(12),
)
def test_implausible_credentials(lab: Lab, step: Step, answer: Answer) -> None:
    """An answer without a plausible token is not handed on: the login is revoked, and with it what may hang on it."""
    lab.faults.append(Fault("vault", "GET", "/creds/", answer, when="after", times=None))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr})
    post = step.post()

    assert main.code == 75
    assert (main.variables, main.outputs) == ({}, {})
    assert "EVIL" not in main.log
    assert post.code == 0
    lab.settle()
    assert not lab.nomad.live_tokens()


def test_policies_with_odd_names(lab: Lab, step: Step) -> None:
    """A policy's name is Nomad's to choose: in the log it is one word, in the output one JSON string."""
    body = {"AccessorID": UUID, "Type": "client", "Policies": [EVIL], "Global": False}
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Answer(200, body), times=None))
    lab.faults.append(Fault("vault", "GET", "/creds/", creds(), when="after"))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr, "nomad-addr": lab.nomad.addr})

    assert main.code == 0
    assert "\n" not in main.outputs["policies"]
    assert not [line for line in commands(main.log) if not line.startswith("::add-mask::")]
