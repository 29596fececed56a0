"""TLS of both servers: what is accepted, in every form; and what is not, with the input to change."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from certificates import DAY, Authority, Pair
from jobs import on, quick_start
from nomad_token_lab import Lab, Tls
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from nomad_token_lab.runner import Ran, Step

NAME: Final = "server.example.test"
"""A name that no address of the lab has."""


@dataclass(frozen=True)
class Pki:
    """The authorities of a test run, and the folder with all their files, which is the job's workspace."""

    folder: Path
    own: Authority
    other: Authority

    @property
    def both(self) -> Path:
        """One file with two authorities, the one that is needed being the second."""
        path = self.folder / "both.crt"
        path.write_text(self.other.certificate.read_text("ascii") + self.own.certificate.read_text("ascii"), "ascii")
        return path

    def chained(self, *, sent: bool) -> Pair:
        """Return a pair that an intermediate authority signed, whose own certificate the server sends or not."""
        between = Authority(self.folder, "intermediate authority", above=self.own)
        leaf = between.server()
        chain = self.folder / "chain.crt"
        chain.write_text(leaf.certificate.read_text("ascii") + between.certificate.read_text("ascii"), "ascii")
        return Pair(chain, leaf.key) if sent else leaf

    def demanding(self) -> Tls:
        """Return a server that talks to nobody without a certificate of its own authority."""
        pair = self.own.server()
        return Tls(pair.certificate, pair.key, client_ca=self.own.certificate, requires_client=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Make two authorities."""
    folder = tmp_path_factory.mktemp("workspace")
    return Pki(folder, Authority(folder), Authority(folder, "another authority"))


@dataclass(frozen=True)
class Road:
    """A lab whose server `server` speaks TLS, a step, and the inputs of an issuer that is asked there."""

    lab: Lab
    step: Step
    server: str
    inputs: dict[str, str]

    def main(self, given: dict[str, str]) -> Ran:
        """Run the main step with *given*, whose names are without the server's."""
        return self.step.main(self._inputs(given))

    def post(self, given: dict[str, str]) -> Ran:
        """Run the post-step."""
        return self.step.post(self._inputs(given))

    def _inputs(self, given: dict[str, str]) -> dict[str, str]:
        return self.inputs | {f"{self.server}-{name}": value for name, value in given.items()}

    @property
    def alive(self) -> list[object]:
        """What was made and lives."""
        self.lab.settle()
        return [*self.lab.nomad.live_tokens(), *self.lab.vault.live_tokens(), *self.lab.vault.live_leases()]


def _of_nomad(lab: Lab) -> tuple[dict[str, str], str]:
    """Trust GitHub's jobs in Nomad itself; the management token deletes what was made."""
    with lab.nomad_client() as nomad:
        made = nomad_trust(NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.audience), nomad)
    lab.mark()
    lent = {"nomad-addr": lab.nomad.addr, "nomad-management-token": made.management_token.get_secret_value()}
    return lent, made.auth_method


def _login(lab: Lab) -> dict[str, str]:
    lent, method = _of_nomad(lab)
    return lent | {"nomad-auth-method": method, "audience": lab.audience}


def _management(lab: Lab) -> dict[str, str]:
    return _of_nomad(lab)[0] | {"policies": "deployer"}


def _vault(lab: Lab) -> dict[str, str]:
    return quick_start(lab, audience=lab.audience)


ROADS: Final[dict[str, Callable[[Lab], dict[str, str]]]] = {
    "vault": _vault,
    "nomad-login": _login,
    "nomad-management": _management,
}


@contextmanager
def road(issuer: str, tls: Tls | None, folder: Path, pki: Pki) -> Iterator[Road]:
    """Serve a lab in which the server that *issuer* asks speaks *tls*, and the others plain HTTP."""
    server = "vault" if issuer == "vault" else "nomad"
    with Lab(trust=issuer == "vault", tls={server: tls} if tls else {}) as lab:  # type: ignore[dict-item] # one of three
        inputs = ROADS[issuer](lab)
        step = on(lab, folder, GITHUB_WORKSPACE=str(pki.folder))
        yield Road(lab, step, server, inputs)


def _plain(pair: Pair) -> Tls:
    return Tls(pair.certificate, pair.key)


def _text(path: Path) -> str:
    return path.read_text("ascii")


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _path(path: Path) -> str:
    return path.name


def _at_path(path: Path) -> str:
    return f"@{path.name}"


Given = Callable[[Pki], dict[str, str]]
Serve = Callable[[Pki], Tls | None]


def _good(pki: Pki) -> Tls:
    return _plain(pki.own.server())


def _ca(pki: Pki, **more: str) -> dict[str, str]:
    return {"ca-cert": pki.own.certificate.name, **{name.replace("_", "-"): value for name, value in more.items()}}


