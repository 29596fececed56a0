"""`nomad-token.toml`: what is wanted on the servers, in a file that can be reviewed. It holds no secret."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from nomad_token.errors import InputError
from nomad_token.readers import address, mount, seconds
from nomad_token.setup.bounds import PLATFORMS, Claims, check_bounds
from nomad_token.text import shown

NAME: Final = "nomad-token.toml"

ReadFile = Callable[[str], str]
"""Reads a file that the setup names, by its path there. Raises `InputError`."""


def _of_engine(value: str) -> str:
    """Check a mount and a role in it: both become a path in a policy of Vault's, where `+` and `*` are many."""
    mount, _, name = value.rpartition("/")
    try:
        is_one = _MOUNT.validate_python(mount) == mount and _VAULT_NAME.validate_python(name) == name
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("is not MOUNT/ROLE, such as nomad/deployer")
    return value


def _below_auth(value: str) -> str:
    if value.startswith("auth/"):
        raise ValueError("is below `auth/` already: leave that out")
    return value


def _seconds(value: object) -> object:
    return seconds(value) if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(address)]
Mount = Annotated[str, AfterValidator(mount)]
Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=86400 * 366)]
# A role of the engine is a generic name of Vault's SDK (api-contract 1.1); a name in Nomad has no dot (2.3).
VaultName = Annotated[str, Field(pattern=r"^\w(([\w.-]+)?\w)?$", max_length=128)]
NomadName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9-]{1,128}$")]
Text = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]
_MOUNT: Final = TypeAdapter[str](Mount)
_VAULT_NAME: Final = TypeAdapter[str](VaultName)
EngineRoleName = Annotated[Text, AfterValidator(_of_engine)]
Platform = Literal["github", "gitlab"]


class _Table(BaseModel):
    """A table of the file: its keys are the fields' names with hyphens, and it has no others."""

    model_config = ConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        extra="forbid",
        validate_default=True,
        alias_generator=lambda field: field.replace("_", "-"),
    )


class Access(_Table):
    """How Vault reaches Nomad; the files are beside this one, and the token is made."""

    address: Address
    ca_cert: Text | None = None
    client_cert: Text | None = None
    client_key: Text | None = None
    max_token_name_length: Annotated[int, Field(ge=0, le=256)] = 0

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("has one of `client-cert` and `client-key`: a client certificate needs both")
        return self


class EngineRole(_Table):
    """What a mint asks for by its name."""

    name: VaultName
    type: Literal["client", "management"] = "client"
    policies: tuple[NomadName, ...] = ()
    is_global: bool = Field(default=False, alias="global")

    @model_validator(mode="after")
    def _policies(self) -> Self:
        if (self.type == "client") != bool(self.policies):
            raise ValueError("needs policies as a client's role, and has none as a management role")
        return self


class Engine(_Table):
    """A mount of Vault's Nomad secrets engine. Its leases are all of one length, in seconds, and it knows no region."""

    mount: Mount = "nomad"
    plugin: Text = "nomad"
    ttl: Duration = 1800.0
    max_ttl: Duration = 3600.0
    access: Access
    role: tuple[EngineRole, ...] = ()

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.ttl > self.max_ttl:
            raise ValueError("has a ttl over its max-ttl")
        return self


class Policy(_Table):
    """A policy of Nomad's; `rules` is a file beside this one."""

    name: NomadName
    rules: Text
    description: Text = "deploys from CI"


class NomadRole(_Table):
    """A role of Nomad's: several policies by one name."""

    name: NomadName
    policies: Annotated[tuple[NomadName, ...], Field(min_length=1)]


class _Trust(_Table):
    platform: Platform
    issuer: Address | None = None
    ca_cert: Text | None = None

    @property
    def url(self) -> str:
        """Whose id tokens are believed: the platform's own, unless the file says another."""
        return self.issuer or PLATFORMS[self.platform].issuer


class VaultLoginRole(_Table):
    """A role of a login with an id token: for which claims it is, and which of the engine's roles it may mint.

    `ttl` and `max_ttl` (seconds) are those of the longest lease among them, unless given: a lease ends with its login.
    """

    name: VaultName
    audience: Annotated[tuple[Text, ...], Field(min_length=1)]
    claims: Claims
    roles: Annotated[tuple[EngineRoleName, ...], Field(min_length=1)]
    ttl: Duration | None = None
    max_ttl: Duration | None = None


