"""A signal with each request of each step, as processes: what was made is undone, saved for the next step, or named."""

from pathlib import Path
from typing import Final

import pytest

from faults.gate import Gate
from faults.roads import ROADS
from faults.test_matrix import requests
from nomad_token_lab.runner import Ran
from signals.boundaries import GONE_WITHIN, Running, Stroke, run, strokes, wrong

_BEFORE: Final = 20
"""Seconds for a step, before a signal and without one."""
_ROADS: Final = (
    "vault-jwt",
    "vault-token",
    "nomad-management",
    "nomad-login-managed",
    "shell-vault-jwt",
    "shell-nomad-management",
    "run-vault-jwt",
    "run-nomad-management",
)


def in_processes(stroke: Stroke, name: str, folder: Path) -> list[str]:
    """Send the signal of *stroke* to a process, and return what is wrong."""
    road = ROADS[name]
    folder.mkdir()
    with Gate() as gate:
        arranged = road.arrange(folder, gate.addresses)
        gate.lead_to(arranged.servers)
        door = road.door(folder / "job", arranged.environ, arranged.inputs)

        def start(step: str) -> Running:
            process = door.call(step).start()

            def end() -> Ran:
                printed, _ = process.communicate(timeout=_BEFORE + GONE_WITHIN)
                return door.read(step, process.returncode, printed)

            return Running(process.send_signal, end)

        result = run(stroke, road, arranged, gate, start)
        found = list(wrong(stroke, road, result))
        arranged.lab.stop()
    return found


@pytest.mark.parametrize("name", _ROADS)
def test_each_request(name: str, tmp_path: Path) -> None:
    """Whichever request a signal comes with, no token lives that a request could have revoked, and others are named."""
    chosen = list(strokes(ROADS[name], requests(name)))
    found = [text for number, each in enumerate(chosen) for text in in_processes(each, name, tmp_path / str(number))]

    assert len(chosen) > 10
    assert not found, "\n".join(found)
