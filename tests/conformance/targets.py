"""Where the suite runs: the lab in each dialect and profile, the servers built here, or those that are named to it.

`CONFORMANCE_VAULT_ADDR`, `CONFORMANCE_OPENBAO_ADDR` and `CONFORMANCE_NOMAD_ADDR`, each with a `…_TOKEN` that may do
everything, name servers made for it: it writes to them. Where one is named, none but the named ones are asked.
They have to reach the lab's GitHub and Nomad on 127.0.0.1. Beside those, `CONFORMANCE_OPENBAO_ENGINE=vault` tells that
OpenBao's plugin `nomad` is Vault's engine, `CONFORMANCE_NOMAD_WITHOUT_ACLS_ADDR` names a Nomad of the same version with
ACLs off, and `CONFORMANCE_NOMAD_REGION` another region of the federation, for which the Nomad is authoritative.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, NoReturn

import httpx
import pytest

import nomads
import servers
from nomad_token.secret import SecretStr
from nomad_token_lab import Dialect, Lab, Profile
from nomad_token_lab.nomad.profile import Release, release

Product = Literal["vault", "openbao", "nomad"]
Place = Literal["lab", "built", "named"]
_NEWEST: Final[Release] = (99,)


@dataclass(frozen=True)
class Target:
    """A server to run on; the lab's Vault is of the newest release."""

    product: Product
    place: Place
    version: str

    @property
    def name(self) -> str:
        """What the numbers are told by."""
        return f"lab-{self.product}{self.version and '-'}{self.version}" if self.place == "lab" else self._plain

    @property
    def _plain(self) -> str:
        return f"{self.product}-{self.version}"

    @property
    def release(self) -> Release:
        """The numbers of the version."""
        return release(self.version) or _NEWEST


@dataclass(frozen=True)
class Named:
    """A server that was named in the environment."""

    addr: str
    token: SecretStr


def named(product: Product) -> Named | None:
    """Return the server of *product* that the environment names, if it does."""
    addr = os.environ.get(f"CONFORMANCE_{product.upper()}_ADDR", "").rstrip("/")
    return Named(addr, SecretStr(os.environ[f"CONFORMANCE_{product.upper()}_TOKEN"])) if addr else None


@cache
def targets(*products: Product) -> tuple[Target, ...]:
    """Return the servers of *products* to run on.

    Raises:
        pytest.UsageError: a server that was named does not say its version.
    """
    if any(named(product) for product in ("vault", "openbao", "nomad")):
        return tuple(
            Target(product, "named", _version(product, server)) for product in products if (server := named(product))
        )
    ours = {
        "vault": [Target("vault", "lab", ""), Target("vault", "built", "1.14.2")],
        "openbao": [Target("openbao", "lab", ""), Target("openbao", "built", "2.7.2")],
        "nomad": [
            *(Target("nomad", "lab", profile.value) for profile in Profile),
            *(Target("nomad", "built", version) for version in nomads.VERSIONS),
        ],
    }
    return tuple(target for product in products for target in ours[product])


def _version(product: Product, server: Named) -> str:
    path, header = ("/v1/agent/self", "X-Nomad-Token") if product == "nomad" else ("/v1/sys/health", "X-Vault-Token")
    headers = {header: server.token.get_secret_value()}
    try:
        told = httpx.get(server.addr + path, headers=headers, trust_env=False, timeout=30).raise_for_status().json()
        return str(told["config"]["Version"]["Version"] if product == "nomad" else told["version"]).partition("+")[0]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise pytest.UsageError(f"{product} at {server.addr} does not say its version: {error}") from error


def not_applicable(why: str) -> NoReturn:
    """Leave a test out on a target to which its fact does not apply, and say why: it is counted apart."""
    pytest.skip(f"not applicable: {why}")


class Heard(httpx.BaseTransport):
    """A way to a server on which all that it says is noted down."""

    def __init__(self, texts: list[str], **how: Any) -> None:  # noqa: ANN401 - what httpx.HTTPTransport takes
        """Note it in *texts*."""
        self._texts = texts
        self._way = httpx.HTTPTransport(**how)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        answer = self._way.handle_request(request)
        answer.read()
        self._texts.append(answer.text)
        return answer

    def close(self) -> None:
        """Close the way."""
        self._way.close()


