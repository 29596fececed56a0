"""From what a platform was given to an order: every input read and checked before the first request."""

from nomad_token.declared import Declared
from nomad_token.inputs import JobInputs, NomadInputs, check_names
from nomad_token.issuers import ISSUERS
from nomad_token.mint import Order
from nomad_token.platforms.base import Level, Platform
from nomad_token.vault_auth import METHODS

_ISSUER = "vault"
_SHORTEST_MASK = 8
"""A shorter secret is not masked: its letters would vanish from the whole log."""


def all_declared() -> list[Declared]:
    """List every input there is, in the order of the pages."""
    of_kinds = [kind.declared() for kind in [*ISSUERS.values()]] + [kind.declared() for kind in METHODS.values()]
    return [one for group in (*of_kinds, NomadInputs.declared(), JobInputs.declared()) for one in group]


def read_order(platform: Platform) -> Order:
    """Read all inputs, mask the secret ones, and log where a value came from that was not given as an input.

    Raises `InputError` for a name that is not an input, and for a missing or impossible value.
    """
    declared = all_declared()
    check_names(platform.given_names(), declared)
    job, nomad = JobInputs.read(platform.lookup), NomadInputs.read(platform.lookup)
    issuer = ISSUERS[_ISSUER].read(platform.lookup)
    for secret in issuer.secrets():
        if len(secret.get_secret_value()) >= _SHORTEST_MASK:
            platform.mask(secret)
        else:
            platform.annotate(
                Level.WARNING,
                "Not masked",
                f"A secret input has fewer than {_SHORTEST_MASK} characters: it is not masked.",
            )
    given = set(platform.given_names())
    from_environment = [
        f"{one.name} from {found.origin}"
        for one in declared
        if one.name not in given and (found := platform.lookup(one)) is not None
    ]
    if from_environment:
        platform.say(f"Taken from the environment: {', '.join(from_environment)}.")
    places = {
        one.environment[0]: found.value.rstrip("/")
        for one in NomadInputs.declared()
        if one.name in given and (found := platform.lookup(one)) is not None
    }
    return Order(job, nomad, issuer, places)
