"""What the post-step must know: facts, each saved the moment it is true, none ever changed.

A fact is one line of JSON. Secrets in it are in plain text, since the runner's masks know them that way.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta
from msgspec.json import Decoder, encode
from msgspec.structs import replace

from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.plausible import Accessor
from nomad_token.clients.vault import VaultPlace
from nomad_token.seal import unsealed
from nomad_token.secret import SecretStr
from nomad_token.value import Time, Value, as_secret

VERSION: Final = 1
MOST_BYTES: Final = 64 * 1024
"""The whole state of a mint: the runner hands it over in environment variables (Linux: 128 KiB each)."""

ServerName = Literal["vault", "nomad"]
Made = Literal["login", "creds", "token", "nomad login"]

_ADDRESS: Final = re.compile(r"[^\s\x00-\x1f]{1,2000}")


class _Fact(Value, kw_only=True, forbid_unknown_fields=True, tag_field="fact"):
    v: Literal[1] = VERSION


class Plan(_Fact, kw_only=True, tag="plan"):
    """Every decision of the post-step, made by the mint: inputs may be somebody else's by then."""

    mint: str
    vault: VaultPlace | None
    nomad: NomadPlace | None
    """None where Nomad is not to be asked."""
    grants: NomadPlace | None = None
    """The Nomad that grants tokens itself, for an issuer without Vault."""
    lent: Annotated[str, Meta(pattern=r"^(vault-token|nomad-management-token)?\Z")] = ""
    """The input with the user's own credential that the undo needs: it is read again, and never saved."""
    own: tuple[ServerName, ...] = ()
    """The servers to which a key or headers are brought along, which are read again from the inputs."""
    revoke: bool
    on_revoke_failure: Literal["warn", "fail"]
    summary: Literal["auto", "always", "never"]

    @property
    def addresses(self) -> dict[str, str]:
        """The servers' addresses, by the inputs that name them."""
        places = {"vault-addr": self.vault, "nomad-addr": self.grants or self.nomad}
        return {name: place.address for name, place in places.items() if place}


class Asked(_Fact, kw_only=True, tag="asked"):
    """A request that makes something is about to be sent."""

    what: Made
    path: str
    """The API path below `/v1/`: mount and role, or the auth method's."""
    named: str = ""
    """How the name of the Nomad token begins that this request makes."""
    at: Time


class NothingMade(_Fact, kw_only=True, tag="nothing made"):
    """The request that was asked last was answered, and made nothing."""


class HeldLogin(_Fact, kw_only=True, tag="login"):
    """A Vault token of our own is there."""

    token: SecretStr
    accessor: str
    ends: Time | None
    uses: int
    """How often the token may still be used; 0 is without limit."""


class HeldLease(_Fact, kw_only=True, tag="lease"):
    """A Nomad token is there, and the lease that ends it."""

    lease_id: str
    accessor_id: Accessor
    secret: SecretStr
    ends: Time


class HeldToken(_Fact, kw_only=True, tag="token"):
    """A Nomad token is there that Nomad itself granted."""

    accessor_id: Accessor
    secret: SecretStr
    ends: Time | None
    manager: bool
    """Whether it is of type management, which may delete itself."""


class Renewed(_Fact, kw_only=True, tag="renewed"):
    """A login, or a lease, ends later than was said."""

    lease_id: str = ""
    """Empty for the login."""
    ends: Time | None


class Accepted(_Fact, kw_only=True, tag="accepted"):
    """The Nomad that is asked has accepted the token: when it refuses it, the token is dead, and not another's."""

    accessor_id: Accessor


class Undeleted(_Fact, kw_only=True, tag="undeleted"):
    """A lease was to end, and its Nomad token was not deleted: Vault says so once, and Nomad where it is asked."""

    accessor_id: Accessor
    lease_id: str
    granted: bool
    """Whether Vault had said that it did it: then it says so once more, and knows no more."""


class Settled(_Fact, kw_only=True, tag="settled"):
    """Nothing of what was said before this is alive."""


Fact = Plan | Asked | NothingMade | HeldLogin | HeldLease | HeldToken | Renewed | Accepted | Undeleted | Settled
_DECODER: Final[Decoder[Fact]] = Decoder(Fact, dec_hook=as_secret)


class Unreadable(Exception):
    """An entry of the state that this version can't read."""


def dumps(fact: Fact) -> str:
    """Return *fact* as one line, its secrets in plain text."""
    # The one thing that msgspec can't write, it writes so; what is kept here is kept to be used.
    return encode(fact, enc_hook=SecretStr.get_secret_value).decode()


