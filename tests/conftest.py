"""What holds for every suite: signals are as for a program that a person starts, and what failed is shown whole.

nohup, or a shell's background job, has some signals ignored.
"""

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

import memory
import verdicts

# What these assert for several tests is explained as in a test.
pytest.register_assert_rewrite("container", "exported", "fakes", "faults", "gitlab", "hostile", "setup")

for _name in ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A machine that is held up for a moment is no finding. Where the CI says so (`CI`), examples are the same each time.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Spare the collector what is there by now and stays: the long suites take a fifteenth less."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove the folders that were kept."""
    memory.remove_kept()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the doctor said, where it was asked."""
    verdicts.told(terminalreporter)
