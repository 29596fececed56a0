"""What the program works with and did not make: handed in by the shell, so that a test can hand in its own."""

from dataclasses import dataclass

from nomad_token.clients.http import Connections
from nomad_token.clock import Clock
from nomad_token.signals import Signals


@dataclass(frozen=True, slots=True)
class Outside:
    """Servers, time and signals."""

    connect: Connections
    clock: Clock
    signals: Signals
