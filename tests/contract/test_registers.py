"""What every auth method and every issuer keeps to by being in its register; a new one is tested with no edit here.

A new input may need a sample below, and the test that misses it says so.
"""

import ast
import inspect
import itertools
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Self

import httpx
import pytest

from fakes import VAULT, Event, RecordingPlatform, World, jwt
from faults.roads import ROADS
from nomad_token.clients.failures import Answer, Refusal
from nomad_token.clients.http import Connections
from nomad_token.clock import SystemClock
from nomad_token.connecting import NomadConnection, VaultConnection
from nomad_token.credential import Credential
from nomad_token.declared import Declared
from nomad_token.errors import Error, InputError, NoIdentity
from nomad_token.inputs import JobInputs
from nomad_token.issuers import ISSUERS
from nomad_token.mint import mint
from nomad_token.order import IssuerInputs, all_declared, read_order
from nomad_token.outside import Outside
from nomad_token.places import NomadInputs
from nomad_token.post import post
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals
from nomad_token.vault_auth import METHODS
from nomad_token.vault_auth.base import Borrowed, Circumstances, LoginRequest, VaultAuth
from nomad_token_lab import Lab
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from through import Through

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
MOUNT = "teams/ci/of-its-own"
POD = jwt(sub="system:serviceaccount:ci:runner")
# A value for each input of an auth method that not every text would do for; a secret is a canary without one.
SAMPLES = {
    "audience": "https://vault.example.com",
    "id-token": jwt(aud="canary"),
    "vault-auth-role": "deploy-app",
    "vault-auth-payload": json.dumps({"secret": "canary-of-vault-auth-payload"}),
    "vault-kubernetes-token-path": "/token",
    "vault-username": "o'neill/x",
}
HOLDS_A_SECRET = re.compile(r".*(token|password|secret|secret-id|role-id|payload|key|headers)")


def sample(one: Declared) -> str:
    """Return a value for an input of an auth method."""
    if one.name not in SAMPLES and not one.secret:
        pytest.fail(f"`{one.name}` is new: give SAMPLES in {__file__} a value for it")
    return SAMPLES.get(one.name, f"canary-of-{one.name}")


def whole(method: str) -> dict[str, str]:
    """Return a value for each input of *method*."""
    return {one.name: sample(one) for one in METHODS[method].declared()}


def minimal(method: str) -> dict[str, str]:
    """Return a value for each input that *method* can't do without."""
    return {one.name: sample(one) for one in METHODS[method].declared() if one.required}


def read(method: str, given: dict[str, str]) -> VaultAuth:
    """Read the inputs of *method*."""
    return METHODS[method].read(World(given).platform.lookup)


def circumstances(path: str = MOUNT) -> Circumstances:
    """Make those of a job in a pod that may have an id token."""
    return Circumstances(VAULT, path, lambda audience: SecretStr(jwt(aud=audience)), lambda _: POD)


def request(method: str, given: dict[str, str] | None = None) -> LoginRequest | Borrowed:
    """Make the request of *method*, with all its inputs where none are *given*."""
    return read(method, whole(method) if given is None else given).login_request(circumstances())


def secrets(method: str) -> list[str]:
    """Return the values that nothing may show."""
    own = [sample(one) for one in METHODS[method].declared() if one.secret]
    return [*own, "canary-of-vault-auth-payload", POD]


class Doors:
    """What the interpreter opens, starts or connects while it is watched (Python docs, "Audit events table")."""

    def __init__(self) -> None:
        """Watch from now on, and take notes between `with` and its end."""
        self._noting = False
        self.opened: list[str] = []
        sys.addaudithook(self._note)

    def __enter__(self) -> Self:
        self.opened = []
        self._noting = True
        return self

    def __exit__(self, *_: object) -> None:
        self._noting = False

    def _note(self, event: str, _args: tuple[object, ...]) -> None:
        if self._noting and event.partition(".")[0] in {"open", "socket", "subprocess", "os", "urllib", "tempfile"}:
            self.opened.append(event)


DOORS = Doors()


def texts(module: ModuleType) -> list[str]:
    """Return the texts in the code of *module*."""
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    return sorted({node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)})