def loads(line: str) -> Fact:
    """Read what `dumps` wrote, sealed or not. Raises `Unreadable` for anything else, without quoting it."""
    try:
        fact = _DECODER.decode(unsealed(line))
        if isinstance(fact, Plan):
            for place in filter(None, (fact.vault, fact.nomad, fact.grants)):
                _check_address(place.address)
    except (ValueError, RecursionError):  # msgspec's are ValueErrors
        raise Unreadable("an entry of the saved state can't be read") from None
    return fact


def _check_address(address: str) -> None:
    """Raise `ValueError` for what a mint can't have asked: no request can be made of it."""
    parts = urlsplit(address)
    # a port that is none is told by a `ValueError` too
    if parts.scheme not in {"http", "https"} or not (
        parts.hostname and parts.port != 0 and _ADDRESS.fullmatch(address)
    ):
        raise ValueError("no address")


def read_ledger(lines: Iterable[str]) -> tuple["Ledger", int]:
    """Read what was kept of a mint, and count what can't be read: an entry takes no other with it."""
    facts: list[Fact] = []
    unreadable = 0
    for line in lines:
        try:
            facts.append(loads(line))
        except Unreadable:
            unreadable += 1
    return Ledger(facts), unreadable


class Ledger:
    """The facts of one mint, in the order in which they came true."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        """Begin with the *facts* that are known already."""
        self.facts: list[Fact] = list(facts)

    def add(self, fact: Fact) -> None:
        """Take note of one more fact."""
        self.facts.append(fact)

    @property
    def open(self) -> list[Fact]:
        """The facts since everything was last settled."""
        ends = [index for index, fact in enumerate(self.facts) if isinstance(fact, Settled)]
        return self.facts[ends[-1] + 1 :] if ends else self.facts[:]

    @property
    def pending(self) -> bool:
        """Whether there is anything to undo, or to name."""
        return bool(self.login or self.leases or self.tokens or self.unanswered)

    @property
    def plan(self) -> Plan | None:
        """The decisions of the mint, which are its first fact; None where they were not saved."""
        first = self.facts[0] if self.facts else None
        return first if isinstance(first, Plan) else None

    @property
    def login(self) -> HeldLogin | None:
        """The Vault token that is held now."""
        held = next((fact for fact in reversed(self.open) if isinstance(fact, HeldLogin)), None)
        ends = self._renewed().get("")
        return replace(held, ends=ends.ends) if held and ends else held

    @property
    def leases(self) -> list[HeldLease]:
        """The Nomad tokens that are held now."""
        renewed = self._renewed()
        held = [fact for fact in self.open if isinstance(fact, HeldLease)]
        return [replace(each, ends=renewed[each.lease_id].ends) if each.lease_id in renewed else each for each in held]

    @property
    def tokens(self) -> list[HeldToken]:
        """The tokens of Nomad's own that are held now."""
        return [fact for fact in self.open if isinstance(fact, HeldToken)]

    @property
    def accepted(self) -> set[str]:
        """The accessors of the tokens that Nomad has accepted."""
        return {fact.accessor_id for fact in self.open if isinstance(fact, Accepted)}

    @property
    def undeleted(self) -> list[Undeleted]:
        """What undos have left at Nomad, each once."""
        return list({fact.lease_id: fact for fact in self.open if isinstance(fact, Undeleted)}.values())

    @property
    def secrets(self) -> list[SecretStr]:
        """Every secret that was ever held."""
        held = [fact for fact in self.facts if isinstance(fact, HeldLogin | HeldLease | HeldToken)]
        return [fact.token if isinstance(fact, HeldLogin) else fact.secret for fact in held]

    @property
    def unanswered(self) -> list[Asked]:
        """Requests that were sent and may have made something that is not held."""
        waiting: list[Asked] = []
        for fact in self.open:
            match fact:
                case Asked():
                    waiting.append(fact)
                case HeldLogin() | HeldLease() | HeldToken() | NothingMade():
                    del waiting[-1:]
                case Plan() | Renewed() | Accepted() | Undeleted() | Settled():  # pragma: no branch - there is no other
                    pass
        return waiting

    def _renewed(self) -> dict[str, Renewed]:
        """Return the last renewal of each lease, and of the login under an empty name."""
        return {fact.lease_id: fact for fact in self.open if isinstance(fact, Renewed)}
