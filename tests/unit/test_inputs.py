"""Inputs: read once, and what is said of a wrong one."""

from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest

from fakes import INPUTS, World
from nomad_token.errors import InputError
from nomad_token.inputs import JobInputs, check_names
from nomad_token.issuers.vault import VaultIssuer
from nomad_token.order import Order, all_declared
from nomad_token.places import NomadInputs
from nomad_token.secret import SecretStr
from nomad_token.vault_auth.jwt import Jwt

NAMES = [one.name for one in all_declared()]


def order(**inputs: str) -> Order:
    """Read a plain job's inputs with some changed."""
    return World(None, **inputs).order()


def refused(**inputs: str) -> str:
    """Return what is said of inputs that are refused."""
    world = World(None, **inputs)
    with pytest.raises(InputError) as error:
        world.order()
    assert world.requests == []
    return error.value.text


def test_defaults() -> None:
    """Without a word on it everything has the default of the design."""
    read = order(nomad_addr="")
    issuer = read.issuer

    assert isinstance(issuer, VaultIssuer)
    assert vars(read.job) == {
        "env_name": "NOMAD_TOKEN",
        "export_env": "auto",
        "export_output": True,
        "verify": "auto",
        "min_ttl": None,
        "max_ttl": None,
        "timeout": 120,
        "revoke": True,
        "on_revoke_failure": "warn",
        "summary": "auto",
    }
    assert (read.nomad, read.own, read.places) == (None, {}, {})
    assert (issuer.vault_mount, issuer.vault_auth_method, issuer.vault_auth_path) == ("nomad", "jwt", None)


def test_names_are_kebab_case_and_unique() -> None:
    """Each input is declared once, in lower case with hyphens, with a sentence on it."""
    assert len(set(NAMES)) == len(NAMES)
    for one in all_declared():
        assert one.name == one.name.lower().replace("_", "-")
        assert one.about[0].isupper()
        assert one.about.rstrip(")").endswith(".")


def test_declared_secrets_are_secret() -> None:
    """The inputs that hold a secret say so, and only those."""
    assert [one.name for one in all_declared() if one.secret] == SECRETS


def test_groups_are_frozen() -> None:
    """What was read is not changed."""
    read = order()

    with pytest.raises(AttributeError, match="revoke is frozen"):
        read.job.revoke = False


