"""Inputs that can't stand together, as data: the check, the page of inputs and the tests are made from it.

It is long, being one table.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nomad_token.declared import Declared
from nomad_token.errors import InputError
from nomad_token.told import Told

Kinds = Mapping[str, Mapping[str, Sequence[Declared]]]
"""What is read with each choice: by the input that chooses (`issuer`), then by what it may be."""

_OF_NOMAD: Final = (
    "nomad-ca-cert",
    "nomad-client-cert",
    "nomad-client-key",
    "nomad-tls-server-name",
    "nomad-skip-verify",
    "nomad-headers",
)
# What else is read from the environment: any input on a command line, proxies, and by Vault's and Nomad's own tools.
_READ_TOO: Final = re.compile(r"NOMAD_MINT_.*|(HTTPS?|ALL|NO)_PROXY|(VAULT|NOMAD)_CAPATH")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One combination that is refused, and what is said of it."""

    name: str
    together: str
    because: str
    """Why it can't be, and what to do."""
    holds: Callable[[Told], bool]
    refused: Mapping[str, str]
    """Inputs that it refuses, and that are right but for that."""
    accepted: Mapping[str, str]
    """Inputs close to them that it lets pass."""
    lacks: str = ""
    """The secret input whose absence it may be: the job may have been denied it."""

    @property
    def says(self) -> str:
        """What the user is told."""
        return f"{self.together}: {self.because}"


VAULT: Final = {"role": "deployer", "vault-addr": "https://vault.example.com:8200"}
"""What the examples begin with, for a token that Vault grants."""
NOMAD: Final = {"nomad-addr": "https://nomad.example.com:4646"}
LOGIN: Final = NOMAD | {"nomad-auth-method": "github"}
MANAGED: Final = NOMAD | {"nomad-management-token": "a-management-token", "policies": "deployer"}


def _without(inputs: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in inputs.items() if name not in names}


def _of_tls(server: str, base: Mapping[str, str]) -> Iterator[Conflict]:
    """Make the rows that are the same for each *server*; *base* is what reaches it."""
    address = f"{server}-addr"
    certificate, key, authority = f"{server}-client-cert", f"{server}-client-key", f"{server}-ca-cert"
    skip, name = f"{server}-skip-verify", f"{server}-tls-server-name"
    pair = {certificate: "client.pem", key: "client-key.pem"}
    yield Conflict(
        f"{server}-half-a-pair",
        f"`{certificate}` and `{key}` go together",
        "one without the other proves nothing. Give both, or neither.",
        lambda told: told.reaches(server) and told.has(certificate) != told.has(key),
        {**base, certificate: "client.pem"},
        {**base, **pair},
        lacks=key,
    )
    yield Conflict(
        f"{server}-unchecked-authority",
        f"`{skip}: true` with `{authority}`",
        f"a certificate that goes unchecked is checked against no authority. Leave `{skip}` out.",
        lambda told: told.affirms(skip) and told.typed(authority),
        {**base, skip: "true", authority: "ca.pem"},
        {**base, skip: "false", authority: "ca.pem"},
    )
    yield Conflict(
        f"{server}-without-tls",
        f"`{authority}`, `{certificate}`, `{key}` or `{name}` with a `{address}` of http",
        f"they are of TLS, and http has none: secrets would go in the clear. Write https:// in `{address}`, or leave "
        "them out.",
        lambda told: told.value(address).lower().startswith("http:") and told.typed(authority, certificate, key, name),
        {**base, address: base[address].replace("https", "http"), name: "internal.example.com"},
        {**base, name: "internal.example.com"},
    )