def refusals(method: str) -> Iterator[Refusal]:
    """Yield refusals of every kind: those that the method knows, and those that nobody does."""
    known = [*texts(sys.modules[METHODS[method].__module__]), *FromVault]
    strange = ["", "x" * 5000, "\x00\n::add-mask::y ##[error]\u202e", "größe", "{}", "%s{0}"]
    for status, said in itertools.product((400, 401, 403, 404, 412, 429, 500, 503), [*known, *strange]):
        yield Refusal(VAULT, Answer(status, {}, said), [f"{said}\n::stop-commands::z ##[group]"])
    yield Refusal(VAULT, Answer(500, {}, ""), [])


@pytest.mark.parametrize("method", METHODS)
def test_each_method_meets_the_faults(method: str) -> None:
    """A login without its road in `tests/faults/roads.py` would go without the fault matrix."""
    assert f"vault-{method}" in ROADS


@pytest.mark.parametrize("method", METHODS)
class TestMethod:
    """A way to log in to Vault."""

    def test_name_is_a_mount(self, method: str) -> None:
        """The name is where Vault mounts the method by default, and any other mount is honoured."""
        auth = read(method, whole(method))
        for mount in (method, MOUNT):
            made = auth.login_request(circumstances(mount))

            assert isinstance(made, Borrowed) or re.fullmatch(rf"auth/{mount}/login(/[^/?#\s]+)?", made.path)

    def test_is_documented(self, method: str) -> None:
        """Each input is a name with hyphens, is described in sentences, and says which method reads it."""
        pages = {one.name: one for one in all_declared()}
        for one in METHODS[method].declared():
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.name)
            assert re.fullmatch(r"[A-Z`].*[.)]", one.about)
            assert f"vault-auth-method: {method}" in pages[one.name].read_with

    def test_has_a_row_in_the_readme(self, method: str) -> None:
        """The README's table of logins names it, and what it logs in with."""
        table = README.partition("## Other ways to log in to Vault")[2].partition("\n## ")[0]

        assert len(re.findall(rf"^\| (?:`[a-z]+`, )*`{method}`(?:, `[a-z]+`)* \| \S", table, re.MULTILINE)) == 1

    def test_secrets_are_secret(self, method: str) -> None:
        """An input that holds a secret is one in the code, from the moment it is read."""
        auth = read(method, whole(method))
        for one in METHODS[method].declared():
            value = getattr(auth, one.name.replace("-", "_"))

            assert isinstance(value, SecretStr) == one.secret
            assert one.secret or not HOLDS_A_SECRET.fullmatch(one.name)

    def test_reads_with_the_least(self, method: str) -> None:
        """What is required is enough."""
        assert isinstance(request(method, minimal(method)), LoginRequest | Borrowed)

    def test_missing_input_is_named(self, method: str) -> None:
        """An input that is missing is named, and it is known whether it is a secret that a job may be denied."""
        for one in METHODS[method].declared():
            if one.required:
                with pytest.raises(InputError) as refused:
                    read(method, {name: value for name, value in minimal(method).items() if name != one.name})

                assert f"`{one.name}` is missing" in refused.value.text
                assert refused.value.lacks_secret == one.secret

    def test_same_inputs_make_the_same_request(self, method: str) -> None:
        """A request is made of the inputs, and of nothing else."""
        first, second = request(method), request(method)

        if isinstance(first, LoginRequest) and isinstance(second, LoginRequest):
            assert (first.path, first.body, first.locks_out) == (second.path, second.body, second.locks_out)
        else:
            assert first == second

    def test_nothing_is_opened(self, method: str) -> None:
        """Making the request opens no file and no connection but through what is handed in."""
        auth = read(method, whole(method))
        auth.login_request(circumstances())
        with DOORS as doors:
            auth.login_request(circumstances())

        assert doors.opened == []

    def test_identity_that_is_not_there(self, method: str) -> None:
        """A job that can't prove who it is, and a file that can't be read, are no identity, and no bug."""

        def no_token(_: str) -> SecretStr:
            raise NoIdentity("There is no id token.")

        def no_file(_: Path) -> str:
            raise FileNotFoundError(2, "No such file or directory")

        auth = read(method, minimal(method))
        with suppress(NoIdentity):
            made = auth.login_request(Circumstances(VAULT, MOUNT, no_token, no_file))

            assert isinstance(made, LoginRequest | Borrowed)

    def test_nothing_shows_a_secret(self, method: str) -> None:
        """Neither the inputs nor the request show a secret."""
        auth = read(method, whole(method))
        shown = f"{auth!r} {auth} {auth.login_request(circumstances())!r}"

        assert [secret for secret in secrets(method) if secret in shown] == []

    def test_any_refusal_can_be_explained(self, method: str) -> None:
        """Whatever a server says is explained or left to others: no secret is shown, and no command is made of it."""
        made = request(method)
        if isinstance(made, LoginRequest):
            for refusal in refusals(method):
                error = made.explain(refusal)
                if error is not None:
                    assert isinstance(error, Error)
                    assert error.why or error.fix
                    assert [secret for secret in secrets(method) if secret in error.text] == []
                    assert "##[" not in error.text
                    assert not any(line.startswith("::") for line in error.text.splitlines())

    def test_own_refusals_are_explained(self, method: str) -> None:
        """A method that can be refused knows at least one refusal of its own, unless any payload may be its login."""
        made = request(method)

        assert (
            isinstance(made, Borrowed)
            or method == "custom"
            or any(made.explain(refusal) is not None for refusal in refusals(method))
        )


