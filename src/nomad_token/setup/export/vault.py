"""`vault` and `bao`: lines for Vault's or OpenBao's command (its documentation, "Commands", `write`: `-`, `@file`)."""

from collections.abc import Iterator, Sequence

from nomad_token.setup.export.base import ANEW, Namespaces, of_server, token_file
from nomad_token.setup.export.shell import BEGIN, command, fed, fed_json, remark
from nomad_token.setup.objects import Kind, Object


def written(objects: Sequence[Object], namespaces: Namespaces, cli: str = "vault") -> str:
    """Write what is Vault's among *objects* as commands of *cli*; a secret is read from a file. Raises `InputError`."""
    parts = [remark(f"Made by nomad-token setup export. {ANEW}"), BEGIN]
    for one in of_server(objects, "vault"):
        parts += ["", *_lines(one, namespaces.of(one), cli)]
    return "\n".join(parts) + "\n"


def _lines(one: Object, namespace: str, cli: str) -> Iterator[str]:
    where = [f"-namespace={namespace}"] if namespace else []
    match one.kind:
        case Kind.ENGINE | Kind.AUTH_MOUNT:
            yield from _mount(one, where, cli)
        case Kind.VAULT_POLICY:
            yield fed([cli, "policy", "write", *where, one.name, "-"], str(one.body["policy"]), "HCL")
        case Kind.ACCESS:
            key = [f"client_key=@{one.key_file}"] if one.key_file else []
            yield remark(
                f"{token_file(one)} holds a management token of Nomad's that was made for this engine alone, with no "
                "line break at its end. `nomad-token setup export --format nomad` has the line that makes it."
            )
            # An access that is written with an empty token makes Vault bootstrap Nomad's ACLs (api-contract 1.2).
            yield command(["test", "-s", token_file(one)])
            yield fed_json([cli, "write", *where, one.path, f"token=@{token_file(one)}", *key, "-"], one.body)
            yield command(["rm", token_file(one)])
        case _:
            yield fed_json([cli, "write", *where, one.path, "-"], one.body)


def _mount(one: Object, where: list[str], cli: str) -> Iterator[str]:
    what = "secrets" if one.kind is Kind.ENGINE else "auth"
    if one.kind is Kind.ENGINE and cli == "bao":
        yield remark(f"The engine is a plugin of OpenBao's, which knows it as {one.body['type']}:")
        yield remark(f"bao plugin register -sha256=SHA256 -command=PROGRAM secret {one.body['type']}")
    yield command(
        [
            cli,
            what,
            "enable",
            *where,
            f"-path={one.name}",
            f"-description={one.body['description']}",
            str(one.body["type"]),
        ]
    )
