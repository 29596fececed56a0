"""What must hold after each case, whatever went wrong: design §6, invariants 1 to 3, 5, 6 and 8."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from faults.cases import Case
from faults.doors import RunDoor
from faults.kinds import KINDS
from faults.roads import Arranged, Road
from faults.runs import Result
from faults.wire import Sent, Then
from nomad_token.errors import LiveTokenLeft
from nomad_token_lab.nomad.tokens import Token

# `timeout` (120 s), a creds read that is under way then (95 s), and the undo (30 s, and the answer that it waits for).
_MAIN_SECONDS: Final = 120 + 95 + 35
# A server that only ever says "later" is not under way with anything.
_STORM_SECONDS: Final = 120 + 35
_POST_SECONDS: Final = 30 + 6
_PROMISED: Final = frozenset({0, 3, 4, 5, 75})
"""The exit codes of a mint whose inputs are right (design §6.8)."""
_ITSELF: Final = "/v1/acl/token/self"
_SECRETS: Final = re.compile(rb'"(?:client_token|secret_id|SecretID|value)": ?"([^"]+)"')
_ACCESSORS: Final = re.compile(rb'"(?:accessor|accessor_id|AccessorID)": ?"([^"]+)"')
_WINDOW: Final = re.compile(
    r"named ([\w-]+)… and be made between (\d\d:\d\d:\d\d) and (\d\d:\d\d:\d\d) UTC: nomad acl token list"
)


def makes(sent: Sent) -> bool:
    """Tell whether a request makes a login or a token when it is granted."""
    if sent.method == "GET":
        return "/creds/" in sent.path
    return "/login" in sent.path or sent.path.partition("?")[0] == "/v1/acl/token"


def made(sent: Sent) -> bool:
    """Tell whether a request did."""
    return makes(sent) and sent.answer is not None and sent.answer.status == 200


@dataclass(frozen=True)
class Living:
    """A token that lives at the end, and whether the program had it in its hands."""

    case: Case
    road: Road
    log: str
    held: bool
    accessor: str
    token: Token | None
    """None for a login: a token of Vault's."""
    refused: bool
    """Whether the fault struck a revoke of the post-step's, or the look-up before it."""


@dataclass(frozen=True)
class Class:
    """A reason for which something may be left, and whether the log names what is."""

    name: str
    why: str
    fits: Callable[[Living], bool]
    names: Callable[[Living], bool]


def _denied(left: Living) -> bool:
    return left.case.when == "after" and KINDS[left.case.kind].denies and not left.held


def _claimed(left: Living) -> bool:
    return left.case.when == "before" and left.case.at.server in KINDS[left.case.kind].claims and left.held


def _kept_from_it(left: Living) -> bool:
    """Tell whether the post-step was kept from the revoke to its end: by a fault that lasts, or by a final no."""
    kind = KINDS[left.case.kind]
    lasts = left.case.span in {"lasting", "onward"} or kind.is_final or kind.name in {"429-an-hour", "redirect-loop"}
    return left.refused and lasts


def _by_accessor(left: Living) -> bool:
    return re.search(rf"{left.accessor}[^\n]*(may live|ends)|may live[^\n]*{left.accessor}", left.log) is not None


def _still_accepted(left: Living) -> bool:
    return f"Nomad still accepted the token {left.accessor}" in left.log


def _by_hand(left: Living) -> bool:
    return _by_accessor(left) and ("By hand: " in left.log or "by hand: " in left.log)


def _by_pattern(left: Living) -> bool:
    """Tell whether the log names the token by how its name begins, and by a time window that it was made in."""
    if left.token is None:
        return False
    at = f"{left.token.created:%H:%M:%S}"
    return any(
        left.token.name.startswith(name) and since <= at <= until for name, since, until in _WINDOW.findall(left.log)
    )


def _by_name(left: Living) -> bool:
    return left.token is not None and f"with the name {left.token.name} was asked for at" in left.log