@dataclass(frozen=True)
class Served:
    """A Vault or an OpenBao under test."""

    target: Target
    addr: str
    root_token: SecretStr
    texts: list[str]
    built: servers.Vault | servers.OpenBao | None = None

    @property
    def is_openbao(self) -> bool:
        """Whether it is OpenBao, or the lab in its dialect."""
        return self.target.product == "openbao"

    @property
    def is_vault_1_14(self) -> bool:
        """Whether it is of Vault's last free line or older, whose words for some refusals are others."""
        return not self.is_openbao and self.target.release < (1, 15)

    @property
    def is_lab(self) -> bool:
        """Whether it is the lab's."""
        return self.target.place == "lab"

    @property
    def has_openbaos_engine(self) -> bool:
        """Whether its Nomad engine is OpenBao's own plugin; the one that is built here is Vault's."""
        if self.target.place == "named":
            return self.is_openbao and os.environ.get("CONFORMANCE_OPENBAO_ENGINE", "openbao") == "openbao"
        return self.is_openbao and self.is_lab

    @property
    def bad_token(self) -> str:
        """What it says to a token that it does not know: Vault has other words since 1.17 (api-contract 3.1)."""
        if self.is_openbao or self.target.release < (1, 17):
            return "permission denied"
        return "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"

    def client(self, *, base: str = "", rooted: bool = False) -> httpx.Client:
        """Return a client without a token, or with the root's."""
        headers = {"X-Vault-Token": self.root_token.get_secret_value()} if rooted else {}
        return httpx.Client(base_url=self.addr + base, headers=headers, transport=Heard(self.texts), timeout=30)


@dataclass(frozen=True)
class BuiltNomads:
    """Nomads of the version that is built here."""

    home: nomads.Nomad
    """The authoritative region."""
    elsewhere: nomads.Nomad
    without_acls: nomads.Nomad
    leaderless: nomads.Nomad


@dataclass(frozen=True)
class Agent:
    """A Nomad agent under test, and the lab whose GitHub it trusts; in the lab, that is its own."""

    target: Target
    addr: str
    management_token: SecretStr
    lab: Lab
    http: httpx.Client
    texts: list[str]
    built: BuiltNomads | None = None

    @property
    def profile(self) -> Profile:
        """The range of versions that it is in (api-contract 2.5)."""
        return Profile.of(self.target.version)

    @property
    def is_lab(self) -> bool:
        """Whether it is the lab's."""
        return self.target.place == "lab"

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:  # noqa: ANN401
        """Ask with *token*, "" being none; without one, as a manager."""
        secret = self.management_token.get_secret_value() if token is None else token
        return self.http.request(
            method, f"{self.addr}/v1/{path}", json=body, headers={"X-Nomad-Token": secret} if secret else {}
        )

    def client(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a token
        """Make a client token."""
        wanted = {"Name": "conformance", "Type": "client", "Policies": ["deployer"], **fields}
        made: dict[str, Any] = self.ask("POST", "acl/token", wanted).raise_for_status().json()
        return made

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        if self.is_lab:
            self.lab.advance(seconds)
        else:
            time.sleep(seconds)


def lab_for(target: Target, *regions: str) -> Lab:
    """Return a lab that is *target*, or stands beside it."""
    if target.place != "lab":
        return Lab()
    if target.product == "nomad":
        return Lab(profile=Profile(target.version), regions=regions or ("global",))
    return Lab(dialect=Dialect(target.product))


def text(answer: httpx.Response) -> tuple[int, str]:
    """Return status and body of an answer of Nomad's."""
    return answer.status_code, answer.text


def numbers(reports: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, int], dict[str, int]]]:
    """Return, for each target, how many tests ended in which way, and how often for which reason one did not apply."""
    tally: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, int]] = {}
    for outcome, found in reports.items():
        for report in found:
            target = dict(getattr(report, "user_properties", ())).get("target")
            if not target or outcome not in {"passed", "failed", "error", "skipped"}:
                continue
            if outcome == "passed" and report.when != "call":
                continue
            kind = {"passed": "passed", "skipped": "not applicable"}.get(outcome, "failed")
            tally.setdefault(target, dict.fromkeys(("passed", "not applicable", "failed"), 0))[kind] += 1
            if outcome == "skipped":
                why = str(report.longrepr[2]).removeprefix("Skipped: ").removeprefix("not applicable: ")
                reasons.setdefault(target, {})[why] = reasons.get(target, {}).get(why, 0) + 1
    for target in sorted(tally):
        yield target, tally[target], reasons.get(target, {})
