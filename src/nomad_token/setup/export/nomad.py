"""`nomad`: lines for Nomad's command (its documentation, "Commands", `acl`)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from nomad_token.setup.export.base import Namespaces, accesses, of_server, token_file, token_name
from nomad_token.setup.export.shell import BEGIN, command, fed, fed_json, remark
from nomad_token.setup.objects import Kind, Object

_ANEW: Final = (
    "For a Nomad that has none of this yet: a policy or an auth method of the same name is replaced, and a rule "
    "is there twice then. `nomad-token setup plan` tells what is there."
)


def written(objects: Sequence[Object], _namespaces: Namespaces) -> str:
    """Write what is Nomad's among *objects* as commands, and what makes the tokens for Vault. Raises `InputError`."""
    parts = [remark(f"Made by nomad-token setup export. {_ANEW}"), BEGIN]
    tokens = [line for one in accesses(objects) for line in ("", *_token(one))]
    own = [one for one in objects if one.server == "nomad"] if tokens else of_server(objects, "nomad")
    for one in own:
        parts += ["", _line(one)]
    parts += tokens
    return "\n".join(parts) + "\n"


def _line(one: Object) -> str:
    body: Any = one.body
    match one.kind:
        case Kind.POLICY:
            words = ["policy", "apply", f"-description={body['Description']}", one.name, "-"]
            return fed(["nomad", "acl", *words], body["Rules"], "HCL")
        case Kind.NOMAD_ROLE:
            policies = [f"-policy={each['Name']}" for each in body["Policies"]]
            words = ["role", "create", f"-name={one.name}", f"-description={body['Description']}", *policies]
            return command(["nomad", "acl", *words])
        case Kind.AUTH_METHOD:
            words = [f"-name={one.name}", f"-type={body['Type']}", f"-token-locality={body['TokenLocality']}"]
            life = f"-max-token-ttl={body['MaxTokenTTL'] // 10**9}s"
            return fed_json(["nomad", "acl", "auth-method", "create", *words, life, "-config=-"], body["Config"])
        case _:
            flags = {
                "-auth-method": body["AuthMethod"],
                "-description": body["Description"],
                "-selector": body["Selector"],
                "-bind-type": body["BindType"],
                "-bind-name": body["BindName"],
            }
            words = [f"{flag}={value}" for flag, value in flags.items() if value]
            return command(["nomad", "acl", "binding-rule", "create", *words])


def _token(access: Object) -> Iterator[str]:
    words = ["token", "create", f"-name={token_name(access)}", "-type=management", "-global", "-t={{.SecretID}}"]
    yield remark(
        f"The management token that Vault gets for its engine {access.name}, in a file that only you can read."
    )
    yield "("
    yield "  umask 077"
    # A file, or a link, that somebody put there is not written to; that is found before there is a token.
    yield "  set -C"
    yield f"  : > {command([token_file(access)])}"
    yield f"  secret=$({command(['nomad', 'acl', *words])})"
    # A program's arguments are everybody's to read, those of the shell's own `printf` are not; `$(…)` ends no line.
    yield f'  printf %s "$secret" >> {command([token_file(access)])}'
    yield ")"