CLASSES: Final = (
    Class(
        "token of a Nomad login",
        "Nomad lets only management tokens delete tokens: it ends by itself.",
        lambda left: left.road.grants_by_login and not left.road.is_managed and left.held,
        _by_accessor,
    ),
    Class(
        "lost answer to a Nomad login",
        "The token has a name that others have too, and nobody knows its accessor.",
        lambda left: left.road.grants_by_login and not left.held and not _denied(left),
        lambda left: "The login with `github` was sent at" in left.log and "nomad acl token list" in left.log,
    ),
    Class(
        "lost answer to a read with a lent token",
        "The lease's id was in the answer, and the token that owns it is the user's, and not ended.",
        lambda left: left.road.is_lent and not left.held and not _denied(left),
        _by_pattern,
    ),
    Class(
        "lost answer to a read in another namespace",
        "The lease's id was in the answer, and the end of the login, which is not of that namespace, ends no lease.",
        lambda left: left.road.is_apart and left.token is not None and not left.held and not _denied(left),
        _by_pattern,
    ),
    Class(
        "lost answer to a login at Vault",
        "Nobody holds the token of the login; no Nomad token hangs on it.",
        lambda left: left.token is None and not left.held and not _denied(left),
        lambda left: re.search(r"The login at `auth/[^`]+` was sent at \d\d:\d\d:\d\d UTC", left.log) is not None,
    ),
    Class(
        "claimed though not done: the login",
        "Vault said that the login is gone, and had done nothing: it is believed. No real server is known to.",
        lambda left: left.token is None and _claimed(left),
        lambda _: True,
    ),
    Class(
        "claimed though not done: the token",
        "As before; where Nomad can be asked, it says that the token lives.",
        lambda left: left.token is not None and _claimed(left),
        lambda left: left.road.name == "vault-jwt-without-nomad" or not left.held or _still_accepted(left),
    ),
    Class(
        "kept from the revoke: the login",
        "The server refused the login's revoke, or was out of reach, to the end of the post-step.",
        lambda left: left.token is None and left.held and _kept_from_it(left),
        lambda left: left.accessor in left.log and "vault token revoke -accessor" in left.log,
    ),
    Class(
        "kept from the revoke: the token",
        "The server refused the revoke, or was out of reach, to the end of the post-step.",
        lambda left: left.token is not None and left.held and _kept_from_it(left),
        _by_hand,
    ),
    Class(
        "kept from the revoke: a token that was not seen",
        "As before, and its answer was lost, so that its name is all that is known.",
        lambda left: left.token is not None and not left.held and _kept_from_it(left) and not _denied(left),
        lambda left: _by_pattern(left) or _by_name(left),
    ),
    Class(
        "denied though done",
        "The server did it, and then said that it had not: it is believed. No real server is known to.",
        _denied,
        lambda _: True,
    ),
)


@dataclass
class Verdict:
    """What a case came to."""

    ending: str
    """`nothing`, `main`, `post` or `named`: where what was made was undone."""
    classes: list[str]
    """Of what lives at the end."""
    wrong: list[str]
    survivors: int
    """How much lives that could have been revoked."""


def judged(case: Case, road: Road, arranged: Arranged, result: Result) -> Verdict:
    """Judge *result*."""
    wrong = [
        *_exit_codes(road, result),
        *_handed_over(road, result),
        *_secrets(arranged, result),
        *_time(case, result),
        *_asked(case, road, result),
        *(f"asked elsewhere: {stray}" for stray in result.strays),
    ]
    classes, survivors = [], 0
    for left in _living(case, road, result):
        found = next((each for each in CLASSES if each.fits(left)), None)
        what = f"{'login' if left.token is None else 'token'} {left.accessor} ({'held' if left.held else 'not seen'})"
        if found is None:
            survivors += 1
            wrong.append(f"{what} lives, and could have been revoked")
        else:
            classes.append(found.name)
            if not found.names(left):
                wrong.append(f"{what} lives, and is not named ({found.name})")
    if result.leases > len(result.tokens):
        wrong.append(f"{result.leases} leases live, and {len(result.tokens)} tokens")
    return Verdict(_ending(result), classes, wrong, survivors)


def _ending(result: Result) -> str:
    if result.tokens or result.logins:
        return "named"
    if not any(made(sent) for sent in result.sent):
        return "nothing"
    return "post" if result.tokens_after_main or result.logins_after_main else "main"


