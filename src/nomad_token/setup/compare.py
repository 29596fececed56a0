"""What is wanted against what is there: the change, or why there may be none. Pure: nothing is asked or written."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nomad_token.setup.canonical import canonical
from nomad_token.setup.changes import Change, Difference, Found, Verdict
from nomad_token.setup.objects import Kind, Object
from nomad_token.text import shown

_MOUNTS: Final = frozenset({Kind.ENGINE, Kind.AUTH_MOUNT})
_OF_A_WHOLE_MOUNT: Final = frozenset({Kind.ACCESS, Kind.LEASE, Kind.AUTH_CONFIG})
_ENGINES: Final = frozenset({"nomad", "openbao-plugin-secrets-nomad"})
"""How the engine is called: in Vault, and by its plugin for OpenBao (api-contract 6)."""
_MARKS: Final = frozenset({"Description", "description"})
_CARRIED: Final[Mapping[Kind, tuple[str, ...]]] = {
    # A write resets what it does not name (api-contract 1.2, 2.6; Vault's jwt auth, "Configure").
    Kind.ACCESS: ("max_token_name_length",),
    Kind.AUTH_CONFIG: ("default_role", "jwt_supported_algs"),
    Kind.AUTH_METHOD: ("Default",),
}
_ITS_CONFIG: Final = ("SigningAlgs", "ClockSkewLeeway", "ExpirationLeeway", "NotBeforeLeeway", "VerboseLogging")


def compare(wanted: Object, found: Found) -> Change:
    """Return what is to be done about *wanted*, where *found* is there."""
    if found.unread:
        return Change(wanted, found, Verdict.UNKNOWN, reason=found.unread, fix=found.rule)
    if found.body is None:
        return _of_nothing(wanted, found)
    if wanted.kind in _MOUNTS:
        return _of_mount(wanted, found, found.body)
    differences = tuple(_differences(wanted, found.body, ours=found.ours))
    if not differences:
        return Change(wanted, found, Verdict.SAME)
    if reason := _why_not(wanted, found, differences):
        return _refused(wanted, found, differences, *reason)
    return Change(wanted, found, Verdict.CHANGE, differences, body=written_over(wanted, found.body))


def _of_nothing(wanted: Object, found: Found) -> Change:
    if wanted.kind in _OF_A_WHOLE_MOUNT and not found.ours:
        return _refused(wanted, found, (), *_whole_mount(wanted))
    differences = tuple(Difference(name, None, value) for name, value in _flat(wanted.body) if value)
    return Change(wanted, found, Verdict.CREATE, differences, body=wanted.body)


def _refused(wanted: Object, found: Found, differences: tuple[Difference, ...], reason: str, fix: str) -> Change:
    return Change(wanted, found, Verdict.REFUSE, differences, reason, fix)


def _of_mount(wanted: Object, found: Found, there: Mapping[str, Any]) -> Change:
    """Leave a mount alone, whoever made it; only what it is has to fit."""
    fitting = _ENGINES | {str(wanted.body["type"])} if wanted.kind is Kind.ENGINE else {"jwt", "oidc"}
    if str(there.get("type")) in fitting:
        return Change(wanted, found, Verdict.SAME)
    return _refused(
        wanted,
        found,
        (Difference("type", there.get("type"), wanted.body["type"]),),
        f"Something else is mounted there: {shown(there.get('type'))}.",
        "Choose another `mount` in the file.",
    )


def _why_not(wanted: Object, found: Found, differences: tuple[Difference, ...]) -> tuple[str, str] | None:
    """Return why it may not be changed, and what to do; None where it may."""
    if not found.ours:
        if wanted.kind in _OF_A_WHOLE_MOUNT:
            return _whole_mount(wanted)
        return (
            "It is there already, differs, and was not made by nomad-token setup.",
            "Give yours another name in the file, write into the file what is there, or change it by hand.",
        )
    if wanted.kind is Kind.ENGINE_ROLE and any(each.name == "type" for each in differences):
        return (
            "The type of a role that is there is not changed: whoever mints it gets tokens of that type.",
            f"Give yours another name, or delete it by hand: vault delete {wanted.path}",
        )
    if wanted.kind is Kind.AUTH_METHOD and any(each.name == "Type" for each in differences):
        return "The type of an auth method is not changed.", "Give yours another name in the file."
    return None


def _whole_mount(wanted: Object) -> tuple[str, str]:
    what = {
        Kind.ACCESS: "every role of it would mint in another Nomad, or not at all",
        Kind.LEASE: "the tokens of every role of it would live for another time",
        Kind.AUTH_CONFIG: "the logins of every role of it would be checked against another issuer",
    }[wanted.kind]
    return (
        f"The mount `{wanted.mount}` was not made by nomad-token setup, and {what}.",
        f"Choose another `mount`, write into the file what is there, or change it by hand: vault read {wanted.path}",
    )


def _differences(wanted: Object, there: Mapping[str, Any], *, ours: bool) -> Iterator[Difference]:
    known = dict(_flat(there))
    for name, value in _flat(wanted.body):
        if not ours and name in _MARKS:
            continue
        before = known.get(name)
        meant = str(value).partition("\n")[2] if wanted.kind is Kind.VAULT_POLICY and not ours else value
        if canonical(name, before) != canonical(name, meant):
            yield Difference(name, before, value)


def _flat(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the fields, those of an auth method's configuration by two names."""
    for name, value in body.items():
        if name == "Config" and isinstance(value, Mapping):
            yield from ((f"Config.{below}", each) for below, each in value.items())
        else:
            yield name, value


def written_over(wanted: Object, there: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the body of a change, with what the server would reset and the file does not speak of."""
    body = {name: there[name] for name in _CARRIED.get(wanted.kind, ()) if there.get(name)} | dict(wanted.body)
    if wanted.kind is Kind.AUTH_METHOD:
        known, config = there.get("Config"), dict(body["Config"])
        carried = {name: known[name] for name in _ITS_CONFIG if known.get(name)} if isinstance(known, Mapping) else {}
        body["Config"] = carried | config
    if wanted.kind in {Kind.NOMAD_ROLE, Kind.BINDING_RULE}:
        body["ID"] = there["ID"]
    return body
