"""From what a platform was given to an order: every input read and checked before the first request."""

from dataclasses import replace
from typing import TypeVar

from pydantic import SecretStr

from nomad_token import conflicts
from nomad_token.clients.http import Own, Place
from nomad_token.clients.nomad import NomadPlace
from nomad_token.connecting import ConnectionInputs, NomadConnection, VaultConnection
from nomad_token.declared import Declared
from nomad_token.errors import InputError, NoIdentity
from nomad_token.inputs import JobInputs, NomadInputs, check_names
from nomad_token.issuers import ISSUERS
from nomad_token.mint import Order
from nomad_token.platforms.base import Level, Platform
from nomad_token.vault_auth import METHODS

_Place = TypeVar("_Place", bound=Place)
_ISSUER = "vault"
_SHORTEST_MASK = 8
"""A shorter secret is not masked: its letters would vanish from the whole log."""


def all_declared() -> list[Declared]:
    """List every input there is, in the order of the pages."""
    of_issuers = [one for issuer in ISSUERS.values() for one in issuer.declared()]
    of_nomad = [*NomadInputs.declared(), *NomadConnection.declared()]
    return [*of_issuers, *_of_methods(), *VaultConnection.declared(), *of_nomad, *JobInputs.declared()]


def _of_methods() -> list[Declared]:
    """List the inputs of the auth methods, each once: which are needed depends on the method that is chosen."""
    found: dict[str, Declared] = {}
    for method, kind in METHODS.items():
        for one in kind.declared():
            readers = found[one.name].read_with if one.name in found else ()
            found[one.name] = replace(one, required=False, read_with=(*readers, method))
    return list(found.values())


def read_order(platform: Platform) -> Order:
    """Read all inputs, mask the secret ones, and log where a value came from that was not given as an input.

    Raises `InputError` for a name that is not an input, and for a missing or impossible value.
    """
    declared = all_declared()
    check_names(platform.given_names(), declared)
    found = {one.name: value for one in declared if (value := platform.lookup(one)) is not None}
    _mask([SecretStr(found[one.name].value) for one in declared if one.secret and one.name in found], platform)
    given = set(platform.given_names())
    elsewhere = [f"{name} from {one.origin}" for name, one in found.items() if name not in given]
    if elsewhere:
        platform.say(f"Taken from the environment: {', '.join(elsewhere)}.")
    conflicts.check({name: one.value for name, one in found.items()})
    job, nomad = JobInputs.read(platform.lookup), NomadInputs.read(platform.lookup)
    try:
        issuer = ISSUERS[_ISSUER].read(platform.lookup)
    except InputError as error:
        if error.lacks_secret and (why := platform.withheld()):
            raise NoIdentity(error.what, why=why, fix="Skip the step for such jobs.") from None
        raise
    own: dict[Place, Own] = {}
    vault = _connected(issuer.vault(), VaultConnection, platform, own)
    agent = NomadPlace(address=nomad.nomad_addr, region=nomad.nomad_region) if nomad.nomad_addr else None
    agent = _connected(agent, NomadConnection, platform, own)
    return Order(job, issuer, vault, agent, own, places=nomad.as_environment(given))


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