def _living(case: Case, road: Road, result: Result) -> Iterator[Living]:
    held = _held(road, result)
    undoing = result.sent_in_post if "post" in road.door.steps else result.sent_in_main
    struck = {sent.path for sent in undoing if sent.answer is None or case.when == "after"}
    refused = any(path.endswith("/revoke-self") or path.startswith("/v1/acl/token") for path in struck - {_ITSELF})
    # With a token that is lent, or in another namespace, nothing else ends the lease.
    lease = (road.is_lent or road.is_apart) and any(path.endswith("/leases/revoke") for path in struck)
    for token in result.tokens:
        is_held = token.accessor in held
        yield Living(case, road, result.log, is_held, token.accessor, token, refused=refused or lease)
    for accessor in result.logins:
        yield Living(case, road, result.log, accessor in held, accessor, None, refused=refused)


def _held(road: Road, result: Result) -> set[str]:
    """Return the accessors that the program had: what it has saved; of a `run`, which saves nothing, what came."""
    if road.door is RunDoor:
        whole = [sent for sent in result.sent_in_main if sent.deed.then is Then.OPEN]
        came = [sent.answer.body for sent in whole if sent.answer and sent.deed.data.endswith(sent.answer.body)]
        return {found.decode() for body in came for found in _ACCESSORS.findall(body)}
    return {fact[name] for fact in result.main.facts for name in ("accessor", "accessor_id") if name in fact}


def _exit_codes(road: Road, result: Result) -> Iterator[str]:
    alone = {LiveTokenLeft.exit_code} if road.door is RunDoor and LiveTokenLeft.title in result.main.log else set()
    if result.main.code not in _PROMISED | alone:
        yield f"main ended with {result.main.code}"
    told = LiveTokenLeft.exit_code if road.is_strict and LiveTokenLeft.title in result.post.log else 0
    if result.post.code != told:
        yield f"post ended with {result.post.code}"
    is_no_failure = road.grants_by_login and not road.is_managed
    if (
        road.is_strict
        and told == 0
        and not is_no_failure
        and any(token.accessor in result.main.log for token in result.tokens)
    ):
        yield "post did not fail the job, and a token that it knew lives"


def _handed_over(road: Road, result: Result) -> Iterator[str]:
    variables = [value for name, value in result.main.variables.items() if name.endswith("_TOKEN")]
    if result.main.code != 0:
        if variables and result.main.code != LiveTokenLeft.exit_code:
            yield "a mint that failed has handed a token on"
        return
    alive = {token.secret for token in result.tokens_after_main}
    if not variables or not (road.door is RunDoor or set(variables) <= alive):
        yield "a mint that succeeded has handed on no token that lives"


def _secrets(arranged: Arranged, result: Result) -> Iterator[str]:
    seen = {each.decode() for sent in result.sent if sent.answer for each in _SECRETS.findall(sent.answer.body)}
    text = "\n".join(line for line in result.log.splitlines() if not line.startswith("::add-mask::"))
    for secret in seen | set(arranged.long_lived):
        if secret in text:
            yield f"a secret is in the log: {secret[:4]}…"
    state = "\n".join(result.main.state.values())
    for secret in arranged.long_lived:
        if secret in state:
            yield "a long-lived secret is in the state"


def _time(case: Case, result: Result) -> Iterator[str]:
    in_main = _STORM_SECONDS if KINDS[case.kind].family == "429" else _MAIN_SECONDS
    for name, limit in zip(("main", "post"), (in_main, _POST_SECONDS), strict=True):
        if (spent := result.spent.get(name, 0)) > limit:
            yield f"{name} took {spent:.0f} s"


def _asked(case: Case, road: Road, result: Result) -> Iterator[str]:
    kind = KINDS[case.kind]
    struck = [sent for sent in result.sent_in_main if makes(sent) and sent.path.startswith(case.at.path)]
    if kind.is_final and case.at.step == "main" and len(struck) > case.at.nth + 1:
        yield f"a final refusal was asked for {len(struck)} times"
    tries = sum("?" not in sent.path for sent in struck)  # a redirect that is followed is no try of its own
    if road.locks_out and "/login/" in case.at.path and tries > 2:
        yield f"a login that may lock the user out was tried {tries} times"
    tokens = sum(made(sent) and not _is_login_at_vault(sent) for sent in result.sent_in_main)
    if road.makes_once and tokens > road.tokens and not (kind.denies and case.when == "after"):
        yield f"{tokens} tokens were made that nobody can revoke"


def _is_login_at_vault(sent: Sent) -> bool:
    return sent.path.startswith("/v1/auth/")
