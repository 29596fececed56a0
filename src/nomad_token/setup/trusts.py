"""How a job uses what the file trusts: the inputs of a step, since only a job has an id token to prove it with."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from nomad_token.setup.file import Setup

_NAMES: Final = {"github": "GitHub", "gitlab": "GitLab"}


def unmade_roles(setup: Setup) -> Iterator[str]:
    """Tell of each role of the engine that a login may mint, and that is not among those of its engine in the file."""
    known = {engine.mount: {role.name for role in engine.role} for engine in setup.engine}
    for trust in setup.vault_trust:
        for login in trust.role:
            for each in login.roles:
                mount, _, name = each.rpartition("/")
                if mount in known and name not in known[mount]:
                    yield f"The login `{login.name}` may mint `{each}`, and the engine of the file has no such role."


def unproven_issuers(setup: Setup) -> Iterator[str]:
    """Tell of each issuer whose keys come over a network without TLS: whoever is in between makes id tokens of its."""
    for url in dict.fromkeys(trust.url for trust in (*setup.vault_trust, *setup.nomad_trust)):
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            yield f"The keys of {url} come without TLS: whoever is in between can make id tokens that are believed."


def how_to(setup: Setup) -> Iterator[str]:
    """Yield a paragraph for each role of a login, and for each auth method of Nomad's."""
    for trust in setup.vault_trust:
        for role in trust.role:
            mount, _, engine_role = role.roles[0].rpartition("/")
            inputs = {
                "vault-auth-path": trust.mount,
                "vault-auth-role": role.name,
                "vault-mount": mount,
                "role": engine_role,
                "audience": role.audience[0],
            }
            yield _inputs(f"A job of {_NAMES[trust.platform]}'s mints with the role `{role.name}`", inputs)
    for nomad_trust in setup.nomad_trust:
        inputs = {"nomad-auth-method": nomad_trust.name, "audience": nomad_trust.audience[0]}
        yield _inputs(f"A job of {_NAMES[nomad_trust.platform]}'s logs in to Nomad with `{nomad_trust.name}`", inputs)


def _inputs(what: str, inputs: dict[str, str]) -> str:
    lines = "".join(f"\n  {name}: {value}" for name, value in inputs.items())
    return f"{what}, which only such a job can prove; its inputs:{lines}"
