"""The first `nomad-token.toml`: text made of answers, with a remark over each part that says whose it is."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nomad_token.setup.file import NAME


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy of Nomad's, and the file that holds its rules, by its path from the setup's own."""

    name: str
    rules: str
    about: str
    is_shipped: bool = False


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whose id tokens are believed, and for which claims; `project` is its name, for people."""

    platform: str
    claims: Mapping[str, tuple[str, ...]]
    issuer: str = ""
    """Empty where it is the platform's own."""
    project: str = ""


@dataclass(frozen=True, slots=True)
class OfVault:
    """What a job needs that asks Vault for its tokens; `roles` has the policies of each."""

    mount: str
    plugin: str
    address: str
    roles: Mapping[str, Sequence[str]]
    auth_mount: str
    auth_role: str
    audience: str


@dataclass(frozen=True, slots=True)
class OfNomad:
    """What a job needs that logs in to Nomad itself."""

    auth_method: str
    audience: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the file is made of. With neither of the two ways it has policies alone, for `nomad-management`."""

    policies: Sequence[PolicyFile]
    trusted: Trusted | None = None
    vault: OfVault | None = None
    nomad: OfNomad | None = None


def written(answers: Answers) -> str:
    """Write the file."""
    return "\n".join(_lines(answers)).strip("\n") + "\n"


def _lines(answers: Answers) -> Iterator[str]:
    yield f"# {NAME}: what is wanted in Nomad and Vault. It holds no secret."
    yield "# See what would change with: nomad-token setup plan"
    yield from ("", "# What a token may do in Nomad. The rules are in a file of their own.")
    for policy in answers.policies:
        yield from _table("[[policy]]", {"name": policy.name, "rules": policy.rules, "description": policy.about})
    if answers.vault:
        yield from _engine(answers.vault)
    if answers.trusted and answers.vault:
        yield from _vault_trust(answers.vault, answers.trusted)
    if answers.trusted and answers.nomad:
        yield from _nomad_trust(answers.nomad, answers.trusted, answers.policies)


def _engine(vault: OfVault) -> Iterator[str]:
    yield "# Vault's Nomad engine. A token lives for `ttl`, and with renewals for `max-ttl` at most."
    plugin = {"plugin": vault.plugin} if vault.plugin else {}
    yield from _table("[[engine]]", {"mount": vault.mount, **plugin, "ttl": "30m", "max-ttl": "1h"})
    yield "# How Vault reaches Nomad, which may be another way than the job's `nomad-addr`."
    yield from _table("[engine.access]", {"address": vault.address})
    yield "# The job's `role`."
    for name, policies in vault.roles.items():
        yield from _table("[[engine.role]]", {"name": name, "policies": policies})


def _vault_trust(vault: OfVault, trusted: Trusted) -> Iterator[str]:
    yield "# Whose id tokens Vault believes: the job's `vault-auth-path`. A mount has one issuer."
    yield from _table("[[vault-trust]]", {**_issuer(trusted), "mount": vault.auth_mount})
    yield "# The job's `vault-auth-role`, its `audience`, and what it may mint."
    roles = [f"{vault.mount}/{name}" for name in vault.roles]
    yield from _table("[[vault-trust.role]]", {"name": vault.auth_role, "audience": [vault.audience], "roles": roles})
    yield from _claims("[vault-trust.role.claims]", trusted)


def _nomad_trust(nomad: OfNomad, trusted: Trusted, policies: Sequence[PolicyFile]) -> Iterator[str]:
    yield "# Whose id tokens Nomad believes: the job's `nomad-auth-method` and `audience`. They end by time alone."
    method = {"name": nomad.auth_method, "audience": [nomad.audience], "max-token-ttl": "30m"}
    yield from _table("[[nomad-trust]]", {**_issuer(trusted), **method})
    for policy in policies:
        yield from _table("[[nomad-trust.rule]]", {"policy": policy.name})
        yield from _claims("[nomad-trust.rule.claims]", trusted)


def _issuer(trusted: Trusted) -> dict[str, str]:
    return {"platform": trusted.platform, **({"issuer": trusted.issuer} if trusted.issuer else {})}


def _claims(head: str, trusted: Trusted) -> Iterator[str]:
    of = f" of {trusted.project}" if trusted.project else ""
    yield f"# Which jobs{of}: each claim has to have its value, or one of several."
    yield from _table(
        head, {name: values[0] if len(values) == 1 else values for name, values in trusted.claims.items()}
    )


def _table(head: str, values: Mapping[str, str | Sequence[str]]) -> Iterator[str]:
    yield head
    yield from (f"{name} = {_value(value)}" for name, value in values.items())
    yield ""


def _value(value: str | Sequence[str]) -> str:
    """Write a basic string, or an array of them: JSON's escapes are TOML's too (TOML 1.0, "String")."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
