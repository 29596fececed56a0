"""A stand-in for Nomad's command: the parts of `nomad acl` that make something, with the flags of its documentation.

As in its `Help` texts (`command/acl_*.go`): an unknown flag, a word too many or one that is missing is refused.
"""

import json
import os
import sys
from typing import Any, Final

from sending import put

# Of each command: the flags that have a value, and how many words follow.
_FLAGS: Final = {
    "policy apply": ({"description"}, 2),
    "role create": ({"name", "description", "policy"}, 0),
    "auth-method create": (
        {"name", "type", "max-token-ttl", "token-locality", "token-name-format", "default", "config"},
        0,
    ),
    "binding-rule create": ({"description", "auth-method", "selector", "bind-type", "bind-name"}, 0),
    "token create": ({"name", "type", "global", "policy", "role-id", "role-name", "ttl", "t"}, 0),
}
_SEVERAL: Final = {"policy"}
_SWITCHES: Final = {"global"}
"""Flags that may go without a value, and are true then."""
_SECOND: Final = 10**9


def main(argv: list[str]) -> int:
    """Do it, and return the exit code."""
    if argv[:1] != ["acl"]:
        return _wrong(argv)
    command = " ".join(argv[1:3])
    if command not in _FLAGS:
        return _wrong(argv)
    names, count = _FLAGS[command]
    given, words = _parsed(argv[3:], names)
    if len(words) != count:
        return _wrong(words)
    path, body = _request(command, given, words)
    headers = {"X-Nomad-Token": os.environ["NOMAD_TOKEN"]}
    answer = put(f"{os.environ['NOMAD_ADDR']}/v1/acl/{path}", body, headers)
    if answer is not None and given.get("t") == ["{{.SecretID}}"]:
        sys.stdout.write(f"{json.loads(answer)['SecretID']}\n")
    return int(answer is None)


def _wrong(words: list[str]) -> int:
    sys.stderr.write(f"This is not how the command is used: {words}\n")
    return 1


def _parsed(argv: list[str], names: set[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Read flags as Go's `flag` does: `-name=value`, up to the first word that is none; `-` is one."""
    given: dict[str, list[str]] = {}
    while argv and argv[0].startswith("-") and argv[0] != "-":
        name, equals, value = argv.pop(0).lstrip("-").partition("=")
        if name not in names or not (equals or name in _SWITCHES):
            raise SystemExit(_wrong([name]))
        given.setdefault(name, []).append(value if equals else "true")
    return given, argv


def _request(command: str, given: dict[str, list[str]], words: list[str]) -> tuple[str, dict[str, Any]]:
    one = {name: values[-1] for name, values in given.items() if name not in _SEVERAL}
    match command:
        case "policy apply":
            rules = sys.stdin.read() if words[1] == "-" else open(words[1]).read()  # noqa: PTH123, SIM115
            return f"policy/{words[0]}", {"Name": words[0], "Description": one["description"], "Rules": rules}
        case "role create":
            policies = [{"Name": name} for name in given["policy"]]
            return "role", {"Name": one["name"], "Description": one["description"], "Policies": policies}
        case "auth-method create":
            life = int(one["max-token-ttl"].removesuffix("s")) * _SECOND
            config = json.loads(sys.stdin.read() if one["config"] == "-" else one["config"])
            method = {"Name": one["name"], "Type": one["type"], "TokenLocality": one["token-locality"]}
            return "auth-method", {**method, "MaxTokenTTL": life, "Config": config}
        case "binding-rule create":
            rule = {"AuthMethod": one["auth-method"], "Selector": one["selector"], "BindType": one["bind-type"]}
            return "binding-rule", {**rule, "BindName": one.get("bind-name", ""), "Description": one["description"]}
        case _:
            return "token", {"Name": one["name"], "Type": one["type"], "Global": one.get("global") == "true"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
