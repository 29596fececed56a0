"""A stand-in for Vault's command, where the real one is not here: what `setup export` uses of it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from sending import put


def main(argv: list[str]) -> int:
    """Do it, and return the exit code."""
    match argv:
        case ["write", *rest]:
            flags, (path, *fields) = _split(rest)
            return _send(path, _body(fields), flags)
        case ["policy", "write", *rest]:
            flags, (name, source) = _split(rest)
            return 1 if source != "-" else _send(f"sys/policies/acl/{name}", {"policy": sys.stdin.read()}, flags)
        case [("secrets" | "auth") as what, "enable", *rest]:
            flags, (kind,) = _split(rest)
            tree = "mounts" if what == "secrets" else "auth"
            return _send(f"sys/{tree}/{flags['path']}", {"type": kind, "description": flags["description"]}, flags)
        case _:
            sys.stderr.write(f"This is not how the command is used: {argv}\n")
            return 1


def _split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    flags = [word for word in words if word.startswith("-") and word != "-"]
    pairs = (flag.lstrip("-").split("=", 1) for flag in flags)
    return {name: value for name, value in pairs}, [word for word in words if word not in flags]  # noqa: C416


def _body(fields: list[str]) -> dict[str, Any]:
    """Read fields: `-` is JSON on standard input, `name=@file` what is in a file, as it is."""
    body: dict[str, Any] = {}
    for field in fields:
        name, _, value = field.partition("=")
        if field == "-":
            body |= json.load(sys.stdin)
        else:
            body[name] = Path(value[1:]).read_text() if value.startswith("@") else value
    return body


def _send(path: str, body: dict[str, Any], flags: dict[str, str]) -> int:
    headers = {"X-Vault-Token": os.environ["VAULT_TOKEN"], "X-Vault-Namespace": flags.get("namespace", "")}
    answer = put(f"{os.environ['VAULT_ADDR']}/v1/{path}", body, headers)
    return 2 if answer is None else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