CONFLICTS: Final = (
    Conflict(
        "nothing-exported",
        "`export-env: false` with `export-output: false`",
        "the token would reach nobody. Leave one of them out.",
        lambda told: told.value("export-env") == "false" and told.denies("export-output"),
        {**VAULT, "export-env": "false", "export-output": "false"},
        {**VAULT, "export-env": "false"},
    ),
    Conflict(
        "management-token-exported-nowhere",
        "`type: management` with `export-output: false`, and no `export-env: true`",
        "a management token is put into the environment only where that is asked for, so this one would reach nobody. "
        "Give `export-env: true`.",
        lambda told: (
            told.value("type") == "management" and told.value("export-env") == "auto" and told.denies("export-output")
        ),
        {**_without(MANAGED, "policies"), "type": "management", "export-output": "false"},
        {**_without(MANAGED, "policies"), "type": "management", "export-output": "false", "export-env": "true"},
    ),
    Conflict(
        "target-is-a-source",
        "`env-name`, or a name in `role`, that is a variable which an input or a proxy is read from (`VAULT_ADDR`, "
        "`VAULT_TOKEN`, `NOMAD_CACERT`, `HTTPS_PROXY`, …)",
        "the token would overwrite it, and be sent where it does not belong. Choose another name.",
        lambda told: any(
            name.upper() in told.sources or _READ_TOO.fullmatch(name.upper()) is not None for name in told.targets
        ),
        {**VAULT, "env-name": "VAULT_ADDR"},
        {**VAULT, "env-name": "NOMAD_TOKEN_EU"},
    ),
    Conflict(
        "names-twice-over",
        "`env-name` with a name in `role` (`ROLE | ENV_NAME`)",
        "each line says itself where its token goes. Leave `env-name` out.",
        lambda told: told.typed("env-name") and any(told.role_names),
        {**VAULT, "role": "deployer | NOMAD_TOKEN_EU", "env-name": "NOMAD_TOKEN_US"},
        {**VAULT, "env-name": "NOMAD_TOKEN_EU"},
    ),
    Conflict(
        "several-without-names",
        "Several lines in `role`, and one without a name",
        "their tokens would overwrite each other. Write each line as `ROLE | ENV_NAME`.",
        lambda told: len(told.role_names) > 1 and not all(told.role_names),
        {**VAULT, "role": "deployer | NOMAD_TOKEN\nreader"},
        {**VAULT, "role": "deployer | NOMAD_TOKEN\nreader | NOMAD_TOKEN_READER"},
    ),
    Conflict(
        "audience-of-a-given-id-token",
        "`audience` with `id-token`",
        "an id token that is given has its audience already. Leave `audience` out.",
        lambda told: told.has("audience") and told.has("id-token"),
        {**VAULT, "audience": "https://vault.example.com", "id-token": "an.id.token"},
        {**VAULT, "audience": "https://vault.example.com"},
    ),
    Conflict(
        "cert-without-one",
        "`vault-auth-method: cert` without `vault-client-cert` and `vault-client-key`",
        "they are the login. Give both.",
        lambda told: told.method == "cert" and not told.has("vault-client-cert", "vault-client-key"),
        {**VAULT, "vault-auth-method": "cert"},
        {
            **VAULT,
            "vault-auth-method": "cert",
            "vault-client-cert": "client.pem",
            "vault-client-key": "client-key.pem",
        },
        lacks="vault-client-key",
    ),
    Conflict(
        "kubernetes-without-a-role",
        "`vault-auth-method: kubernetes` without `vault-auth-role`",
        "the method has no role that would do by default. Give the role of the login.",
        lambda told: told.method == "kubernetes" and not told.has("vault-auth-role"),
        {**VAULT, "vault-auth-method": "kubernetes"},
        {**VAULT, "vault-auth-method": "kubernetes", "vault-auth-role": "deploy-app"},
    ),
    Conflict(
        "custom-without-a-path",
        "`vault-auth-method: custom` without `vault-auth-path`",
        "Vault mounts nothing there by default. Give the login's path below `auth/`.",
        lambda told: told.method == "custom" and not told.has("vault-auth-path"),
        {**VAULT, "vault-auth-method": "custom", "vault-auth-payload": '{"password": "a-password"}'},
        {
            **VAULT,
            "vault-auth-method": "custom",
            "vault-auth-payload": '{"password": "a-password"}',
            "vault-auth-path": "okta",
        },
    ),
    Conflict(
        "path-of-no-login",
        "`vault-auth-path` with `vault-auth-method: token`",
        "a token that is there already logs in nowhere. Leave `vault-auth-path` out.",
        lambda told: told.method == "token" and told.typed("vault-auth-path"),
        {**VAULT, "vault-auth-method": "token", "vault-token": "a-vault-token", "vault-auth-path": "jwt"},
        {**VAULT, "vault-auth-method": "token", "vault-token": "a-vault-token"},
    ),
    Conflict(
        "no-nomad-to-grant",
        "`issuer: nomad-login` or `nomad-management` without `nomad-addr`",
        "Nomad itself grants the token, there. Give its address.",
        lambda told: told.issuer in {"nomad-login", "nomad-management"} and not told.has("nomad-addr"),
        _without(LOGIN, "nomad-addr"),
        LOGIN,
    ),
    Conflict(
        "no-nomad-to-verify",
        "`verify: required` without `nomad-addr`",
        "Nomad is asked there. Give its address.",
        lambda told: told.value("verify") == "required" and not told.has("nomad-addr"),
        {**VAULT, "verify": "required"},
        {**VAULT, **NOMAD, "verify": "required"},
    ),
    Conflict(
        "no-nomad-to-reach",
        "`nomad-ca-cert`, `nomad-client-cert`, `nomad-client-key`, `nomad-tls-server-name`, `nomad-skip-verify` or "
        "`nomad-headers` without `nomad-addr`",
        "they say how Nomad is reached, and not where. Give its address.",
        lambda told: not told.has("nomad-addr") and told.typed(*_OF_NOMAD),
        {**VAULT, "nomad-ca-cert": "ca.pem"},
        {**VAULT, **NOMAD, "nomad-ca-cert": "ca.pem"},
    ),
    Conflict(
        "management-token-with-policies",
        "`type: management` with `policies` or `nomad-roles`",
        "a management token has all rights, and takes neither. Leave them out.",
        lambda told: told.value("type") == "management" and told.has("policies", "nomad-roles"),
        {**MANAGED, "type": "management"},
        {**_without(MANAGED, "policies"), "type": "management"},
    ),
    Conflict(
        "client-token-without-policies",
        "`issuer: nomad-management` without `policies`, `nomad-roles` and `type: management`",
        "Nomad makes no client token that may do nothing. Give one of them.",
        lambda told: (
            told.issuer == "nomad-management"
            and told.value("type") == "client"
            and not told.has("policies", "nomad-roles")
        ),
        {**_without(MANAGED, "policies"), "type": "client"},
        {**_without(MANAGED, "policies"), "nomad-roles": "deployer"},
    ),
    Conflict(
        "life-between-nothing",
        "`min-ttl` above `max-ttl`",
        "no token lives that long and that short. Swap them, or leave one out.",
        lambda told: told.exceeds("min-ttl", "max-ttl"),
        {**VAULT, "min-ttl": "1h", "max-ttl": "30m"},
        {**VAULT, "min-ttl": "30m", "max-ttl": "30m"},
    ),
    Conflict(
        "life-too-short",
        "`ttl` (30m by default) below `min-ttl`",
        "the token that is asked for would be undone at once. Raise `ttl`, or lower `min-ttl`.",
        lambda told: told.issuer == "nomad-management" and told.exceeds("min-ttl", "ttl"),
        {**MANAGED, "min-ttl": "1h"},
        {**MANAGED, "ttl": "1h", "min-ttl": "1h"},
    ),
    Conflict(
        "life-too-long",
        "`ttl` (30m by default) above `max-ttl`",
        "the token that is asked for would be undone at once. Lower `ttl`, or raise `max-ttl`.",
        lambda told: told.issuer == "nomad-management" and told.exceeds("ttl", "max-ttl"),
        {**MANAGED, "ttl": "2h", "max-ttl": "1h"},
        {**MANAGED, "max-ttl": "1h"},
    ),
    Conflict(
        "no-revoke-to-fail",
        "`on-revoke-failure: fail` with `revoke: false`",
        "nothing is revoked, so nothing of it can fail. Leave one of them out.",
        lambda told: told.value("on-revoke-failure") == "fail" and told.denies("revoke"),
        {**VAULT, "on-revoke-failure": "fail", "revoke": "false"},
        {**VAULT, "on-revoke-failure": "warn", "revoke": "false"},
    ),
    *_of_tls("vault", VAULT),
    *_of_tls("nomad", VAULT | NOMAD),
)