def _shows(pki: Pki, pair: Pair, key: Path | None = None) -> dict[str, str]:
    return _ca(pki, client_cert=pair.certificate.name, client_key=(key or pair.key).name)


@dataclass(frozen=True)
class Case:
    """A server, what is given to reach it, and what is said where that does not do; `{}` is the server's name."""

    serve: Serve = _good
    given: Given = _ca
    says: tuple[str, ...] = ()
    code: int = 75
    scheme: str = ""
    """What the address begins with instead of the right one."""
    warns: str = ""
    hangs_up: bool = False
    """Whether the lab ends the connection without an alert: what may have been asked is not known then."""


def _ca_as(form: Callable[[Path], str]) -> Case:
    return Case(given=lambda pki: {"ca-cert": form(pki.own.certificate)})


def _client_as(form: Callable[[Path], str]) -> Case:
    def given(pki: Pki) -> dict[str, str]:
        own = pki.own.client("ci")
        return _ca(pki, client_cert=form(own.certificate), client_key=form(own.key))

    return Case(Pki.demanding, given)


_FORMS: Final = {"text": _text, "base64": _base64, "path": _path, "@path": _at_path}
WORKS: Final = {
    **{f"ca as {name}": _ca_as(form) for name, form in _FORMS.items()},
    **{f"client as {name}": _client_as(form) for name, form in _FORMS.items()},
    "ca absolute path": Case(given=lambda pki: {"ca-cert": str(pki.own.certificate)}),
    "ca with a comment": Case(given=lambda pki: {"ca-cert": f"# Behörde\n{_text(pki.own.certificate)}"}),
    "ca among two": Case(given=lambda pki: {"ca-cert": pki.both.name}),
    "intermediate sent": Case(lambda pki: _plain(pki.chained(sent=True))),
    "other name expected": Case(lambda pki: _plain(pki.own.server([NAME])), lambda pki: _ca(pki, tls_server_name=NAME)),
    "unchecked": Case(
        lambda pki: _plain(pki.own.server([NAME], ends=datetime.now(UTC) - DAY / 2)),
        lambda _: {"skip-verify": "true"},
        warns="`{}-skip-verify`",
    ),
}

FAILS: Final = {
    "unknown authority": Case(given=lambda _: {}, says=("not trusted here", "`{}-ca-cert`")),
    "another authority": Case(
        given=lambda pki: {"ca-cert": pki.other.certificate.name}, says=("not trusted here", "`{}-ca-cert`")
    ),
    "intermediate missing": Case(
        lambda pki: _plain(pki.chained(sent=False)), says=("not trusted here", "`{}-ca-cert`")
    ),
    "wrong name": Case(
        lambda pki: _plain(pki.own.server([NAME])), says=("for another name", "`{}-addr`", "`{}-tls-server-name`")
    ),
    "wrong name expected": Case(
        given=lambda pki: _ca(pki, tls_server_name=NAME), says=("for another name", "`{}-tls-server-name`")
    ),
    "expired": Case(
        lambda pki: _plain(pki.own.server(ends=datetime.now(UTC) - DAY / 2)), says=("has expired", "`{}-ca-cert`")
    ),
    "not valid yet": Case(
        lambda pki: _plain(pki.own.server(begins=datetime.now(UTC) + DAY / 2)), says=("not valid yet", "`{}-addr`")
    ),
    "client without a certificate": Case(
        Pki.demanding, says=("or another one", "`{}-client-cert`", "`{}-client-key`"), hangs_up=True
    ),
    "client of another authority": Case(
        Pki.demanding,
        lambda pki: _shows(pki, pki.other.client("ci")),
        says=("or another one", "`{}-client-cert`"),
        hangs_up=True,
    ),
    "client expired": Case(
        Pki.demanding,
        lambda pki: _shows(pki, pki.own.client("ci", ends=datetime.now(UTC) - DAY / 2)),
        says=("or another one", "`{}-client-cert`"),
        hangs_up=True,
    ),
    "client with another's key": Case(
        Pki.demanding,
        lambda pki: _shows(pki, pki.own.client("ci"), pki.own.client("other").key),
        says=("`{}-client-key` is not the key of `{}-client-cert`",),
        code=2,
    ),
    "client without a key": Case(
        Pki.demanding,
        lambda pki: _ca(pki, client_cert=pki.own.client("ci").certificate.name),
        says=("`{}-client-cert` and `{}-client-key` go together",),
        code=2,
    ),
    "no such file": Case(given=lambda _: {"ca-cert": "none.crt"}, says=("`{}-ca-cert`", "can't be read"), code=2),
    "file without pem": Case(
        given=lambda pki: {"ca-cert": _written(pki, "notes.txt", "hello").name},
        says=("`{}-ca-cert`", "holds no PEM"),
        code=2,
    ),
    "broken pem": Case(
        given=lambda pki: {"ca-cert": _text(pki.own.certificate).replace("MII", "AAA")},
        says=("`{}-ca-cert`", "no certificate that can be read"),
        code=2,
    ),
    "key for a certificate": Case(
        given=lambda pki: {"ca-cert": pki.own.client("ci").key.name},
        says=("`{}-ca-cert`", "no certificate that can be read"),
        code=2,
    ),
    "https to a plain server": Case(
        lambda _: None, scheme="https", says=("There is no TLS at that port", "http:// in `{}-addr`")
    ),
    "http to a server of tls": Case(
        scheme="http", given=lambda _: {}, says=("speaks TLS there", "https:// in `{}-addr`"), hangs_up=True
    ),
}


