"""The command line: inputs are flags and variables, state is a file, and the token goes where it is asked to.

It is long, as the contract of a platform is, whose promises hang together: what is kept, written, and removed.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

from nomad_token.clients.http import origin
from nomad_token.declared import Declared, Found
from nomad_token.errors import InputError, Temporary
from nomad_token.platforms import sinks
from nomad_token.platforms.base import CommandLineJob, Export, Kept, Level, OfJob
from nomad_token.platforms.call import Call, GivenInputs
from nomad_token.platforms.files import make_folder, read_given, remove_with, replace
from nomad_token.platforms.host_paths import HostPaths
from nomad_token.platforms.proxies import proxy_for
from nomad_token.platforms.state_file import StateFile, list_of_states, own_folder, packed, unpacked
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import read_ledger
from nomad_token.text import pasted, shown

STATE: Final = "NOMAD_MINT_STATE"
KEPT: Final = "NOMAD_MINT_KEPT"
"""Holds a state that was handed over."""
_MINT_ENDS_WITHIN: Final = GONE_WITHIN + 1
"""Seconds for which a mint that is under way is waited for: one that was cancelled is gone by then."""
_ALONE: Final = frozenset({"run", "doctor"})
_FILE_OF_OURS: Final = ">"
"""How a line of the state begins that names a file which holds the token, in JSON: a path may hold a line break."""


class Shell(OfJob):
    """A call of `nomad-token`, in whatever job it happens."""

    def __init__(
        self, job: CommandLineJob, call: Call, environ: Mapping[str, str], out: TextIO, declared: Iterable[Declared]
    ) -> None:
        """Answer *call* within *job*, and print what is asked for to *out*; *declared* are all inputs."""
        super().__init__(job)
        self.say = lambda line: job.say(self.spelled(line))
        self.annotate = lambda level, title, text: job.annotate(level, title, self.spelled(text))
        if call.verbose:
            self.trace = lambda line: job.say(f"debug: {line}")
        self._job = job
        self._call = call
        self._environ = environ
        self._out = out
        self._inputs = GivenInputs(call, environ, declared, has_template=job.has_template(), no_inputs=(STATE, KEPT))
        self.section = job.section
        self._state: StateFile | None = None
        """None until the preflight, or the undo, found it."""
        self._mint = ""
        self._taken: list[Kept] = []
        """What the undo found, as it was: the state may be out of reach when it is done."""
        self._exported = False
        self._written: dict[Path, list[bytes]] = {}
        """The files that this call wrote, and the secrets in each."""

    def lookup(self, declared: Declared) -> Found | None:
        """Find an input; empty is not given."""
        return self._inputs.lookup(declared)

    def read_file(self, path: str) -> str:
        """Read a file. Raises `InputError`."""
        return read_given(Path(path), path, taken_for="a file", fix="Give a path, or the text itself.")

    def host_path(self, path: str) -> str | None:
        """Return the path from the root: whoever uses it may be elsewhere. None for another job."""
        return None if self._call.portable else self._host.seen(path)

    def place(self, mint: str, name: str, text: SecretStr | str) -> str | None:
        """Write a file beside the state; none for another job. Raises `OSError`."""
        return None if self._call.portable else self._host.place(mint, name, text)

    def paths_untold(self, variables: Sequence[str]) -> str:
        """Say that another job has other files."""
        return (
            f"{', '.join(variables)}: not handed over. Another job has other files: name one of its own there, as in "
            f"{variables[0]}: $CI_PROJECT_DIR/FILE"
        )

    def clear(self, mint: str) -> None:
        """Remove what was placed, and what this call wrote for a mint that failed.

        On a full disk there is no temporary folder to be found, and nothing was placed.
        """
        with suppress(OSError):
            self._host.clear(mint)
        while self._written:
            self._remove(*self._written.popitem())

    def proxy(self, address: str) -> str:
        """Return the proxy that the environment names for *address*."""
        return proxy_for(address, self._environ)

    def given_names(self) -> list[str]:
        """List what was given by us alone: a standard variable may be there for another program."""
        return self._inputs.names()

    def spelled(self, text: str) -> str:
        """Name inputs as they were given, else as they can be."""
        return self._inputs.spelled(text)

    def preflight(self) -> None:
        """Make the state's file, and its folder. Raises `InputError`.

        `run` and `doctor`, which undo what they make before they end, need none, unless one is named.
        """
        named = self._named_state()
        if self._call.command in _ALONE and not named:
            return
        path = named or own_folder(self._environ) / f"{os.urandom(4).hex()}.state"
        try:
            if not self._typed_state():
                make_folder(path.parent)
            state = StateFile(path)
            state.touch()
            state.attend()
        except OSError as error:
            raise InputError(
                f"The state can't be kept in {shown(path)}: {error.strerror}. Nothing was minted.",
                why="What is not kept can't be revoked.",
                fix="Name a file with --state, or let `nomad-token run -- COMMAND` mint, which needs none.",
            ) from None
        self._state = state

    def keep(self, mint: str, line: str) -> None:
        """Append to the state: one that is named, or that the preflight made."""
        named = self._named_state()
        if state := self._state or (StateFile(named) if named else None):
            try:
                state.keep(mint, line)
            except OSError:
                if not self._mint:  # nothing was asked yet, and nothing is there to be undone
                    state.let_go()
                    state.take_back(mint)
                raise
            self._state, self._mint = state, mint

    def keep_more(self, kept: Kept, line: str) -> None:
        """Append to the state that *kept* was taken from; what was handed over is nobody's to add to."""
        if self._state:
            self._state.keep(kept.mint, line)

    def let_go(self) -> None:
        """Let a `revoke` of the same state begin."""
        if self._state:
            self._state.let_go()

    def kept_all(self) -> None:
        """Forget a mint that failed and was undone; of one that could not be, say how."""
        self.let_go()
        if self._state is None:
            return
        with suppress(OSError):
            for kept in map(_facts, self._state.kept()):
                ledger, _ = read_ledger(kept.lines)
                if kept.mint == self._mint and not ledger.pending:
                    self.scrub(kept, ledger.secrets, undone=True)
                elif kept.mint == self._mint and not self._exported:
                    self.say(f"What may live of it is revoked {self._by_hand()}.")
            self._state.remove_when_taken()

    def take_kept(self) -> list[Kept]:
        """Return every mint that is not undone yet, the newest first.

        What was handed over counts in a job that minted nothing: a report reaches jobs that it is not meant for too.
        Raises `InputError` where no state is named, `Temporary` where a mint does not end that is under way there.
        """
        named = self._named_state()
        handed_over = self._environ.get(self._call.prefix + KEPT, "")
        if handed_over and not (named and os.path.lexists(named)):
            return [self._vetted(unpacked(handed_over))]
        if handed_over:
            self.say(f"{KEPT} is left to the job that is to revoke it: this one minted itself.")
        if named is None:
            raise InputError(
                f"Nothing says which state is meant: give --state FILE, or set {STATE}.",
                why="Each mint without --state has a file of its own, and named it.",
                fix=list_of_states(own_folder(self._environ)),
            )
        self._state = StateFile(named)
        try:
            if not named.exists():
                self.say(f"There is no state in {shown(named)}.")
            self._taken = self._state.kept_whole(_MINT_ENDS_WITHIN)
        except TimeoutError:
            raise Temporary(
                f"A mint that keeps its state in {shown(named)} is still under way: nothing was done with any of it.",
                why="What half a mint has kept can't be undone.",
                fix="Wait for its end, and call this again.",
            ) from None
        except OSError as error:
            raise InputError(
                f"The state in {shown(named)} can't be read: {error.strerror}.",
                why="What it keeps is not revoked, and lives to its end.",
            ) from None
        return list(map(_facts, self._taken))

    def _vetted(self, kept: Kept) -> Kept:
        """Return what was handed over. Raises `InputError` where it says by itself where a secret of the user's goes.

        A variable can be set by whoever started the pipeline, or wrote a report that this job is given.
        """
        plan = read_ledger(kept.lines)[0].plan
        for name, address in plan.addresses.items() if plan and (plan.lent or plan.own) else ():
            found = self.lookup(self._inputs.declared[name])
            if found is None or origin(found.value) != origin(address):
                here = f"{shown(origin(found.value))} here" if found else "not given here"
                raise InputError(
                    f"{KEPT} was made with {shown(origin(address))} as `{name}`, which is {here}. Nothing was sent.",
                    why="The undo takes a secret of this job's, which goes to no server that only a variable names.",
                    fix=f"Give `{name}` to the revoke too, as to the mint.",
                )
        return kept

    def check_sinks(self) -> None:
        """Raise `InputError` where the token would reach nobody, or a terminal unasked."""
        if not self._call.sinks and not self._job.hands_over():
            raise InputError(
                "Nothing says where the token goes.",
                fix="Give --shell-file FILE, --dotenv FILE, --json FILE (- is standard output) or --field token, or "
                "let a command have it: nomad-token run -- COMMAND",
            )
        sinks.check(self._call.sinks, self._out, show=self._call.show)
        if self._call.portable and "dotenv" not in self._call.sinks:
            raise InputError("--portable puts the undo into a dotenv file: give --dotenv FILE.")
        state = self._named_state()
        files = [Path(where) for sink, where in self._call.sinks.items() if not sinks.printed(sink, where)]
        if state and os.path.realpath(state) in map(os.path.realpath, files):
            raise InputError(
                f"{pasted(state)} is the state, and the token would replace what revokes it. Nothing was minted.",
                fix=f"Give another file, to one of them: the state is what --state or {STATE} names.",
            )

    def export(self, export: Export) -> None:
        """Write where the flags say, else where the job's next steps look. Raises `OSError`, `InputError`.

        What can't be revoked is not handed over: the state may have been removed meanwhile.
        """
        if self._state:
            self._state.check(self._mint)
        if not self._call.sinks:
            self._job.hand_over(export)
        for remark in self._job.remarks(export.variables, self._call.sinks):
            self.annotate(Level.WARNING, "Handed over", remark)
        state = str(self._state.path.absolute()) if self._state else None
        whole = Export({**export.variables, **self._undo(state)}, {**export.outputs, "state": state})
        for sink, where in self._call.sinks.items():
            text = sinks.text(sink, where, whole, most=self._job.dotenv_bytes())
            self._write(None if sinks.printed(sink, where) else where, text, _secrets(whole))
        self._exported = True
        if self._call.portable and self._state:
            self._state.let_go()
            self._state.taken(self._mint)
            self._state.remove_when_taken()

    def _undo(self, state: str | None) -> dict[str, SecretStr | str]:
        """Return the variable that tells a later call what to revoke, where it can't know that otherwise."""
        if self._state and self._call.portable:
            kept = next(kept for kept in self._state.kept() if kept.mint == self._mint)
            return {self._call.prefix + KEPT: packed(_facts(kept))}
        return {self._call.prefix + STATE: state} if state and not self._named_state() else {}

    def exported_as(self, names: Sequence[str]) -> str:
        """Say where the variables are."""
        if self._call.command == "run":
            return f"The command has it as {', '.join(names)}"
        if not self._call.sinks:
            return f"Exported to the next steps as {', '.join(names)}"
        return f"Written to {' and '.join(sinks.named(*one) for one in self._call.sinks.items())}"

    def revoked_when(self) -> str:
        """Name the command that revokes."""
        if self._call.command == "run":
            return "when the command has ended"
        return f"by: nomad-token revoke, in a job that has {KEPT}" if self._call.portable else self._by_hand()

    def _by_hand(self) -> str:
        if self._named_state() or self._state is None:
            return "by: nomad-token revoke" + (f" --state {pasted(self._call.state)}" if self._call.state else "")
        return f"by: nomad-token revoke --state {pasted(self._state.path)}"

    def scrub(self, kept: Kept, secrets: Iterable[SecretStr], *, undone: bool) -> None:
        """Remove what was written with the token, and the state of a mint that is undone."""
        dead = list(secrets)
        self._job.scrub(dead)
        if self._state is None or not undone:
            return
        needles = [secret.get_secret_value().encode() for secret in dead]
        for each in self._taken or self._state.kept():
            for line in each.lines if each.mint == kept.mint else []:
                if line.startswith(_FILE_OF_OURS):
                    with suppress(ValueError):  # cut off: then nothing was written there yet
                        self._remove(Path(str(json.loads(line.removeprefix(_FILE_OF_OURS)))), needles)
        self._state.taken(kept.mint)
        self._state.remove_when_taken()

    @property
    def _host(self) -> HostPaths:
        """Everything is the same for all; without a state there is nobody but us to remove what is placed."""
        folder = self._state.path.parent if self._state else Path(tempfile.gettempdir())
        return HostPaths(Path(), folder, None)

    def _typed_state(self) -> str:
        return self._call.state or self._environ.get(self._call.prefix + STATE, "")

    def _named_state(self) -> Path | None:
        if named := self._typed_state():
            return Path(named)
        of_job = self._job.state_file() if self._call.command != "run" else None
        return of_job.with_name(self._call.prefix + of_job.name) if of_job else None

    def _write(self, where: str | None, text: str, secrets: list[bytes]) -> None:
        if where is None:
            self._out.write(text)
            self._out.flush()
            return
        path = Path(where).absolute()
        if self._state:
            self._state.keep(self._mint, _FILE_OF_OURS + json.dumps(str(path)))
        self._written[path] = secrets
        replace(path, text)

    def _remove(self, path: Path, needles: list[bytes]) -> None:
        try:
            remove_with(path, needles)
        except OSError as error:
            self.annotate(Level.WARNING, "Not removed", f"{shown(path)} holds a dead token: {error.strerror}.")


def _secrets(export: Export) -> list[bytes]:
    values = [*export.variables.values(), *export.outputs.values()]
    return [value.get_secret_value().encode() for value in values if isinstance(value, SecretStr)]


def _facts(kept: Kept) -> Kept:
    return Kept(kept.mint, [line for line in kept.lines if not line.startswith(_FILE_OF_OURS)])
