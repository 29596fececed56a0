"""Inputs: declared once, each in the group of what uses it; read once, frozen.

Whatever lists inputs (action.yml, the README's table, the check for misspelt names) is made from these declarations.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from nomad_token.declared import Declared, Lookup
from nomad_token.errors import InputError
from nomad_token.text import shown


def declare(  # the field's own type says what it is
    default: Any = ...,  # noqa: ANN401
    *,
    about: str,
    environment: Sequence[str] = (),
    name: str | None = None,
) -> Any:  # noqa: ANN401
    """Declare an input; without a *default* it must be given. *name* is for one that Python keeps for itself."""
    return Field(default, alias=name, description=about, json_schema_extra={"environment": list(environment)})


class InputGroup(BaseSettings):
    """The inputs of one kind of thing. The fields' names with hyphens are the inputs' names."""

    model_config = SettingsConfigDict(
        defer_build=True,
        frozen=True,
        # Pydantic quotes what it refuses, and that may be a secret.
        hide_input_in_errors=True,
        validate_default=True,
        alias_generator=lambda field: field.replace("_", "-"),
    )

    @classmethod
    def read(cls, lookup: Lookup) -> Self:
        """Read the group where *lookup* finds its values. Raises `InputError` for a missing or impossible one."""
        try:
            return cls(lookup=lookup)  # type: ignore[call-arg] # taken by the source below
        except ValidationError as error:
            missing = {
                str(detail["loc"][0]) for detail in error.errors(include_input=False) if detail["type"] == "missing"
            }
            lacks_secret = any(one.secret for one in cls.declared() if one.name in missing)
            raise InputError(_refused(cls, error, lookup), lacks_secret=lacks_secret) from None

    @classmethod
    def declared(cls) -> list[Declared]:
        """List the group's inputs, in their order."""
        return list(_all_declared(cls))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read from the platform alone: what the process's environment may say is the platform's rule."""
        return (_PlatformSource(settings_cls, init_settings().get("lookup")),)


class _PlatformSource(PydanticBaseSettingsSource):
    """Values from a `Lookup`, under the inputs' own names."""

    def __init__(self, settings_cls: type[BaseSettings], lookup: Lookup | None) -> None:
        super().__init__(settings_cls)
        self._lookup = lookup or (lambda _: None)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        declared = _declared(field, getattr(self.settings_cls, "server", ""))
        found = self._lookup(declared)
        return (found.value if found else None), field.alias or field_name, False

    def __call__(self) -> dict[str, Any]:
        read = [self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items()]
        return {alias: value for value, alias, _ in read if value is not None}


def seconds(value: object) -> object:
    """Read `90`, `90s`, `2m`, `1h30m` as seconds; anything else is left for the type to refuse."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[0-9]+", value.strip()):
        return float(value)
    parts = re.fullmatch(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?", value.strip())
    if parts is None or not value.strip():
        raise ValueError("is not a duration: write for example 90s, 2m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return float(3600 * hours + 60 * minutes + rest)


def _address(value: str) -> str:
    """Check a server's address; a path below the host is kept, a user in it is refused: it would be logged."""
    if "://" not in value:
        raise ValueError(f"has no scheme: write https://{shown(value)}")
    if re.search(r"[\s\x00-\x1f\x7f;$&|()<>'\"`\\]", value):
        raise ValueError("holds a character that no address has")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not an address like https://host:8200") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not an address like https://host:8200")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password, which would be logged: leave them out")
    if not all(0 < len(label) < 64 for label in parts.hostname.removesuffix(".").split(".")):
        raise ValueError("has a host that can't be one: a dot too many, or more than 63 letters without one")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is not a number below 65536") from None
    # `urlsplit` wrote the scheme in lower case
    return re.sub(r"/v1$", "", parts.geturl().rstrip("/"))


def _mount(value: str) -> str:
    """Check a path of Vault: segments of any depth, without slashes at the ends."""
    value = value.strip().strip("/")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", value, re.ASCII) or {".", ".."} & set(value.split("/")):
        raise ValueError("is not a mount path like nomad or teams/deploy/nomad")
    return value


Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=86400 * 366)]
Timeout = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=86400)]
Address = Annotated[str, Field(max_length=2048), AfterValidator(_address)]
Mount = Annotated[str, Field(max_length=512), AfterValidator(_mount)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=512)]

_USERINFO: Final = re.compile(r"//[^/@\s]*@")
_FORBIDDEN_ENV: Final = re.compile(
    r"(GITHUB_|RUNNER_|ACTIONS_|INPUT_|STATE_|CI_|LD_|PYTHON|GIT_).*|PATH|HOME|NODE_OPTIONS|BASH_ENV|ENV", re.IGNORECASE
)