def _written(pki: Pki, name: str, text: str) -> Path:
    path = pki.folder / name
    path.write_text(text, "ascii")
    return path


def unsaid(case: Case, server: str, ran: Ran) -> list[str]:
    """Return what should have been said, and was not."""
    said = ran.log.replace("%0A", "\n")
    return [part for part in (each.replace("{}", server) for each in case.says) if part not in said]


# The two issuers of Nomad's differ in the request alone: what the connection meets is shown once, and a bit of both.
_OF_BOTH: Final = {"ca as text", "client as path", "unchecked", "unknown authority", "expired"}


def each(cases: Mapping[str, Case]) -> Iterator[tuple[str, str]]:
    """Yield the cases by issuer: where a request may have been seen, a login is not asked for again, which is quick."""
    for name, case in cases.items():
        yield name, "vault"
        if not case.hangs_up:
            yield name, "nomad-management"
        if case.hangs_up or name in _OF_BOTH:
            yield name, "nomad-login"


@pytest.mark.parametrize(("name", "issuer"), [*each(WORKS)])
def test_works(name: str, issuer: str, pki: Pki, tmp_path: Path) -> None:
    """The token is made, used and revoked; no private key is saved; what is not checked is warned about."""
    case = WORKS[name]
    with road(issuer, case.serve(pki), tmp_path, pki) as taken:
        given = case.given(pki)
        main, post = taken.main(given), taken.post(given)

        assert (main.code, post.code) == (0, 0)
        assert "Nomad refuses it" in post.log
        assert not taken.alive
        assert "PRIVATE KEY" not in str(main.state)
        assert ("::warning" in main.log) == bool(case.warns)
        assert case.warns.format(taken.server) in main.log


def test_key_that_changed(pki: Pki, tmp_path: Path) -> None:
    """A key's file that holds another key by the post-step does not end it: the server may not want one."""
    with road("vault", _good(pki), tmp_path, pki) as taken:
        given = _shows(pki, pki.own.client("ci"))
        main = taken.main(given)
        (pki.folder / given["client-key"]).write_text(_text(pki.other.client("another").key), "ascii")
        post = taken.post(given)

        assert (main.code, post.code) == (0, 0)
        assert "Nomad refuses it" in post.log
        assert not taken.alive


@pytest.mark.parametrize(("name", "issuer"), [*each(FAILS)])
def test_fails(name: str, issuer: str, pki: Pki, tmp_path: Path) -> None:
    """What stands in the way is said, with the input to change; it is tried once, since time heals none of it."""
    case = FAILS[name]
    with road(issuer, case.serve(pki), tmp_path, pki) as taken:
        given = case.given(pki)
        if case.scheme:
            given["addr"] = f"{case.scheme}://{taken.inputs[f'{taken.server}-addr'].partition('://')[2]}"
        main = taken.main(given)

        assert unsaid(case, taken.server, main) == []
        assert main.code == case.code
        assert "token" not in main.outputs
        assert not taken.alive
        assert case.hangs_up or "Maybe left behind" not in main.log
        assert case.hangs_up or len(taken.lab.requests) <= 1, "more than the id token was asked for"


@pytest.mark.parametrize(
    "name",
    [
        "unknown authority",
        "wrong name",
        "expired",
        "client without a certificate",
        "https to a plain server",
    ],
)
def test_nomad_can_not_be_asked(name: str, pki: Pki, tmp_path: Path) -> None:
    """Where the proof is required, a Nomad that can't be asked for it is told in the same words."""
    case = FAILS[name]
    tls = case.serve(pki)
    with Lab(trust=True, tls={"nomad": tls} if tls else {}) as lab:
        step = on(lab, tmp_path, GITHUB_WORKSPACE=str(pki.folder))
        given = {f"nomad-{each}": value for each, value in case.given(pki).items()}
        if case.scheme:
            given["nomad-addr"] = lab.nomad.addr.replace("http://", "https://")
        main = step.main(quick_start(lab) | given | {"verify": "required"})
        step.post()
        lab.settle()

        assert main.code == 75
        assert unsaid(case, "nomad", main) == []
        assert not lab.nomad.live_tokens()
