"""What the post-step must know: facts, each saved the moment it is true, none ever changed.

A fact is one line of JSON. Secrets in it are in plain text, since the runner's masks know them that way.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.plausible import UUID
from nomad_token.clients.vault import VaultPlace

VERSION: Final = 1
MOST_BYTES: Final = 64 * 1024
"""The whole state of a mint: the runner hands it over in environment variables (Linux: 128 KiB each)."""

# `model_dump_json` writes a SecretStr as asterisks; what is kept here is kept to be used.
Kept = Annotated[SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), when_used="json")]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    v: Literal[1] = VERSION


class Plan(_Fact):
    """Every decision of the post-step, made by the mint: inputs may be somebody else's by then."""

    fact: Literal["plan"] = "plan"
    mint: str
    vault: VaultPlace | None
    nomad: NomadPlace | None
    """None where Nomad is not to be asked."""
    grants: NomadPlace | None = None
    """The Nomad that grants tokens itself, for an issuer without Vault."""
    lent: str = ""
    """The input with the user's own credential that the undo needs: it is read again, and never saved."""
    own: tuple[Literal["vault", "nomad"], ...] = ()
    """The servers to which a key or headers are brought along, which are read again from the inputs."""
    revoke: bool
    on_revoke_failure: Literal["warn", "fail"]
    summary: Literal["auto", "always", "never"]


class Asked(_Fact):
    """A request that makes something is about to be sent."""

    fact: Literal["asked"] = "asked"
    what: Literal["login", "creds", "token", "nomad login"]
    path: str
    """The API path below `/v1/`: mount and role, or the auth method's."""
    named: str = ""
    """How the name of the Nomad token begins that this request makes."""
    at: AwareDatetime


class NothingMade(_Fact):
    """The request that was asked last was answered, and made nothing."""

    fact: Literal["nothing made"] = "nothing made"


class HeldLogin(_Fact):
    """A Vault token of our own is there."""

    fact: Literal["login"] = "login"
    token: Kept
    accessor: str
    ends: AwareDatetime | None
    uses: int
    """How often the token may still be used; 0 is without limit."""


class HeldLease(_Fact):
    """A Nomad token is there, and the lease that ends it."""

    fact: Literal["lease"] = "lease"
    lease_id: str
    accessor_id: str = Field(pattern=UUID)
    secret: Kept
    ends: AwareDatetime


class HeldToken(_Fact):
    """A Nomad token is there that Nomad itself granted."""

    fact: Literal["token"] = "token"
    accessor_id: str = Field(pattern=UUID)
    secret: Kept
    ends: AwareDatetime | None
    manager: bool
    """Whether it is of type management, which may delete itself."""


class Settled(_Fact):
    """Nothing of what was said before this is alive."""

    fact: Literal["settled"] = "settled"


Fact = Plan | Asked | NothingMade | HeldLogin | HeldLease | HeldToken | Settled
_FACT: Final[TypeAdapter[Fact]] = TypeAdapter(
    Annotated[Fact, Field(discriminator="fact")], config=ConfigDict(hide_input_in_errors=True)
)


class Unreadable(Exception):
    """An entry of the state that this version can't read."""


def dumps(fact: Fact) -> str:
    """Return *fact* as one line, its secrets in plain text."""
    return fact.model_dump_json()


def loads(line: str) -> Fact:
    """Read what `dumps` wrote. Raises `Unreadable` for anything else, without quoting it."""
    try:
        return _FACT.validate_json(line)
    except ValidationError:
        raise Unreadable("an entry of the saved state can't be read") from None


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
        return next((fact for fact in reversed(self.open) if isinstance(fact, HeldLogin)), None)

    @property
    def leases(self) -> list[HeldLease]:
        """The Nomad tokens that are held now."""
        return [fact for fact in self.open if isinstance(fact, HeldLease)]

    @property
    def tokens(self) -> list[HeldToken]:
        """The tokens of Nomad's own that are held now."""
        return [fact for fact in self.open if isinstance(fact, HeldToken)]

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
                case Plan() | Settled():
                    pass
        return waiting
