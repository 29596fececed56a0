"""No secret is in sight while a process runs: on no command line of the machine, in no child but the user's command."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from answers import within
from hostile.canaries import HEADERS, PROXY, given, seen, without_masks
from jobs import on, quick_start
from nomad_token_lab import Delay, Fault, Lab, logins
from nomad_token_lab.runner import MINT, Step

PROGRAM: Final = str(Path(sysconfig.get_path("scripts")) / "nomad-token")
LOOK: Final = """\
import json, os, pathlib
lines = []
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        lines.append(path.read_bytes().decode("utf-8", "replace"))
    except OSError:
        pass
print(json.dumps({"environ": dict(os.environ), "lines": lines}))
"""
SIGNALS: Final = (None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def command_lines() -> str:
    """Return the command line of each process of this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text("utf-8", "replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(found)


def left_in(*folders: Path) -> str:
    """Return all that is in files below *folders*."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return "\n".join(path.read_text("utf-8", "replace") for path in files)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.fixture
def inputs(lab: Lab) -> dict[str, str]:
    """Return inputs with as many secrets as there can be at once."""
    with lab.vault_client() as vault:
        approle = logins.approle(vault)
    plain = quick_start(lab) | approle | HEADERS
    del plain["vault-auth-role"]
    lab.mark()
    return plain


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc here")
@pytest.mark.parametrize("signum", SIGNALS, ids=str)
def test_step(lab: Lab, inputs: dict[str, str], tmp_path: Path, signum: signal.Signals | None) -> None:
    """The action's steps show nothing, start nothing, and leave no file but the runner's, however they end."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    step: Step = on(
        lab, tmp_path / "job", RUNNER_DEBUG="1", TMPDIR=str(temporary), HTTPS_PROXY=f"http://u:{PROXY}@127.0.0.1:9"
    )
    lasting = given(inputs) | {PROXY, lab.github.request_token.get_secret_value()}
    lab.faults.append(Fault("vault", "GET", "/creds/", Delay(3)))
    process = step.start(MINT, inputs)
    assert within(15, lambda: any("/creds/" in record.path for record in lab.requests))
    lines, children = command_lines(), Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    if signum is not None:
        os.kill(process.pid, signum)
    log, _ = process.communicate(timeout=20)
    main = step.read(MINT, process.returncode, log)
    everything = lasting | set(main.secrets)
    post = step.post()

    assert len(everything) >= 6
    assert main.code == {None: 0, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[signum]
    assert not children
    assert not seen(lines, everything)
    assert not seen(without_masks(main.log) + main.summary, everything)
    assert not seen(without_masks(post.log) + post.summary, everything)
    assert not seen(json.dumps(main.state) + json.dumps(main.variables) + json.dumps(main.outputs), lasting)
    assert not list(temporary.iterdir())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc here")
@pytest.mark.parametrize("code", [0, 3])
def test_run(lab: Lab, inputs: dict[str, str], tmp_path: Path, code: int) -> None:
    """A command has Nomad's token in its environment, and no other secret of ours; no command line has any."""
    secrets = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    folders = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR")}
    for folder in folders.values():
        Path(folder).mkdir()
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "run", "-v", "--", sys.executable, "-I", "-c", f"{LOOK}\nraise SystemExit({code})"],
        env={"PATH": "/usr/bin:/bin", **folders, **secrets},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = json.loads(done.stdout)
    token = told["environ"].pop("NOMAD_TOKEN")

    assert done.returncode == code
    assert not seen(json.dumps(told["environ"]), given(inputs) | {token})
    assert not [name for name in told["environ"] if "NOMAD_MINT" in name]
    assert any("raise SystemExit" in line for line in told["lines"])
    assert not seen("\n".join(told["lines"]), given(inputs) | {token})
    assert not seen(done.stderr, given(inputs) | {token})
    assert "hvs." not in done.stdout + done.stderr
    assert not left_in(*map(Path, folders.values()))
    lab.settle()
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize("signum", SIGNALS, ids=str)
def test_command_line(lab: Lab, inputs: dict[str, str], tmp_path: Path, signum: int | None) -> None:
    """In a shell the state and what was asked for hold what is short-lived alone, and a revoke removes them."""
    secrets = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    folders = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR")}
    for folder in folders.values():
        Path(folder).mkdir()
    environ = {"PATH": "/usr/bin:/bin", **folders, **secrets}
    state = ["-v", "--state", str(tmp_path / "HOME" / "state")]
    lab.faults.append(Fault("vault", "GET", "/creds/", Delay(3)))
    words = [PROGRAM, "mint", *state, "--json", str(tmp_path / "HOME" / "token.json")]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert within(15, lambda: any("/creds/" in record.path for record in lab.requests))
        if signum is not None:
            os.kill(process.pid, signum)
        printed = "".join(process.communicate(timeout=20))
    everything = given(inputs) | {token.secret for token in lab.nomad.live_tokens()}
    between = left_in(*map(Path, folders.values()))
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "revoke", *state], env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert not seen(printed + done.stdout + done.stderr, everything)
    assert not seen(between, given(inputs))
    assert done.returncode == 0
    assert not left_in(*map(Path, folders.values()))
    lab.settle()
    assert not lab.nomad.live_tokens()