ELSEWHERE: Final = {
    ("ttl", "vault"): "the life of Vault's tokens is `config/lease` of the engine",
    ("ttl", "nomad-login"): "the life of a login's token is MaxTokenTTL of the auth method",
    ("policies", "vault"): "the policies of Vault's tokens are those of the engine's role",
    ("policies", "nomad-login"): "the policies of a login's token are those of the binding rules",
    ("nomad-roles", "vault"): "the engine gives its tokens policies, those of its role",
    ("nomad-roles", "nomad-login"): "the roles of a login's token are those of the binding rules",
    ("type", "vault"): "the type of Vault's tokens is that of the engine's role",
    ("type", "nomad-login"): "the type of a login's token is told by the binding rules (BindType)",
    ("global", "vault"): "whether Vault's tokens are global is said by the engine's role",
    ("global", "nomad-login"): "whether a login's token is global is said by TokenLocality of the auth method",
    ("nomad-management-token", "vault"): "Vault has one of its own, in `config/access` of the engine",
}
"""Where a value lives that the issuer can't be asked for: by input and issuer."""


def check(told: Told, kinds: Kinds) -> None:
    """Raise `InputError` for each conflict that holds, and for what another of the *kinds* reads than those chosen."""
    found = conflicting(told)
    lines = [*unread(told, kinds), *(conflict.says for conflict in found)]
    if lines:
        denied = any(conflict.lacks and not told.has(conflict.lacks) for conflict in found)
        raise InputError("\n".join(lines), lacks_secret=denied)


def conflicting(told: Told) -> list[Conflict]:
    """Return the conflicts that hold."""
    return [conflict for conflict in CONFLICTS if conflict.holds(told)]


def unread(told: Told, kinds: Kinds) -> Iterator[str]:
    """Say of each input that was given, and that the issuer or the auth method does not read, who does."""
    for chooser, chosen in (("issuer", told.issuer), ("vault-auth-method", told.method)):
        if chosen not in kinds[chooser]:
            continue  # there is no Vault, or its method is refused when it is read
        readers = _readers(kinds[chooser])
        for name in told.given:
            if chosen not in readers.get(name, [chosen]):
                default = ", by default" if chooser != "issuer" and not told.has(chooser) else ""
                where = f": {ELSEWHERE[name, chosen]}" if (name, chosen) in ELSEWHERE else ""
                yield (
                    f"`{name}` is read with `{chooser}: {' or '.join(readers[name])}` alone, and it is `{chosen}` "
                    f"here{default}{where}."
                )


def _readers(kinds: Mapping[str, Sequence[Declared]]) -> dict[str, list[str]]:
    """Return by input the kinds that read it."""
    found: dict[str, list[str]] = {}
    for kind, declared in kinds.items():
        for one in declared:
            found.setdefault(one.name, []).append(kind)
    return found
