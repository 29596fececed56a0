"""`nomad-token demo`: the main job on the lab, from trust to proof, with what is masked and saved on the way."""

import tempfile
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.text import Text

from nomad_token_lab.lab import Lab
from nomad_token_lab.runner import Ran, Step

_JOB: Final = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
_MASK: Final = "::add-mask::"


class Demo:
    """The stations, told to one console."""

    def __init__(self, console: Console) -> None:
        """Tell it to *console*, which is pretty in a terminal and plain in a pipe."""
        self._console = console

    def run(self) -> bool:
        """Walk from trust to proof, and tell whether nothing is left."""
        with Lab(trust=True) as lab, tempfile.TemporaryDirectory(prefix="nomad-token-") as folder:
            self._trust(lab)
            step = Step(Path(folder), lab.github.environ())
            inputs = {
                "vault-addr": lab.vault.addr,
                "nomad-addr": lab.nomad.addr,
                "role": "deployer",
                "vault-auth-role": "deploy-app",
            }
            main = step.main(inputs)
            self._mint(inputs, main)
            token, address = main.variables.get("NOMAD_TOKEN", ""), lab.nomad.addr
            deployed = self._deploy(address, token, "while the job runs")
            post = step.post()
            self._revoke(post)
            refused = not self._deploy(address, token, "after it has ended")
            return self._proof(lab, deployed=deployed, refused=refused, main=main, post=post)

    def _station(self, number: int, title: str, about: str) -> None:
        self._console.print()
        self._console.print(Text(f"{number}  {title}", style="bold cyan"))
        self._tell(about, "dim")

    def _tell(self, text: str, style: str = "") -> None:
        # Not wrapped: what is copied out of a terminal, or read from a pipe, is whole lines.
        self._console.print(Text(f"   {text}", style=style), soft_wrap=True)

    def _trust(self, lab: Lab) -> None:
        self._console.print(
            Text("nomad-token demo", style="bold"), Text("with Vault, Nomad and GitHub on loopback", "dim")
        )
        self._station(1, "Trust", "what an operator set up once: who may ask, and for what")
        self._tell(f"  Nomad   {lab.nomad.addr}   policy deployer: submit and read jobs in namespace default")
        self._tell(f"  Vault   {lab.vault.addr}   nomad/role/deployer: tokens with that policy, for 30 minutes")
        self._tell("                                   auth/jwt/role/deploy-app: pushes to main of one repository")
        self._tell(f"  GitHub  {lab.github.addr}   gives the job an id token that says who it is")

    def _mint(self, inputs: dict[str, str], main: Ran) -> None:
        self._station(2, "Mint", "the job's first step; its whole configuration:")
        for name, value in inputs.items():
            self._tell(f"  {name}: {value}")
        self._tell("what the runner's log shows:", "dim")
        self._log(main)
        self._tell("what is saved for the post-step, each fact the moment it is true:", "dim")
        for fact in main.facts:
            told = [f"{name}={_plain(value, main)}" for name, value in fact.items() if _telling(name, value)]
            self._tell(f"  {fact['fact']:<8} {', '.join(told)}")
        self._tell("what the next steps get:", "dim")
        for name, value in main.variables.items():
            self._tell(f"  {name}={_plain(value, main)}")

    def _deploy(self, address: str, token: str, when: str) -> bool:
        """Ask Nomad who the token is, and submit a job with it; tell whether Nomad took the job."""
        if when == "while the job runs":
            self._station(3, "Deploy", "the job's next step, with NOMAD_TOKEN in its environment")
        else:
            self._tell(f"and the same requests {when}:", "dim")
        headers = {"X-Nomad-Token": token}
        who = httpx.get(f"{address}/v1/acl/token/self", headers=headers)
        job = httpx.put(f"{address}/v1/jobs", json=_JOB, headers=headers)
        self._answer("GET /v1/acl/token/self", who)
        self._answer("PUT /v1/jobs", job)
        return job.is_success

    def _answer(self, request: str, answer: httpx.Response) -> None:
        body = answer.json() if answer.is_success else {}
        told = ", ".join(f"{name} {body[name]}" for name in ("Type", "Policies", "EvalID") if name in body)
        style = "green" if answer.is_success else "red"
        self._tell(f"  {request:<24} {answer.status_code} {told or answer.text.strip()}", style)

    def _revoke(self, post: Ran) -> None:
        self._station(4, "Revoke", "the post-step: it reads no inputs, and logs in to nothing")
        self._log(post)

    def _log(self, ran: Ran) -> None:
        for line in ran.log.splitlines():
            if line.startswith(_MASK):
                self._tell(f"  ::add-mask::***   ({_kind(line.removeprefix(_MASK))} is hidden from here on)")
            else:
                self._tell(f"  {line}")

    def _proof(self, lab: Lab, *, deployed: bool, refused: bool, main: Ran, post: Ran) -> bool:
        self._station(5, "Proof", "what an operator finds afterwards")
        lab.settle()
        printed = post.log + "".join(line for line in main.log.splitlines() if not line.startswith(_MASK))
        findings = [
            ("the job was deployed", deployed),
            ("Nomad refuses its token now", refused),
            (f"Nomad tokens left alive: {len(lab.nomad.live_tokens())}", not lab.nomad.live_tokens()),
            (f"Vault tokens left alive: {len(lab.vault.live_tokens())}", not lab.vault.live_tokens()),
            (f"Vault leases left alive: {len(lab.vault.live_leases())}", not lab.vault.live_leases()),
            ("no secret was printed", not any(secret in printed for secret in main.secrets)),
        ]
        for text, holds in findings:
            self._tell(f"  {'ok' if holds else 'NO':<3} {text}", "green" if holds else "bold red")
        proven = all(holds for _, holds in findings)
        self._console.print()
        self._tell("Nothing is left behind." if proven else "This should not be: please report it.", "bold")
        return proven


def _telling(name: str, value: object) -> bool:
    return name not in {"v", "fact", "mint"} and value not in ("", None)


def _plain(value: object, ran: Ran) -> object:
    if isinstance(value, dict):
        return value["address"]
    return "***" if value in ran.secrets else value


def _kind(secret: str) -> str:
    if secret.startswith("eyJ"):
        return "the id token"
    return "the Vault token" if secret.startswith(("hvs.", "s.")) else "the Nomad token"


def run() -> int:
    """Run the demo, and return the exit code: 0 once everything is proven."""
    return 0 if Demo(Console(highlight=False)).run() else 1