def declared() -> Iterator[tuple[str, Declared]]:
    """Yield every declaration of an input there is, with the kind that it is of."""
    for register in (METHODS, ISSUERS):
        yield from ((name, one) for name, kind in register.items() for one in kind.declared())
    for group in (IssuerInputs, VaultConnection, NomadConnection, NomadInputs, JobInputs):
        yield from ((group.__name__, one) for one in group.declared())


def test_one_name_has_one_meaning() -> None:
    """Kinds that share the name of an input share its meaning: what is said of it, its default, and its secrecy."""
    known: dict[str, tuple[object, ...]] = {}
    for kind, one in declared():
        meaning = (one.about, one.default, one.secret, one.choices)

        assert known.setdefault(one.name, meaning) == meaning, f"`{one.name}` of {kind}"


class Recording(httpx.BaseTransport):
    """The way to the lab's servers, which tells of each request and each answer in its place."""

    def __init__(self, events: list[Event]) -> None:
        """Tell *events*."""
        self._events = events
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* to the server that it is for."""
        self._events.append(("request", f"{request.method} {request.url.path}"))
        answer = self._inner.handle_request(request)
        body = answer.read()
        self._events.append(("answer", body.decode()))
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)

    def close(self) -> None:
        """Close it."""
        self._inner.close()


class Job:
    """A job on the lab, with the inputs that an issuer reads."""

    def __init__(self, lab: Lab, issuer: str) -> None:
        """Trust the job in Vault and in Nomad, and give *issuer* all that it reads."""
        with lab.nomad_client() as nomad:
            made = nomad_trust(NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr), nomad)
        lab.mark()
        samples = {
            "role": "deployer",
            "vault-addr": lab.vault.addr,
            "vault-auth-role": "deploy-app",
            "nomad-addr": lab.nomad.addr,
            "nomad-auth-method": made.auth_method,
            "nomad-management-token": made.management_token.get_secret_value(),
            "policies": "deployer",
        }
        reads = [*ISSUERS[issuer].declared(), *(METHODS["jwt"].declared() if issuer == "vault" else [])]
        if lacking := [one.name for one in reads if one.required and one.name not in samples]:
            pytest.fail(f"`{'`, `'.join(lacking)}` of `{issuer}` is new: give it a value in {__file__}")
        names = {one.name for one in [*reads, *NomadInputs.declared()]}
        self.lab = lab
        self.events: list[Event] = []
        self.given = {name: value for name, value in samples.items() if name in names}
        self.platform = RecordingPlatform(self.events, self.given)
        self.order = read_order(self.platform)
        audience = lab.vault.addr if self.order.issuer.vault() else lab.nomad.addr
        self.platform.id_token_value = lab.github.id_token(audience).get_secret_value()
        self._clock = SystemClock()
        self._transport = Through(Recording(self.events))
        self.outside = Outside(Connections(self._clock, lambda _: None, self._transport), self._clock, Signals())

    def mint(self) -> tuple[Credential, ...]:
        """Run the main step."""
        return mint(self.order, self.platform, self.outside)

    def post(self) -> None:
        """Run the post-step."""
        post(self.platform, self.outside)

    def live(self) -> list[str]:
        """Return the secrets that live on the servers."""
        self.lab.settle()
        return [
            *(token.id for token in self.lab.vault.live_tokens()),
            *(token.secret for token in self.lab.nomad.live_tokens()),
        ]

    def close(self) -> None:
        """Close the connections."""
        self.outside.connect.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.fixture
def job(lab: Lab, issuer: str) -> Iterator[Job]:
    """Make a job for the issuer of the test."""
    made = Job(lab, issuer)
    yield made
    made.close()


@pytest.mark.parametrize("issuer", ISSUERS)
class TestIssuer:
    """One who grants a token."""

    def test_is_told_by_inputs_of_its_own(self, issuer: str) -> None:
        """What tells that it is meant is no secret, is read by it, and tells of no other."""
        kind = ISSUERS[issuer]
        own = {one.name: one for one in kind.declared()}

        assert kind.told_by
        assert all(name in own and not own[name].secret for name in kind.told_by)
        for other, another in ISSUERS.items():
            assert other == issuer or not set(kind.told_by) & set(another.told_by)

    def test_is_inferred(self, job: Job, issuer: str) -> None:
        """Its inputs alone choose it, and they are enough."""
        assert isinstance(job.order.issuer, ISSUERS[issuer])
        assert "issuer" not in job.given

    def test_is_documented(self, issuer: str) -> None:
        """Each input is on the pages, in sentences; one that holds a secret is one."""
        pages = {one.name for one in all_declared()}
        for one in ISSUERS[issuer].declared():
            assert one.name in pages
            assert re.fullmatch(r"[A-Z`].*[.)]", one.about)
            assert one.secret or not HOLDS_A_SECRET.fullmatch(one.name)

    def test_lends_a_secret_input_or_nothing(self, job: Job, issuer: str) -> None:
        """What an undo needs of the user's is named as the input that it is, and masked before anything is said."""
        name, value = job.order.issuer.lent()
        declared = {one.name: one for one in all_declared()}

        assert issuer in ISSUERS
        assert (name == "") == (value is None)
        if value is not None:
            assert declared[name].secret
            assert value.get_secret_value() == job.given[name]
            assert job.events[0] == ("mask", value.get_secret_value())

    def test_custody_before_use(self, job: Job) -> None:
        """Each fresh secret is masked and saved between the answer that holds it and the next request or line."""
        job.mint()
        live = job.live()

        assert live
        for secret in live:
            answered = next(at for at, (kind, *rest) in enumerate(job.events) if kind == "answer" and secret in rest[0])
            then = list(itertools.takewhile(lambda event: event[0] in {"mask", "keep"}, job.events[answered + 1 :]))

            assert ("mask", secret) in then
            assert any(kind == "keep" for kind, *_ in then)

    def test_asked_before_it_asks(self, job: Job) -> None:
        """Before each request that can make something it is saved that it will be sent."""
        job.mint()
        live = job.live()
        for at, (kind, *rest) in enumerate(job.events):
            if kind == "answer" and any(secret in rest[0] for secret in live):
                before = [event for event in job.events[:at] if event[0] in {"keep", "answer", "request"}]

                assert before[-2] == ("keep", "asked")
                break

    def test_credential_is_complete(self, job: Job, issuer: str) -> None:
        """A credential says who granted it, which it is, when it ends and where that is set."""
        for credential in job.mint():
            assert credential.issuer == issuer
            assert credential.secret.get_secret_value() in job.live()
            assert credential.accessor_id in [token.accessor for token in job.lab.nomad.live_tokens()]
            assert credential.env_name == "NOMAD_TOKEN"
            assert credential.expires_at is not None
            assert credential.expires_at > SystemClock().now()
            assert credential.life_set_by
            assert credential.verified
            assert credential.type == "client"
            assert credential.policies is not None
            assert credential.revocable
            assert credential.secret.get_secret_value() not in repr(credential)

    def test_undo_leaves_nothing_alive(self, job: Job) -> None:
        """After the post-step nothing lives that the mint made, and no warning was needed."""
        job.mint()
        job.post()

        assert job.live() == []
        assert not [event for event in job.events if event[0] in {"warning", "error"}]

    def test_what_is_lent_is_not_saved(self, job: Job) -> None:
        """Nothing that the user gave is among what is kept, and none of it is said."""
        job.mint()
        job.post()
        said = "\n".join("|".join(event) for event in job.events if event[0] not in {"mask", "answer"})
        for one in (one for one in all_declared() if one.secret and one.name in job.given):
            assert job.given[one.name] not in "\n".join(job.platform.lines)
            assert job.given[one.name] not in said
