"""The table of inputs that can't stand together, each row with its own examples, through the check itself."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes import VAULT as SERVER
from fakes import World, vault_error
from nomad_token.conflicts import CONFLICTS, ELSEWHERE, LOGIN, MANAGED, NOMAD, VAULT, Conflict, conflicting
from nomad_token.errors import InputError, NoIdentity, Refused
from nomad_token.issuers import ISSUERS
from nomad_token.mint import mint
from nomad_token.order import all_declared
from nomad_token.told import Told
from nomad_token.vault_auth import METHODS

FORK = "This is a pull request from a fork."
DECLARED = {one.name: one for one in all_declared()}
GRANTED = {"vault": VAULT | NOMAD, "nomad-login": LOGIN, "nomad-management": MANAGED}


def said(inputs: dict[str, str]) -> str:
    """Return what is said of *inputs* when they are read, nothing where they are an order; nothing is requested."""
    world = World(inputs)
    try:
        world.order()
    except InputError as error:
        return error.text
    finally:
        assert world.requests == []
    return ""


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: conflict.name)
class TestRow:
    """A row of the table."""

    def test_refuses_its_example(self, conflict: Conflict) -> None:
        """What the row is about is refused in its words, and for no other reason."""
        assert said(dict(conflict.refused)) == conflict.says

    def test_lets_the_other_pass(self, conflict: Conflict) -> None:
        """What is close to it is refused by no row."""
        text = said(dict(conflict.accepted))

        assert [each.name for each in CONFLICTS if each.says in text] == []
        assert "alone, and it is" not in text

    def test_says_what_and_why_with_names_as_typed(self, conflict: Conflict) -> None:
        """The row is one sentence or two on inputs that there are, and its examples give no others."""
        assert any(f"`{name}" in conflict.together for name in DECLARED)
        assert conflict.says.endswith(".")
        assert conflict.together[0] == "`" or conflict.together[0].isupper()
        assert {*conflict.refused, *conflict.accepted} <= set(DECLARED)
        assert not conflict.lacks or DECLARED[conflict.lacks].secret


def test_names_are_unique() -> None:
    """A row has a name of its own, and words of its own."""
    assert len({conflict.name for conflict in CONFLICTS}) == len(CONFLICTS)
    assert len({conflict.says for conflict in CONFLICTS}) == len(CONFLICTS)


def test_several_conflicts_are_told_at_once() -> None:
    """All that can't stand together is said at once, with what another method reads before it."""
    given = VAULT | {"audience": "x", "id-token": "an.id.token", "vault-token": "canary-canary", "verify": "required"}
    lines = said(given).splitlines()

    assert [line.split("`")[1] for line in lines] == ["vault-token", "audience", "verify: required"]
    assert "canary" not in str(lines)


@pytest.mark.parametrize("spelt", ["False", "FALSE", "0", "no"])
def test_conflict_is_found_however_false_is_spelt(spelt: str) -> None:
    """What reads as false conflicts as false."""
    assert "reach nobody" in said(VAULT | {"export-env": "false", "export-output": spelt})


@pytest.mark.parametrize(
    "name",
    [
        *sorted({variable for one in DECLARED.values() for variable in one.environment}),
        "NOMAD_MINT_ROLE",
        "NOMAD_CAPATH",
        "HTTPS_PROXY",
        "no_proxy",
    ],
)
@pytest.mark.parametrize("given", [{"env-name": "{}"}, {"role": "reader | NOMAD_TOKEN\ndeployer | {}"}])
def test_token_does_not_take_the_place_of_a_source(given: dict[str, str], name: str) -> None:
    """A token written to a variable that is read would be sent to a name server, or in place of a credential."""
    text = said(VAULT | {input_name: value.format(name) for input_name, value in given.items()})

    assert "the token would overwrite it" in text


@pytest.mark.parametrize("name", ["NOMAD_TOKEN", "NOMAD_TOKEN_EU", "DEPLOY_TOKEN", "VAULT_NOMAD_TOKEN"])
def test_other_targets_are_free(name: str) -> None:
    """A variable that nothing reads may hold the token."""
    assert said(VAULT | {"env-name": name}) == ""


@pytest.mark.parametrize("role", ["a\nb", "a | X\nb |", "\na | X\n\n  b  \n", "a|X\r\nb"])
def test_each_of_several_lines_needs_a_name(role: str) -> None:
    """However the lines are laid out, one without a name is refused."""
    assert "`ROLE | ENV_NAME`" in said(VAULT | {"role": role})


