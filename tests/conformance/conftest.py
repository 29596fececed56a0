"""The targets, each server started once a session, and the numbers of each at the end."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

import nomads
import processes
import servers
from answers import done
from conformance.road import AUDIENCE, CREDS, Job, Kept
from conformance.targets import (
    Agent,
    BuiltNomads,
    Heard,
    Served,
    Target,
    lab_for,
    named,
    not_applicable,
    numbers,
    targets,
)
from nomad_token_lab import Lab, Trust, trust
from nomad_token_lab.nomad.tokens import Token
from nomad_token_lab.trust import DEPLOYER

_HERE = Path(__file__).parent
# As our own clients ask; compressed, a refusal of Nomad's has no content type.
_PLAIN = {"Accept-Encoding": "identity"}
_TEXTS = pytest.StashKey[list[str]]()
_LOG = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of the suite."""
    config.addinivalue_line(
        "markers",
        "says(*texts, on=()): a server says each of these in the test, on targets whose name begins with one of `on`",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each target that it asks for."""
    for fixture, products in (("vault_target", ("vault", "openbao")), ("nomad_target", ("nomad",))):
        if fixture in metafunc.fixturenames:
            found = targets(*products)
            metafunc.parametrize(fixture, found, ids=[each.name for each in found], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give a server time to be built; leave out what has no target, since others were named."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(processes.BUILD_LIMIT))
    without = [item for item in items if item.path.is_relative_to(_HERE) and not _is_on_a_target(item)]
    if without and any(named(product) for product in ("vault", "openbao", "nomad")):
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def _is_on_a_target(item: pytest.Item) -> bool:
    return _target_of(item) is not None


def _target_of(item: pytest.Item) -> Target | None:
    called = getattr(item, "callspec", None)
    found = called.params if called else {}
    return next((value for value in found.values() if isinstance(value, Target)), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that is marked for a text that no server said in it."""
    texts = item.stash.setdefault(_TEXTS, [])
    result = yield
    target = _target_of(item)
    for mark in item.iter_markers("says"):
        on = mark.kwargs.get("on", ())
        if target is None or not on or target.name.startswith(tuple(on)):
            unsaid = [part for part in mark.args if not any(part in text for text in texts)]
            assert unsaid == [], f"nobody said {unsaid} in {texts}"
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the target of a test; show the end of the server's log where it failed."""
    report = yield
    target = _target_of(item)
    if target and report.when == "setup":
        item.user_properties.append(("target", target.name))
        report.user_properties = list(item.user_properties)
    log = item.stash.get(_LOG, None)
    if report.failed and log:
        last = log.read_text(errors="replace").splitlines()[-20:]
        report.sections.append((f"the log of {target and target.name}, {log}", "\n".join(last)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the numbers of each target; in a workflow, as its summary too."""
    found = list(numbers(terminalreporter.stats))
    if not found:
        return
    terminalreporter.section("conformance")
    rows = ["| target | passed | not applicable | failed |", "| --- | ---: | ---: | ---: |"]
    for target, tally, reasons in found:
        rows.append(f"| {target} | {' | '.join(str(count) for count in tally.values())} |")
        terminalreporter.line(f"{target:<18}" + ", ".join(f"{count} {how}" for how, count in tally.items()))
        for why, count in sorted(reasons.items()):
            terminalreporter.line(f"    {count} not applicable: {why}")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write("\n".join([*rows, ""]) + "\n")


@pytest.fixture
def texts(request: pytest.FixtureRequest) -> list[str]:
    """All that servers said in this test."""
    return request.node.stash.setdefault(_TEXTS, [])  # type: ignore[no-any-return]


# Vault and OpenBao


@pytest.fixture(scope="session")
def vault_target(request: pytest.FixtureRequest) -> Target:
    """The Vault or OpenBao to run on."""
    found: Target = request.param
    return found


@pytest.fixture(scope="session")
def built_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Vault]:
    """Vault 1.14.2 with its Nomad engine, empty and unsealed."""
    with servers.vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture(scope="session")
def built_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.OpenBao]:
    """OpenBao 2.7.2 with the Nomad engine of Vault 1.14.2 as a plugin, empty and unsealed."""
    plugin = servers.build_nomad_engine()
    with servers.openbao(tmp_path_factory.mktemp("openbao"), plugin=plugin) as running:
        known = {"sha256": sha256(plugin.read_bytes()).hexdigest(), "command": plugin.name}
        with servers.client(running.addr, token=running.root_token) as root:
            done(root.put("/v1/sys/plugins/catalog/secret/nomad", json=known))
        yield running


@pytest.fixture
def lab(vault_target: Target) -> Iterator[Lab]:
    """The lab under test, or the one with the Nomad behind a real server and the GitHub in front of it."""
    with lab_for(vault_target) as running:
        yield running


@pytest.fixture
def served(request: pytest.FixtureRequest, vault_target: Target, lab: Lab, texts: list[str]) -> Iterator[Served]:
    """The server under test; what a test makes in it is gone afterwards."""
    match vault_target.place:
        case "lab":
            yield Served(vault_target, lab.vault.addr, lab.root_token, texts)
            return
        case "built":
            real = request.getfixturevalue(f"built_{vault_target.product}")
            request.node.stash[_LOG] = real.log
            served = Served(vault_target, real.addr, real.root_token, texts, real)
        case _:
            given = named(vault_target.product)
            assert given is not None
            served = Served(vault_target, given.addr, given.token, texts)
    _clear(served)
    yield served
    _clear(served)


def _clear(served: Served) -> None:
    with served.client(rooted=True) as root:
        if "nomad/" in root.get("/v1/sys/mounts").json()["data"]:
            # Forced, because a deletion that Nomad refused in the test would keep the mount.
            done(root.put("/v1/sys/leases/revoke-force/nomad"))
            done(root.delete("/v1/sys/mounts/nomad"))
        for mount in root.get("/v1/sys/auth").json()["data"]:
            if mount != "token/":
                done(root.delete(f"/v1/sys/auth/{mount}"))
        if served.is_openbao:
            root.delete("/v1/sys/namespaces/team")


@pytest.fixture
def sealed(served: Served, lab: Lab, anonymous: httpx.Client) -> Iterator[httpx.Client]:
    """A client without a token of the server under test, which is sealed meanwhile."""
    if served.built:
        with servers.sealed(served.built):
            yield anonymous
    elif served.is_lab:
        lab.vault.sealed = True
        yield anonymous
    else:
        not_applicable("a server that was named is not sealed: nobody here could unseal it")


@pytest.fixture
def anonymous(served: Served) -> Iterator[httpx.Client]:
    """A client that sends no token."""
    with served.client(base="/v1/") as client:
        yield client


@pytest.fixture
def root(served: Served) -> Iterator[httpx.Client]:
    """A client with the root token."""
    with served.client(base="/v1/", rooted=True) as client:
        yield client


@pytest.fixture
def job(served: Served, anonymous: httpx.Client, root: httpx.Client, lab: Lab) -> Job:
    """A job of the repository that the server under test trusts."""
    settings = Trust(oidc_discovery_url=lab.github.addr, audience=AUDIENCE, nomad_address=lab.nomad.addr)
    with served.client(rooted=True) as vault, lab.nomad_client() as nomad:
        trust(settings, vault=vault, nomad=nomad)
    done(root.put("sys/policies/acl/creds-only", json={"policy": f'path "{CREDS}" {{ capabilities = ["read"] }}'}))
    lab.mark()
    return Job(anonymous, root, lab)


@pytest.fixture
def kept(lab: Lab) -> Kept:
    """Return what Nomad knows of a token that was minted."""

    def find(minted: Mapping[str, Any]) -> Token:
        token = lab.nomad.by_secret(minted["data"]["secret_id"])
        assert token is not None
        return token

    return find


# Nomad


@pytest.fixture(scope="session")
def nomad_target(request: pytest.FixtureRequest) -> Target:
    """The Nomad to run on."""
    found: Target = request.param
    return found


Start = Callable[[str], BuiltNomads]


@pytest.fixture(scope="session")
def built_nomads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return what serves a version of Nomad in two regions, without ACLs, and without a leader; each once."""
    with ExitStack() as until:

        @cache
        def start(version: str) -> BuiltNomads:
            folder = tmp_path_factory.mktemp("nomad")
            # All of them, or none that stays.
            with ExitStack() as these:

                def serve(region: str, config: Mapping[str, Any] | None = None, **how: Any) -> nomads.Nomad:  # noqa: ANN401
                    return these.enter_context(nomads.nomad(folder, region, config, version=version, **how))

                home = serve("global")
                served = BuiltNomads(
                    home,
                    serve("eu", joins=home),
                    serve("without-acls", nomads.WITHOUT_ACLS),
                    serve("leaderless", nomads.LEADERLESS),
                )
                until.push(these.pop_all())
            return served

        yield start


@pytest.fixture
def agent(request: pytest.FixtureRequest, nomad_target: Target, texts: list[str]) -> Iterator[Agent]:
    """A Nomad with the policy `deployer`; what a test makes is gone afterwards."""
    with (
        lab_for(nomad_target, "global", "eu") as lab,
        httpx.Client(transport=Heard(texts), headers=_PLAIN, timeout=30) as http,
    ):
        match nomad_target.place:
            case "lab":
                agent = Agent(nomad_target, lab.nomad.addr, lab.management_token, lab, http, texts)
            case "built":
                real: BuiltNomads = request.getfixturevalue("built_nomads")(nomad_target.version)
                request.node.stash[_LOG] = real.home.log
                agent = Agent(nomad_target, real.home.addr, real.home.management_token, lab, http, texts, real)
            case _:
                given = named("nomad")
                assert given is not None
                agent = Agent(nomad_target, given.addr, given.token, lab, http, texts)
        done(agent.ask("PUT", "acl/policy/deployer", {"Name": "deployer", "Rules": DEPLOYER}))
        yield agent
        if not agent.is_lab:
            _clear_nomad(agent)


def _clear_nomad(agent: Agent) -> None:
    for stub in agent.ask("GET", "acl/tokens").json():
        if stub["Name"] != "Bootstrap Token":
            done(agent.ask("DELETE", f"acl/token/{stub['AccessorID']}"))
    if agent.target.release >= (1, 5):
        for rule in agent.ask("GET", "acl/binding-rules").json():
            done(agent.ask("DELETE", f"acl/binding-rule/{rule['ID']}"))
        for method in agent.ask("GET", "acl/auth-methods").json():
            done(agent.ask("DELETE", f"acl/auth-method/{method['Name']}"))
    for role in agent.ask("GET", "acl/roles").json():
        done(agent.ask("DELETE", f"acl/role/{role['ID']}"))


@pytest.fixture
def without_acls(agent: Agent) -> str:
    """The address of a Nomad of the same version whose ACLs are off."""
    if agent.is_lab:
        agent.lab.nomad.acl_enabled = False
        return agent.addr
    if agent.built:
        return agent.built.without_acls.addr
    addr = os.environ.get("CONFORMANCE_NOMAD_WITHOUT_ACLS_ADDR", "")
    return addr.rstrip("/") or not_applicable("no Nomad without ACLs was named")


@pytest.fixture
def leaderless(agent: Agent) -> str:
    """The address of a Nomad of the same version that has no leader."""
    if agent.is_lab:
        agent.lab.nomad.leader = False
        return agent.addr
    return agent.built.leaderless.addr if agent.built else not_applicable("a Nomad that was named keeps its leader")


@pytest.fixture
def elsewhere(agent: Agent) -> str:
    """The name of another region of the federation, which is not the authoritative one."""
    if agent.is_lab:
        return "eu"
    if agent.built:
        return agent.built.elsewhere.region
    return os.environ.get("CONFORMANCE_NOMAD_REGION", "") or not_applicable("no second region was named")