SECRETS = [
    "id-token",
    "vault-token",
    "vault-role-id",
    "vault-secret-id",
    "vault-password",
    "vault-github-token",
    "vault-auth-payload",
    "vault-client-key",
    "vault-headers",
    "nomad-management-token",
    "nomad-client-key",
    "nomad-headers",
]
_SECURE = {"vault-addr": "https://vault.test:8200", "nomad-addr": "https://nomad.test:4646"}
_MANAGED = {
    "role": "",
    "vault-addr": "",
    "vault-auth-role": "",
    "issuer": "nomad-management",
    "nomad-management-token": "canary-canary",
}
# What else is given with a value of the table, so that it is the value that is wrong.
BESIDE: dict[str, dict[str, str]] = {
    **dict.fromkeys(("policies", "nomad-roles", "type"), _MANAGED),
    **dict.fromkeys(("global", "ttl"), _MANAGED | {"policies": "deployer"}),
    "nomad-auth-method": {"role": "", "vault-addr": "", "vault-auth-role": ""},
    **{
        f"{server}-{name}": _SECURE | {f"{server}-client-key": "canary-canary"} if name == "client-cert" else _SECURE
        for server in ("vault", "nomad")
        for name in ("ca-cert", "client-cert", "tls-server-name", "skip-verify")
    },
}
BAD = {
    "role": [
        "nomad/creds/deployer",
        "-x",
        "x.",
        "a b",
        "$(id)",
        "größe",
        "a |",
        "| A",
        "a | PATH",
        "a | 1A",
        "a | A | B",
        "a | A\nb | A",
        "a | A_B\nb | a_b",
        "\n".join(f"r{number} | R{number}" for number in range(33)),
    ],
    "vault-addr": [
        "vault.example.com",
        "ftp://vault",
        "https://",
        "https://u:p@vault",
        "https://vault:99999",
        "https://vault?x=y",
        "https://vault#x",
        "http://[::1",
        "https://va ult",
        "https://vault\n.x",
        "https://vault:x",
        "https://vault/a b",
        "https://vault..example.com",
        "https://" + "a" * 64 + ".test",
    ],
    "vault-namespace": ["a\nb", "a\x00b", "x" * 600],
    "vault-auth-namespace": ["a\nb"],
    "vault-mount": ["a b", "../x", "a//b", "a/../b", "./x", "a/./b", "?", "größe"],
    "vault-auth-method": ["JWT ", "oidc", "approle2"],
    "vault-auth-path": ["a b", "..", "?"],
    "vault-auth-role": ["a\nb"],
    "audience": ["a\nb", "x" * 600],
    "vault-ca-cert": ["/no/such/file", "bm8gUEVN", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"],
    "vault-client-cert": ["/no/such/file"],
    "vault-tls-server-name": ["a\nb"],
    "vault-skip-verify": ["maybe"],
    "nomad-ca-cert": ["/no/such/file"],
    "nomad-client-cert": ["/no/such/file"],
    "nomad-tls-server-name": ["a\nb"],
    "nomad-skip-verify": ["maybe"],
    "issuer": ["consul"],
    "nomad-auth-method": ["a\nb"],
    "policies": ["a b", "größe"],
    "nomad-roles": ["a b"],
    "type": ["manager"],
    "global": ["maybe"],
    "ttl": ["soon", "0"],
    "vault-username": ["a\nb"],
    "vault-kubernetes-token-path": ["a\nb"],
    "nomad-addr": ["nomad:4646", "ftp://nomad", "https://u@nomad", "https://no mad"],
    "nomad-region": ["a\nb"],
    "nomad-namespace": ["a\nb"],
    "env-name": [
        "1X",
        "A-B",
        "A B",
        "GITHUB_TOKEN",
        "RUNNER_TEMP",
        "ACTIONS_X",
        "CI_X",
        "PATH",
        "HOME",
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "BASH_ENV",
        "ENV",
        "PYTHONPATH",
        "GIT_SSH",
        "Path",
    ],
    "export-env": ["yes", "True ", "on"],
    "export-output": ["maybe", "2"],
    "verify": ["true", "on"],
    "min-ttl": ["soon"],
    "max-ttl": ["soon"],
    "timeout": ["0", "-5", "soon", "1.5", "1d", "2m90", "s", "25h", "²", "1e3"],
    "revoke": ["maybe", "auto"],
    "on-revoke-failure": ["ignore"],
    "summary": ["sometimes"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_wrong_value_names_the_input_as_typed(name: str, value: str) -> None:
    """A wrong value is an error before any request that names the input as it is typed, on one line."""
    if value.endswith(" "):
        # A platform trims; what is left is wrong all the same.
        value = f"x{value.strip()}"
    text = refused(**BESIDE.get(name, {}) | {name: value})

    assert f"`{name}`" in text
    assert text.endswith(".")
    assert len(text.splitlines()) == 1
    assert "_" not in text.split("`")[1]
    for jargon in (
        "pydantic",
        "Value error",
        "literal_error",
        "ValidationError",
        "could not convert",
        "invalid literal",
    ):
        assert jargon not in text


def test_every_input_has_a_wrong_value() -> None:
    """The table above leaves no input out but the secrets, of which anything may be right."""
    assert set(NAMES) - set(BAD) == set(SECRETS)


@pytest.mark.parametrize(("name", "also"), [("role", ()), ("vault-addr", ("VAULT_ADDR",))])
def test_missing_input(name: str, also: tuple[str, ...]) -> None:
    """A missing input is named, with the variables that serve too and a word on what it is."""
    text = refused(**{name: ""})

    assert f"`{name}` is missing" in text
    assert all(variable in text for variable in also)


@pytest.mark.parametrize(
    "inputs",
    [
        {"vault-auth-method": "token", "vault-auth-role": ""},
        {"role": "", "vault-addr": "", "vault-auth-role": "", "policies": "deployer"},
    ],
)
def test_missing_secret_is_not_looked_for_in_the_environment(inputs: dict[str, str]) -> None:
    """The action reads no credential from the environment, so it is not said that one would serve from there."""
    text = refused(**inputs)

    assert "is missing: give it under `with:`. " in text
    assert "or set" not in text


def test_all_missing_at_once() -> None:
    """What is missing is said at once, not one after the other."""
    text = refused(role="", vault_addr="")

    assert "`role` is missing" in text
    assert "`vault-addr` is missing" in text


def test_secret_is_not_quoted() -> None:
    """No error quotes a secret, whatever is wrong beside it."""
    secret = "eyJcanary.eyJcanary.canary"
    text = refused(id_token=secret, timeout="soon", role="a b", vault_addr="x")

    assert "canary" not in text


def test_value_in_an_error_is_harmless() -> None:
    """A value that is quoted can't command the runner."""
    text = refused(timeout="x\n::add-mask::y ##[error]")

    assert "\n" not in text
    assert "##[" not in text


GOOD: list[tuple[str, str, Callable[[Order], object], object]] = [
    ("timeout", "90", lambda read: read.job.timeout, 90),
    ("timeout", "90s", lambda read: read.job.timeout, 90),
    ("timeout", "2m", lambda read: read.job.timeout, 120),
    ("timeout", "1h30m", lambda read: read.job.timeout, 5400),
    ("timeout", "24h", lambda read: read.job.timeout, 86400),
    ("vault-addr", "https://vault:8200/", lambda read: read.issuer.vault().address, "https://vault:8200"),  # type: ignore[union-attr]
    ("vault-addr", "https://vault/v1/", lambda read: read.issuer.vault().address, "https://vault"),  # type: ignore[union-attr]
    ("vault-addr", "https://vault/below", lambda read: read.issuer.vault().address, "https://vault/below"),  # type: ignore[union-attr]
    ("vault-addr", "http://[::1]:8200", lambda read: read.issuer.vault().address, "http://[::1]:8200"),  # type: ignore[union-attr]
    ("nomad-addr", "http://nomad:4646/", lambda read: read.nomad.address, "http://nomad:4646"),  # type: ignore[union-attr]
    ("env-name", "_x1", lambda read: read.job.env_name, "_x1"),
    ("env-name", "CI", lambda read: read.job.env_name, "CI"),
    ("export-output", "false", lambda read: read.job.export_output, False),
    ("revoke", "False", lambda read: read.job.revoke, False),
    ("vault-mount", "/team/nomad-eu/", lambda read: getattr(read.issuer, "vault_mount", ""), "team/nomad-eu"),
    ("role", "team-a.deploy_er", lambda read: getattr(read.issuer, "role", ()), (("team-a.deploy_er", ""),)),
    ("role", "x", lambda read: getattr(read.issuer, "role", ()), (("x", ""),)),
    ("role", "x | A_B", lambda read: getattr(read.issuer, "role", ()), (("x", "A_B"),)),
    ("role", "a|A\n\n  b |B\n", lambda read: getattr(read.issuer, "role", ()), (("a", "A"), ("b", "B"))),
]


@pytest.mark.parametrize(("name", "value", "get", "expected"), GOOD)
def test_good_value(name: str, value: str, get: Callable[[Order], object], expected: object) -> None:
    """What people write is understood."""
    assert get(order(**{name: value})) == expected


def test_wrong_variable_of_a_line_is_quoted() -> None:
    """Of several lines the one word is told that can't be a variable."""
    assert "holds `READ-TOKEN`, which is not a variable's name" in refused(role="a | A\nb | READ-TOKEN")


@pytest.mark.parametrize("scheme", ["HTTPS", "Https"])
def test_scheme_is_lower_case(scheme: str) -> None:
    """However a scheme is spelt, the address that is saved and logged is the one that is spoken to."""
    vault = order(vault_addr=f"{scheme}://vault").issuer.vault()

    assert vault
    assert vault.address == "https://vault"


@pytest.mark.parametrize("path", ["auth/jwt", "/auth/jwt/"])
def test_auth_path_with_auth_before_it(path: str) -> None:
    """A path that begins with `auth/` would be `auth/auth/…`: it is refused by name."""
    assert "`vault-auth-path`" in refused(vault_auth_path=path)


def test_namespaces() -> None:
    """The login is in the engine's namespace, unless it has one of its own."""
    both = order(vault_namespace="a/b").issuer.vault()
    apart = order(vault_namespace="a/b", vault_auth_namespace="c").issuer.vault()

    assert both
    assert apart
    assert (both.namespace, both.auth_namespace) == ("a/b", "a/b")
    assert (apart.namespace, apart.auth_namespace) == ("a/b", "c")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rolle", "role"),
        ("vault_addr", "vault-addr"),
        ("vault-adress", "vault-addr"),
        ("nomad-address", "nomad-addr"),
        ("env-nam", "env-name"),
        ("on-revoke-fail", "on-revoke-failure"),
        ("audiance", "audience"),
    ],
)
def test_misspelt_name(typed: str, meant: str) -> None:
    """A misspelt name is an error, with the name that was likely meant."""
    with pytest.raises(InputError) as error:
        check_names([typed], all_declared())

    assert error.value.text == f"`{typed}` is not an input: did you mean `{meant}`?"


@pytest.mark.parametrize("typed", ["zzz", "x\n::add-mask::y"])
def test_unknown_name(typed: str) -> None:
    """A name that is like none gets no guess."""
    with pytest.raises(InputError) as error:
        check_names([typed], all_declared())

    assert error.value.text.endswith("is not an input.")
    assert "\n" not in error.value.text


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("url", "vault-addr"),
        ("method", "vault-auth-method"),
        ("path", "vault-auth-path"),
        ("namespace", "vault-namespace"),
        ("jwtgithubaudience", "audience"),
        ("exportenv", "export-env"),
        ("outputtoken", "export-output"),
        ("secrets", "role"),
        ("token", "vault-token"),
    ],
)
def test_vault_actions_names(typed: str, called: str) -> None:
    """A name of vault-action's is answered with what it is called here."""
    text = refused(**{typed: "x"})

    assert f"`{typed}` is vault-action's name" in text
    assert f"`{called}`" in text