class VaultTrust(_Trust):
    """A mount of Vault's jwt auth, for one issuer: its configuration is one for the whole mount."""

    mount: Annotated[Mount, AfterValidator(_below_auth)]
    role: tuple[VaultLoginRole, ...] = ()

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        for role in self.role:
            check_bounds(self.platform, role.claims, f"role `{role.name}`")
        return self


class Rule(_Table):
    """A binding rule: for which claims, and what they get. Exactly one of `role`, `policy`, `management`."""

    claims: Claims
    role: NomadName | None = None
    policy: NomadName | None = None
    management: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((self.role is not None, self.policy is not None, self.management)) != 1:
            raise ValueError("needs exactly one of role, policy and management = true")
        return self


class NomadTrust(_Trust):
    """An auth method of Nomad's own, for one issuer. Only `max_token_ttl` (seconds) ends its tokens."""

    name: NomadName
    audience: Annotated[tuple[Text, ...], Field(min_length=1)]
    max_token_ttl: Duration = 1800.0
    is_global: bool = Field(default=False, alias="global")
    rule: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        for number, rule in enumerate(self.rule, 1):
            check_bounds(self.platform, rule.claims, f"rule {number}")
        return self


class Setup(_Table):
    """The whole file."""

    policy: tuple[Policy, ...] = ()
    nomad_role: tuple[NomadRole, ...] = ()
    nomad_trust: tuple[NomadTrust, ...] = ()
    engine: tuple[Engine, ...] = ()
    vault_trust: tuple[VaultTrust, ...] = ()

    @property
    def has_vault(self) -> bool:
        """Whether anything of it is Vault's."""
        return bool(self.engine or self.vault_trust)

    @property
    def has_nomad(self) -> bool:
        """Whether anything of it is Nomad's: an engine's access needs a token of it."""
        return bool(self.policy or self.nomad_role or self.nomad_trust or self.engine)

    @model_validator(mode="after")
    def _names(self) -> Self:
        for table, names in _names_of(self):
            doubles = sorted({name for name in names if names.count(name) > 1})
            if doubles:
                raise ValueError(f"has more than one [[{table}]] named `{doubles[0]}`")
        return self


def _names_of(setup: Setup) -> Iterator[tuple[str, list[str]]]:
    yield "policy", [one.name for one in setup.policy]
    yield "nomad-role", [one.name for one in setup.nomad_role]
    yield "nomad-trust", [one.name for one in setup.nomad_trust]
    yield "engine", [one.mount for one in setup.engine]
    yield "vault-trust", [one.mount for one in setup.vault_trust]
    for engine in setup.engine:
        yield "engine.role", [role.name for role in engine.role]
    yield "vault-trust.role", [f"{trust.mount}/{role.name}" for trust in setup.vault_trust for role in trust.role]


def parse(text: str, name: str = NAME) -> Setup:
    """Read the *text* of a file of that *name*. Raises `InputError`, with each finding on a line of its own."""
    try:
        return Setup.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown(name)} is not TOML: {shown(str(error))}") from None
    except ValidationError as error:
        found = [
            f"{shown(name)}: {_where(detail['loc'])} {_what(detail['msg'])}"
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise InputError("\n".join(found)) from None


def load(path: Path) -> tuple[Setup, ReadFile]:
    """Read the file at *path*, and return what reads the files that it names. Raises `InputError`."""

    def beside(name: str) -> str:
        return _text_of(path.parent / name)

    return parse(_text_of(path), path.name), beside


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{shown(str(path))} can't be read: {why}.", fix="nomad-token setup init") from None


def _where(location: tuple[int | str, ...]) -> str:
    """Write `engine[2].role[1].name`, counted from 1 as people do."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{shown(part)}"
    return f"`{text.removeprefix('.')}`" if text else "the file"


def _what(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return {
        "Field required": "is missing.",
        "Extra inputs are not permitted": "is not known here.",
    }.get(message, f"{message[0].lower()}{message[1:]}.")
