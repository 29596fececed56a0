"""From what a platform was given to an order: every input read and checked before the first request."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from msgspec import structs

from nomad_token import next_steps
from nomad_token.clients.http import Own, Place, origin
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.conflicts import check
from nomad_token.connecting import ConnectionInputs, NomadConnection, VaultConnection
from nomad_token.declared import Declared
from nomad_token.errors import InputError, NoIdentity
from nomad_token.inputs import InputGroup, JobInputs, check_names, declare
from nomad_token.issuers import ISSUERS
from nomad_token.issuers.base import Issuer
from nomad_token.places import NomadInputs
from nomad_token.platforms.base import Level, Platform
from nomad_token.secret import SecretStr
from nomad_token.told import Told
from nomad_token.vault_auth import METHODS

_Place = TypeVar("_Place", bound=Place)
_SHORTEST_MASK = 8
"""A shorter secret is not masked: its letters would vanish from the whole log."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to mint: every input, read and checked."""

    job: JobInputs
    issuer: Issuer
    vault: VaultPlace | None
    nomad: NomadPlace | None
    """None where Nomad's address was not given."""
    own: Mapping[Place, Own]
    """The keys and headers that are brought along to one of them."""
    places: dict[str, str]
    """Variables for the next steps that name places, because they were given as inputs."""
    files: tuple[next_steps.PemFile, ...] = ()
    """Files for the next steps, to be named by such variables."""


def _known(value: str) -> str:
    if value not in ISSUERS:
        raise ValueError(f"is not one of {', '.join(ISSUERS)}")
    return value


class IssuerInputs(InputGroup):
    """Who grants the token."""

    issuer: str = declare(
        _known,
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
        found[one.name] = _both(first, one) if first else one
    return list(found.values())


def _both(first: Declared, second: Declared) -> Declared:
    """Describe an input that two kinds read."""
    return replace(
        first,
        read_with=(*first.read_with, *second.read_with),
        environment=tuple(dict.fromkeys([*first.environment, *second.environment])),
    )


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
    try:
        chosen = _chosen(platform, declared, given)
        job, nomad = JobInputs.read(platform.lookup), NomadInputs.read(platform.lookup)
        issuer = ISSUERS[chosen].read(platform.lookup)
    except InputError as error:
        if error.lacks_secret and (why := platform.withheld()):
            raise NoIdentity(error.what, why=why, fix="Skip the step for such jobs.") from None
        raise
    own: dict[Place, Own] = {}
    vault = connected(issuer.vault(), VaultConnection, platform, own)
    agent = NomadPlace(address=nomad.nomad_addr, region=nomad.nomad_region) if nomad.nomad_addr else None
    agent = connected(agent, NomadConnection, platform, own)
    _say_origins(platform, issuer, vault, agent)
    places = nomad.as_environment(given)
    if agent is None:
        return Order(job, issuer, vault, None, own, places)
    reached = NomadConnection.read(platform.lookup)
    files = next_steps.files(reached, agent.tls, own.get(agent, Own()), given)
    return Order(job, issuer, vault, agent, own, places | next_steps.settings(reached, given), files)


def _say_origins(platform: Platform, issuer: Issuer, vault: Place | None, agent: Place | None) -> None:
    """Log which variable each value came from that is used and was not given as an input, without the value."""
    read = [*IssuerInputs.declared(), *issuer.declared(), *NomadInputs.declared(), *JobInputs.declared()]
    if vault:
        chooser = next(one for one in read if one.name == "vault-auth-method")
        method = platform.lookup(chooser)
        read += [*METHODS[method.value if method else chooser.default].declared(), *VaultConnection.declared()]
    if agent:
        read += NomadConnection.declared()
    found = {one.name: platform.lookup(one) for one in read}
    told = [f"{name} from {one.origin}" for name, one in found.items() if one and one.variable]
    if told:
        platform.say(f"Taken from the environment: {', '.join(told)}.")


def _chosen(platform: Platform, declared: Sequence[Declared], given: Collection[str]) -> str:
    """Return the issuer that is meant, and refuse inputs that can't stand together, or that another one reads."""
    issuer = IssuerInputs.read(platform.lookup).issuer or _inferred(given)
    kinds = _of_issuers()
    # The issuer's own declarations come last: the variables that it reads may be others than another's.
    read = {one.name: platform.lookup(one) for one in [*declared, *kinds[issuer]]}
    values = {name: found.value for name, found in read.items() if found}
    defaults = {one.name: one.default for one in declared}
    told = Told(
        issuer=issuer,
        method=values.get("vault-auth-method", defaults["vault-auth-method"]) if issuer == "vault" else "",
        found=values,
        given=given,
        defaults=defaults,
        sources={variable for one in declared for variable in one.environment},
    )
    methods = {name: kind.declared() for name, kind in METHODS.items()}
    check(told, {"issuer": kinds, "vault-auth-method": methods})
    return issuer


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


def connected(
    place: _Place | None, kind: type[ConnectionInputs], platform: Platform, own: dict[Place, Own]
) -> _Place | None:
    """Add the TLS settings to *place*, and note in *own* what is to be brought along to it."""
    if place is None:
        return None
    inputs = kind.read(platform.lookup)
    tls, brought = inputs.tls(platform.read_file), inputs.own(platform.read_file)
    inputs.check(tls, brought)
    connected = structs.replace(place, tls=tls)
    if proxy := platform.proxy(place.address):
        platform.say(f"Requests to {place.address} go through the proxy {origin(proxy)}.")
    if tls.skip_verify and place.address.startswith("https:"):
        platform.annotate(Level.WARNING, "Certificate not verified", inputs.unverified(place.address))
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