@pytest.mark.parametrize("typed", ["exporttoken", "jwtprivatekey", "pki"])
def test_vault_actions_other_names(typed: str) -> None:
    """A name of vault-action's that has nothing here yet is not taken for something else of ours."""
    assert "did you mean" not in refused(**{typed: "x"})


def test_several_unknown_names() -> None:
    """All unknown names are told at once."""
    assert len(refused(url="x", rolle="y").splitlines()) == 2


def test_choices_are_those_of_the_type() -> None:
    """What an input that is one of some words may be is what its type says."""
    listed = {one.name: one.choices for one in JobInputs.declared() if one.choices}
    typed = {
        name.replace("_", "-"): get_args(kind) for name, kind in get_type_hints(JobInputs).items() if get_args(kind)
    }

    assert listed == {name: choices for name, choices in typed.items() if name in listed}
    assert {name for name, choices in typed.items() if "auto" in choices} <= listed.keys()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("vault-addr", f"https://vault.test/{'x' * 2048}", "is longer than 2048 characters"),
        ("vault-mount", "x" * 513, "is longer than 512 characters"),
        ("vault-namespace", "x" * 513, "is longer than 512 characters"),
        ("vault-namespace", "a\nb", "holds a line break, or another control character"),
        ("timeout", "0", "is not between 1s and 24h"),
        ("timeout", "25h", "is not between 1s and 24h"),
        ("timeout", "9" * 5000, "is not a duration: write for example 90s, 2m or 1h30m"),
        ("min-ttl", "8785h", "is not between 1s and 8784h"),
        ("vault-namespace", "a\udcff", "holds bytes that are no text in UTF-8"),
        ("verify", "on", "is not one of auto, required, off"),
        ("revoke", "maybe", "is neither true nor false"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: str, says: str) -> None:
    """A wrong value is told with what is wrong with it, and what would be right."""
    assert refused(**{name: value}).endswith(f"` {says}.")


def test_id_token_is_a_secret() -> None:
    """The id token that is given is shown by no repr."""
    group = Jwt.read(World(None, id_token="eyJcanary.eyJcanary.canary").platform.lookup)

    assert group.id_token == SecretStr("eyJcanary.eyJcanary.canary")
    assert "canary" not in f"{group!r} {group}"


def test_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process's own environment says is the platform's to read, not the group's."""
    for name in ("TIMEOUT", "timeout", "NOMAD_ADDR", "nomad-addr", "nomad_addr"):
        monkeypatch.setenv(name, "http://stolen.test")
    lookup = World({}).platform.lookup

    assert JobInputs.read(lookup).timeout == 120
    assert NomadInputs.read(lookup).nomad_addr == ""


def test_empty_input_is_not_given() -> None:
    """An input that is empty is one that was not given."""
    assert order(timeout="", env_name="").job.timeout == 120
    assert INPUTS["role"] == "deployer"