@pytest.mark.parametrize("of", ["vault", "nomad"])
def test_what_the_environment_says_for_others_is_no_conflict(of: str) -> None:
    """A variable that is there for another program conflicts with nothing; an input of that meaning would."""
    found = {f"{of}-client-cert": "client.pem", f"{of}-tls-server-name": "internal", f"{of}-ca-cert": "ca.pem"}
    base = LOGIN | {"nomad-addr": "http://nomad.test:4646"} if of == "vault" else VAULT
    told = Told(
        issuer="nomad-login" if of == "vault" else "vault",
        method="" if of == "vault" else "jwt",
        found=base | found,
        given=set(base),
        defaults={name: one.default for name, one in DECLARED.items()},
        sources=(),
    )

    assert conflicting(told) == []
    assert (conflicting(replace(told, given=set(base | found))) != []) == (of == "nomad")


def unread() -> Iterator[tuple[str, str, str]]:
    """Yield each input with each choice that does not read it."""
    for chooser, kinds in (("issuer", ISSUERS), ("vault-auth-method", METHODS)):
        reads = {kind: {one.name for one in group.declared()} for kind, group in kinds.items()}
        if chooser == "issuer":
            reads["vault"] |= {one.name for group in METHODS.values() for one in group.declared()}
        every = {name for names in reads.values() for name in names}
        yield from ((chooser, kind, name) for kind, names in reads.items() for name in sorted(every - names))


@pytest.mark.parametrize(("chooser", "kind", "name"), list(unread()))
def test_input_that_is_not_read_is_refused(chooser: str, kind: str, name: str) -> None:
    """An input that the chosen issuer or method can't honour is an error that says who could, and where it lives."""
    text = said(GRANTED.get(kind, VAULT) | {chooser: kind, name: "whatever"})
    (line,) = (line for line in text.splitlines() if line.startswith(f"`{name}` is read with `{chooser}: "))

    assert f" alone, and it is `{kind}` here" in line
    assert ELSEWHERE.get((name, kind), "") in line


def test_vault_token_alone_says_how_it_is_used() -> None:
    """A Vault token without a word on the method is answered with the method that takes it."""
    assert said(VAULT | {"vault-token": "canary-canary"}) == (
        "`vault-token` is read with `vault-auth-method: token` alone, and it is `jwt` here, by default."
    )


def test_elsewhere_is_of_inputs_that_are_not_read() -> None:
    """What is told to live elsewhere is an input of another issuer."""
    assert set(ELSEWHERE) <= {(name, kind) for _, kind, name in unread()}


def denied() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each secret that a login or an issuer can't do without, and inputs that lack it alone."""
    for method, group in METHODS.items():
        needed = [one for one in group.declared() if one.required]
        for secret in (one for one in needed if one.secret):
            others = {one.name: '{"a": "b"}' for one in needed if one is not secret}
            yield secret.name, VAULT | {"vault-auth-method": method, "vault-auth-path": "x"} | others
    for issuer, kind in ISSUERS.items():
        for secret in (one for one in kind.declared() if one.required and one.secret):
            yield secret.name, {name: value for name, value in GRANTED[issuer].items() if name != secret.name}
    yield from ((each.lacks, dict(each.refused)) for each in CONFLICTS if each.lacks)


@pytest.mark.parametrize(("secret", "inputs"), list(denied()))
def test_secret_that_a_fork_was_denied(secret: str, inputs: dict[str, str]) -> None:
    """A secret that is empty on a fork is reported as that, and elsewhere as an input that is missing."""
    inputs = {name: value for name, value in inputs.items() if name != "vault-auth-path" or "token" not in secret}
    world = World(inputs)
    world.platform.why_withheld = FORK
    with pytest.raises(NoIdentity) as error:
        world.order()

    assert f"`{secret}`" in error.value.what
    assert error.value.why == FORK
    assert f"`{secret}`" in said(inputs)
    assert world.requests == []


def test_secret_that_may_be_left_out_and_that_a_fork_was_denied() -> None:
    """A login that is refused without a secret which some roles do without is told with the job's lack of secrets."""
    world = World({"role": "deployer", "vault-addr": SERVER, "vault-auth-method": "approle", "vault-role-id": "an-id"})
    world.vault.faults.before("auth/approle/login", vault_error(400, "missing secret_id"))
    world.platform.why_withheld = FORK
    with pytest.raises(Refused) as error:
        mint(world.order(), world.platform, world.outside)

    assert "`vault-secret-id`" in error.value.text
    assert error.value.why.endswith(FORK)


def test_conflict_that_is_no_fork_s_doing() -> None:
    """Inputs that conflict whatever the secrets are stay wrong inputs, on a fork too."""
    world = World(VAULT | {"verify": "required"})
    world.platform.why_withheld = FORK
    with pytest.raises(InputError):
        world.order()
