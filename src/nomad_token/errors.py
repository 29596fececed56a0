"""What can go wrong, each kind with the exit code that a caller acts on.

Error                     1   a bug, and nothing else
├── InputError            2   an input is missing, misspelt or impossible: nothing was requested
├── NoIdentity            3   the job can't prove who it is
├── Refused               4   a server knows us and says no
├── NotFound              5   a server does not know what was asked for
├── LiveTokenLeft         6   something that was made could not be revoked
├── Temporary            75   worth another try later (EX_TEMPFAIL of sysexits.h)
└── NotStarted          125   `run` could not start the command
Cancelled    129, 130, 143    SIGHUP, SIGINT, SIGTERM: no Error, so that nothing that handles errors takes it for one
"""

from typing import ClassVar


class Error(Exception):
    """A failure that a person can act on: what happened, what it usually means, what to do."""

    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "Failed"

    def __init__(self, what: str, *, why: str = "", fix: str = "", doubts: tuple[str, ...] = ()) -> None:
        """Say it in three parts; `fix` may hold lines to paste, `why` and `fix` may be empty.

        *doubts* are links of the doctor's chain, as far as anybody may look at them, of which one may be the cause.
        """
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.doubts = doubts

    @property
    def text(self) -> str:
        """All three parts, each on lines of its own."""
        return "\n".join(part for part in (self.what, self.why, self.fix) if part)


class InputError(Error):
    """An input is missing, misspelt or impossible. Raised before the first request."""

    exit_code = 2
    title = "Wrong input"

    def __init__(self, what: str, *, why: str = "", fix: str = "", lacks_secret: bool = False) -> None:
        """Keep whether a secret is missing, which a job may have been denied."""
        super().__init__(what, why=why, fix=fix)
        self.lacks_secret = lacks_secret


class NoIdentity(Error):
    """The job has no id token, and can't get one."""

    exit_code = 3
    title = "No id token"


class Refused(Error):
    """A server refused: the login, the role's policy, or the token that it minted itself."""

    exit_code = 4
    title = "Refused"


class NotFound(Error):
    """A server does not know the role, the mount or the namespace that was asked for."""

    exit_code = 5
    title = "Not found"


class LiveTokenLeft(Error):
    """A token that was made may still work, and nothing here could revoke it."""

    exit_code = 6
    title = "A token was left alive"


class Temporary(Error):
    """The servers or the way to them: the same call may succeed in a while."""

    exit_code = 75
    title = "Try again later"


class NotStarted(Error):
    """The command of `run` could not be started."""

    exit_code = 125
    title = "Not started"


class Cancelled(KeyboardInterrupt):
    """The runner or a person asked the program to stop."""

    def __init__(self, signum: int, *, broke_off: bool = False) -> None:
        """Keep the signal's number, and whether a request was broken off that a server may still be at."""
        super().__init__()
        self.exit_code = 128 + signum
        self.broke_off = broke_off