def check_env_name(value: str) -> str:
    """Check the name of a variable that is to hold a token."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("is not a variable's name: letters, digits and _, not beginning with a digit")
    if _FORBIDDEN_ENV.fullmatch(value):
        raise ValueError("would steer the runner, the loader or the shell: choose another name")
    return value


class JobInputs(InputGroup):
    """What holds for every issuer: where the token goes, how long we try, how it ends."""

    env_name: Annotated[str, AfterValidator(check_env_name)] = declare(
        "NOMAD_TOKEN", about="The environment variable that holds the token in the job's next steps."
    )
    export_env: Literal["auto", "true", "false"] = declare(
        "auto",
        about="Whether the token is put into that variable. `auto` does so unless Nomad says that it is a management "
        "token, which has to be asked for with `true`.",
    )
    export_output: bool = declare(
        default=True,
        about="Whether the token is put into the output `token`, or several into `token-ENV-NAME` each.",
    )
    verify: Literal["auto", "required", "off"] = declare(
        "auto",
        about="Whether to wait until Nomad accepts the token, which needs `nomad-addr`. `auto` warns when Nomad can't "
        "be reached from here, `required` fails then, and `off` does not ask.",
    )
    min_ttl: Duration | None = declare(
        None,
        about="The life that the token must have at least, such as 30m: a shorter one is undone, before the deploy.",
    )
    max_ttl: Duration | None = declare(
        None,
        about="The life that the token may have at most: a longer one is undone. Without it, more than 24h is warned "
        "about.",
    )
    timeout: Timeout = declare(
        "120s", about="How long to try. After it no request is begun; a credential that is under way is still awaited."
    )
    revoke: bool = declare(
        default=True, about="Whether the token is revoked at the end. A failed mint is undone anyway."
    )
    on_revoke_failure: Literal["warn", "fail"] = declare(
        "warn",
        about="What a token does that could not be revoked: `warn`, or `fail` the post-step or `nomad-token run`. "
        "(`nomad-token revoke` fails in any case.)",
    )
    summary: Literal["auto", "always", "never"] = declare(
        "auto",
        about="When to write to the job summary: `always`, `never`, or with `auto` when something needs attention.",
    )


def check_names(given: Iterable[str], declared: Iterable[Declared]) -> None:
    """Raise `InputError` where an input was *given* that is not *declared*, with the name that was likely meant.

    The runner only warns about such a name, and hands it over.
    """
    known = {one.name for one in declared}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError("\n".join(_unknown(name, known) for name in unknown))


# vault-action's names, as the runner spells them, and what they are called here. Its `role`, which is the role of the
# login, has the name of our role of the engine: the text for an unknown role says so.
_OF_VAULT_ACTION: Final = {
    "url": "`vault-addr`",
    "method": "`vault-auth-method`",
    "path": "`vault-auth-path`",
    "namespace": "`vault-namespace`",
    "jwtgithubaudience": "`audience`",
    "exportenv": "`export-env`",
    "outputtoken": "`export-output`",
    "secrets": "`role`: the ROLE of `nomad/creds/ROLE`, and `vault-mount` where the mount is not `nomad`",
    "token": "`vault-token`, with `vault-auth-method: token`",
    "roleid": "`vault-role-id`",
    "secretid": "`vault-secret-id`",
    "githubtoken": "`vault-github-token`",
    "kubernetestokenpath": "`vault-kubernetes-token-path`",
    "username": "`vault-username`",
    "password": "`vault-password`",
    "authpayload": "`vault-auth-payload`",
    "extraheaders": "`vault-headers`",
    "cacertificate": "`vault-ca-cert`",
    "clientcertificate": "`vault-client-cert`",
    "clientkey": "`vault-client-key`",
    "tlsskipverify": "`vault-skip-verify`",
}
_OF_VAULT_ACTION_ALONE: Final = re.compile(
    "exporttoken|jwtprivatekey|jwtkeypassword|jwtttl|secretencodingtype|ignorenotfound|pki"
)


def _unknown(name: str, known: set[str]) -> str:
    if meant := _OF_VAULT_ACTION.get(name):
        return f"`{shown(name)}` is vault-action's name; here it is called {meant}."
    if _OF_VAULT_ACTION_ALONE.fullmatch(name):
        return f"`{shown(name)}` is an input of vault-action, and has no counterpart here."
    close = difflib.get_close_matches(name.replace("_", "-"), sorted(known), n=1)
    return f"`{shown(name)}` is not an input" + (f": did you mean `{close[0]}`?" if close else ".")


@cache
def _all_declared(group: type[InputGroup]) -> tuple[Declared, ...]:
    """Describe the fields of *group* once: each input that is looked for needs them."""
    return tuple(_declared(field, getattr(group, "server", "")) for field in group.model_fields.values())


def _declared(field: FieldInfo, server: str) -> Declared:
    """Describe *field*; the texts of what is the same for each server name it."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = "" if field.is_required() or field.default is None else field.default
    environment = extra.get("environment", [])
    names = {"server": server, "Server": server.capitalize(), "SERVER": server.upper()}
    return Declared(
        name=field.alias or "",
        about=(field.description or "").format_map(names) if server else field.description or "",
        default=str(default).lower() if isinstance(default, bool) else str(default),
        environment=tuple(str(name).format_map(names) for name in environment) if isinstance(environment, list) else (),
        secret="SecretStr" in str(field.annotation),
        required=field.is_required(),
        choices=tuple(choice for choice in getattr(field.annotation, "__args__", ()) if isinstance(choice, str)),
    )


def _refused(group: type[InputGroup], error: ValidationError, lookup: Lookup) -> str:
    """Put Pydantic's findings into the user's words, one line an input."""
    by_name = {one.name: one for one in group.declared()}
    lines: dict[str, str] = {}
    for detail in error.errors(include_input=False, include_url=False):
        one = by_name[str(detail["loc"][0])]
        found = lookup(one)
        if found is None:
            elsewhere = f", or set {' or '.join(one.places)}" if one.places else ""
            lines[one.name] = f"`{one.name}` is missing: give it under `with:`{elsewhere}. {one.about}"
            continue
        reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else _reason(one, detail["msg"])
        value = "its value" if one.secret else f"`{shown(_USERINFO.sub('//…@', found.value))}`"
        lines.setdefault(one.name, f"`{one.name}`: {value} {reason}.")
    return "\n".join(lines.values())


def _reason(one: Declared, message: str) -> str:
    if one.choices and one.choices != ("",):
        return f"is not one of {', '.join(choice for choice in one.choices if choice)}"
    if "boolean" in message:
        return "is neither true nor false"
    return f"is refused: {message[0].lower()}{message[1:]}"
