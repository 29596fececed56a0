"""The commands `lab` and `demo`, as `nomad-token` finds them by its entry points."""

import argparse
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Final

from rich.console import Console

from nomad_token_lab.lab import Lab


def lab(argv: list[str]) -> int:
    """Serve the lab until SIGINT or SIGTERM, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="nomad-token lab",
        description="Serve Vault's, Nomad's and GitHub's APIs on loopback, a deploy trusted, until interrupted.",
    )
    for server in ("vault", "nomad", "github"):
        parser.add_argument(f"--{server}-port", type=int, default=0, metavar="N", help="default: a free one")
    about = "nothing is set up, and Nomad is not bootstrapped: to try `nomad-token bootstrap` and `setup` on"
    parser.add_argument("--empty", action="store_true", help=about)
    asked = parser.parse_args(argv)
    served = Lab(
        vault_port=asked.vault_port,
        nomad_port=asked.nomad_port,
        github_port=asked.github_port,
        trust=not asked.empty,
        bootstrapped=not asked.empty,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        served.start()
    except OSError as error:
        Console(stderr=True).print(f"nomad-token lab: {error}", style="red", markup=False)
        return 2
    try:
        _introduce(served, Console(soft_wrap=True, highlight=False))
        stop.wait()
    finally:
        served.stop()
    return 0


def demo(argv: list[str]) -> int:
    """Walk through the main job on the lab, and return the exit code."""
    argparse.ArgumentParser(
        prog="nomad-token demo", description="Walk through the main job on the lab, from trust to a dead token."
    ).parse_args(argv)
    from nomad_token_lab.demo import run  # noqa: PLC0415 - what `lab` does not need

    return run()


def _introduce(served: Lab, console: Console) -> None:
    """Say where everything is, in lines to paste."""
    admin = {
        "VAULT_ADDR": served.vault.addr,
        "VAULT_TOKEN": served.root_token.get_secret_value(),
        "NOMAD_ADDR": served.nomad.addr,
    }
    if managed := served.management_token.get_secret_value():
        admin["NOMAD_TOKEN"] = managed
    inputs = {
        "vault-addr": served.vault.addr,
        "vault-auth-role": "deploy-app",
        "role": "deployer",
        "nomad-addr": served.nomad.addr,
    }
    _section(console, "The job's identity, as the runner gives it", _exports(served.github.environ()))
    _section(console, "The action's inputs", [f"{name}: {value}" for name, value in inputs.items()])
    _section(console, "An operator's tokens; they open this lab and nothing else", _exports(admin))
    _section(console, "The job's id token in a shell, after those lines; it lives for 5 minutes", [_ASKS_FOR_ITS_ID])
    if not managed:
        init = f"nomad-token setup init --role deployer --vault-auth-role deploy-app --issuer {served.github.addr}"
        _section(
            console,
            "To set it up, as docs/setup-vault.md tells",
            [
                "nomad-token bootstrap --out nomad-operator.token",
                'export NOMAD_TOKEN="$(cat nomad-operator.token)"',
                f"{init} --repository-id {served.github.repository_id}",
                "nomad-token setup apply",
            ],
        )
    console.print("Serving until interrupted (Ctrl-C).", style="dim")
    sys.stdout.flush()


_ASKS_FOR_ITS_ID: Final = (
    'export VAULT_ID_TOKEN="$(curl -sS -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" '
    '"$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$VAULT_ADDR" | jq -r .value)"'
)


def _exports(environ: Mapping[str, str]) -> list[str]:
    return [f"export {name}='{value}'" for name, value in environ.items()]


def _section(console: Console, title: str, lines: list[str]) -> None:
    console.print(title, style="bold")
    for line in lines:
        console.print(f"  {line}", markup=False)
    console.print()
