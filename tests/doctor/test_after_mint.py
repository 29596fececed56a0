"""A mint that failed looks at what its error leaves open, and says it where it is worth a word."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from doctor.symptoms import HOUR, Arrange, all_of, off
from jobs import nothing_lives, on, quick_start
from nomad_token_lab import Answer, Fault, Lab
from nomad_token_lab.faults import Silence
from nomad_token_lab.runner import MINT
from refusals import fault, switch, write

LOOKED = "Looked at: "
DENIED = fault("nomad", "GET", "/v1/acl/token/self", Answer(403, "Permission denied", content_type="text/plain"))
UNREACHED = write("nomad/config/access", address="http://127.0.0.1:1")
TIMES = fault(
    "vault",
    "POST",
    "/login$",
    Answer(400, {"errors": ["error validating token: invalid issued at (iat) claim: token issued in the future"]}),
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.mark.parametrize(
    ("arrange", "changed", "says"),
    [
        (off("vault", -HOUR), {}, "vault clock. Vault's clock is 1 h behind"),
        (all_of(UNREACHED, switch("nomad", "leader", on=False)), {}, "leader. Nomad at NOMAD has no leader."),
        (UNREACHED, {"nomad-addr": "http://127.0.0.1:2"}, "nomad address. No answer from http://127.0.0.1:2"),
        (all_of(DENIED, off("nomad", HOUR)), {}, "nomad clock. Nomad's clock is 1 h ahead"),
    ],
    ids=["vault's clock", "no leader", "nomad is away for both", "nomad's clock"],
)
def test_what_decides(lab: Lab, tmp_path: Path, arrange: Arrange, changed: dict[str, str], says: str) -> None:
    """It is in the log, in a line; the error is as it was, and so is the exit code; nothing is left."""
    arrange(lab)
    lab.mark()
    main = on(lab, tmp_path).main(quick_start(lab, timeout="3s") | changed)

    assert f"{LOOKED}{says.replace('NOMAD', lab.nomad.addr)}" in main.log
    assert main.code == 75
    assert main.log.count(LOOKED) == 1
    assert nothing_lives(lab)


@pytest.mark.parametrize("arrange", [UNREACHED, DENIED, TIMES], ids=["unreached", "denied", "times"])
def test_nothing_new(lab: Lab, tmp_path: Path, arrange: Arrange) -> None:
    """Where all that anybody may look at is well, nothing is said, and little was asked."""
    arrange(lab)
    lab.mark()
    main = on(lab, tmp_path).main(quick_start(lab, timeout="3s"))
    last = [f"{one.method} {one.path}" for one in lab.requests if one.server != "github" and not one.internal][-2:]

    assert main.code == 75
    assert LOOKED not in main.log
    assert set(last) & {
        "GET /v1/status/leader",
        "GET /v1/regions",
        "GET /v1/sys/health?standbyok=true&perfstandbyok=true",
    }
    assert nothing_lives(lab)


@pytest.mark.parametrize(
    "arrange",
    [
        write("sys/policies/acl/nomad-deployer", policy='path "other/*" { capabilities = ["read"] }'),
        write("nomad/config/access", token="11111111-2222-3333-4444-555555555555"),
        switch("vault", "sealed", on=True),
    ],
    ids=["policy", "management token", "sealed"],
)
def test_an_error_without_doubts(lab: Lab, tmp_path: Path, arrange: Callable[[Lab], None]) -> None:
    """An error that says what is the matter is not looked after: no request more."""
    arrange(lab)
    lab.mark()
    main = on(lab, tmp_path).main(quick_start(lab, timeout="3s"))

    assert main.code in {4, 75}
    assert LOOKED not in main.log
    assert not [one for one in lab.requests if one.path.startswith(("/v1/sys/health", "/v1/status", "/v1/regions"))]


def test_a_server_that_is_silent(lab: Lab, tmp_path: Path) -> None:
    """It is given up soon, and changes nothing but that it is told."""
    UNREACHED(lab)
    lab.faults.append(Fault("nomad", "GET", "/v1/status/leader", Silence(30), times=None))
    lab.mark()
    main = on(lab, tmp_path).main(quick_start(lab, timeout="3s"))

    assert main.code == 75
    assert "Vault can't reach Nomad" in main.log
    assert f"{LOOKED}nomad address." in main.log
    assert nothing_lives(lab)


def test_after_a_signal(lab: Lab, tmp_path: Path) -> None:
    """A mint that is cancelled looks at nothing: what time there is belongs to its undo."""
    UNREACHED(lab)
    lab.mark()
    step = on(lab, tmp_path)
    with step.start(MINT, quick_start(lab, timeout="60s")) as process:
        for _ in range(200):
            if any("/creds/" in one.path for one in lab.requests):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=60)

    assert process.returncode == 143, log
    assert LOOKED not in log
    assert not [one for one in lab.requests if one.path.startswith("/v1/status")]
    assert nothing_lives(lab)
