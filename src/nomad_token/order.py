"""From what a platform was given to an order: every input read and checked before the first request."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import AfterValidator, SecretStr

from nomad_token import conflicts
from nomad_token.clients.http import Own, Place
from nomad_token.clients.nomad import NomadPlace
from nomad_token.connecting import ConnectionInputs, NomadConnection, VaultConnection
from nomad_token.declared import Declared
from nomad_token.errors import InputError, NoIdentity
from nomad_token.inputs import InputGroup, JobInputs, NomadInputs, check_names, declare
from nomad_token.issuers import ISSUERS
from nomad_token.issuers.base import Issuer
from nomad_token.mint import Order
from nomad_token.platforms.base import Level, Platform
from nomad_token.vault_auth import METHODS

_Place = TypeVar("_Place", bound=Place)
_SHORTEST_MASK = 8
"""A shorter secret is not masked: its letters would vanish from the whole log."""


def _known(value: str) -> str:
    if value and value not in ISSUERS:
        raise ValueError(f"is not one of {', '.join(ISSUERS)}")
    return value


class IssuerInputs(InputGroup):
    """Who grants the token."""

    issuer: Annotated[str, AfterValidator(_known)] = declare(
        "",
        about="Who grants the token: `vault`, `nomad-login` or `nomad-management`. Without it: told by `role`, by "
        "`nomad-auth-method`, or by `policies`, `nomad-roles` or `type`.",
    )


def all_declared() -> list[Declared]:
    """List every input there is, each once, in the order of the pages."""
    of_issuers = [one for kind in _of_issuers().values() for one in kind]
    of_nomad = [*NomadInputs.declared(), *NomadConnection.declared()]
    found: dict[str, Declared] = {}
    for one in [*IssuerInputs.declared(), *of_issuers, *of_nomad, *JobInputs.declared()]:
        first = found.get(one.name)
        found[one.name] = replace(first, read_with=(*first.read_with, *one.read_with)) if first else one
    return list(found.values())


def _of_issuers() -> dict[str, list[Declared]]:
    """List what each issuer reads; which of it is needed depends on the choice, so nothing is required in any case."""
    of_vault = [replace(one, required=False) for one in ISSUERS["vault"].declared()]
    return {"vault": [*of_vault, *_of_methods(), *VaultConnection.declared()]} | {
        name: [replace(one, required=False, read_with=(f"issuer: {name}",)) for one in kind.declared()]
        for name, kind in ISSUERS.items()
        if name != "vault"
    }


def _of_methods() -> list[Declared]:
    """List the inputs of the auth methods, each once, with the methods that read it."""
    found: dict[str, Declared] = {}
    for method, kind in METHODS.items():
        for one in kind.declared():
            readers = found[one.name].read_with if one.name in found else ()
            found[one.name] = replace(one, required=False, read_with=(*readers, f"vault-auth-method: {method}"))
    return list(found.values())


def read_order(platform: Platform) -> Order:
    """Read all inputs, mask the secret ones, and log where a value came from that was not given as an input.

    Raises `InputError` for a name that is not an input, and for a missing or impossible value.
    """
    declared = all_declared()
    given = platform.given_names()
    check_names(given, declared)
    found = {one.name: value for one in declared if (value := platform.lookup(one)) is not None}
    _mask([SecretStr(found[one.name].value) for one in declared if one.secret and one.name in found], platform)
    elsewhere = [f"{name} from {one.origin}" for name, one in found.items() if name not in given]
    if elsewhere:
        platform.say(f"Taken from the environment: {', '.join(elsewhere)}.")
    conflicts.check({name: one.value for name, one in found.items()})
    job, nomad = JobInputs.read(platform.lookup), NomadInputs.read(platform.lookup)
    issuer = _issuer(platform, given)
    own: dict[Place, Own] = {}
    vault = _connected(issuer.vault(), VaultConnection, platform, own)
    agent = NomadPlace(address=nomad.nomad_addr, region=nomad.nomad_region) if nomad.nomad_addr else None
    agent = _connected(agent, NomadConnection, platform, own)
    return Order(job, issuer, vault, agent, own, places=nomad.as_environment(given))


def _issuer(platform: Platform, given: Collection[str]) -> Issuer:
    """Read the inputs of the issuer that is meant, and refuse those of another."""
    name = IssuerInputs.read(platform.lookup).issuer or _inferred(given)
    conflicts.check_kind("issuer", name, _of_issuers(), given)
    if name == "vault":
        _check_method(platform, given)
    try:
        issuer = ISSUERS[name].read(platform.lookup)
    except InputError as error:
        if error.lacks_secret and (why := platform.withheld()):
            raise NoIdentity(error.what, why=why, fix="Skip the step for such jobs.") from None
        raise
    return issuer


def _check_method(platform: Platform, given: Collection[str]) -> None:
    """Refuse the inputs of another auth method; one that is not known is refused when the issuer is read."""
    chooser = next(one for one in ISSUERS["vault"].declared() if one.name == "vault-auth-method")
    found = platform.lookup(chooser)
    method = found.value if found else chooser.default
    kinds = {name: kind.declared() for name, kind in METHODS.items()}
    if method in kinds:
        conflicts.check_kind(chooser.name, method, kinds, given)


def _inferred(given: Iterable[str]) -> str:
    """Tell the issuer by what was given that is no secret: a secret may be missing, and must not change the way."""
    names = set(given)
    meant = [issuer for issuer, kind in ISSUERS.items() if names.intersection(kind.told_by)]
    if not meant and any(name.startswith("vault-") for name in names):
        return "vault"  # whose reading will tell that `role` is missing
    if len(meant) == 1:
        return meant[0]
    told = "Several are meant" if meant else "Nothing says who is to grant the token"
    raise InputError(
        f"{told}: `role` is for Vault's Nomad engine, `nomad-auth-method` for a login at Nomad itself, and `policies`, "
        "`nomad-roles` or `type` for a token that Nomad makes with `nomad-management-token`.",
        fix="Give one of them, or say which with `issuer`.",
    )


def _connected(
    place: _Place | None, kind: type[ConnectionInputs], platform: Platform, own: dict[Place, Own]
) -> _Place | None:
    """Add the TLS settings to *place*, and note in *own* what is to be brought along to it."""
    if place is None:
        return None
    inputs = kind.read(platform.lookup)
    tls, brought = inputs.tls(platform.read_file), inputs.own(platform.read_file)
    inputs.check(tls, brought)
    connected = place.model_copy(update={"tls": tls})
    if brought != Own():
        own[connected] = brought
    return connected


def _mask(secrets: list[SecretStr], platform: Platform) -> None:
    for secret in secrets:
        if len(secret.get_secret_value()) >= _SHORTEST_MASK:
            platform.mask(secret)
        else:
            platform.annotate(
                Level.WARNING,
                "Not masked",
                f"A secret input is shorter than {_SHORTEST_MASK} characters: it is not masked.",
            )
