"""A signal with each request of each step, in the container, where the program is PID 1 behind the docker client."""

from pathlib import Path

import pytest

from container.runner import Job, Use
from faults.gate import Gate
from faults.roads import ROADS
from faults.test_matrix import requests
from nomad_token_lab.runner import Ran
from signals.boundaries import GONE_WITHIN, Running, Stroke, run, strokes, wrong

_BEFORE = 60
"""Seconds for a container to start and to end by itself."""
_NOT_HERE = ("interrupted", "killed")
"""The first is one half of the others; and who kills the docker client does not kill the container."""


def in_container(stroke: Stroke, name: str, image: str, folder: Path) -> list[str]:
    """Send the signal of *stroke* to the docker client, and return what is wrong."""
    road = ROADS[name]
    workspace = folder / "app" / "app"
    workspace.mkdir(parents=True)
    with Gate() as gate:
        arranged = road.arrange(workspace, gate.addresses)
        gate.lead_to(arranged.servers)
        use = Use(Job(folder, image, arranged.lab.github.environ()))

        def start(step: str) -> Running:
            started = use.start(step, arranged.inputs)

            def end() -> Ran:
                printed, _ = started.process.communicate(timeout=_BEFORE + GONE_WITHIN)
                return use.ended(step, started, printed)

            return Running(started.process.send_signal, end)

        result = run(stroke, road, arranged, gate, start)
        found = list(wrong(stroke, road, result))
        arranged.lab.stop()
    return found


@pytest.mark.parametrize("name", ["vault-jwt", "nomad-management"])
def test_each_request(name: str, image: str, tmp_path: Path) -> None:
    """What holds for processes holds in the container."""
    chosen = [each for each in strokes(ROADS[name], requests(name)) if each.what not in _NOT_HERE]
    found = [
        text for number, each in enumerate(chosen) for text in in_container(each, name, image, tmp_path / str(number))
    ]

    assert len(chosen) > 8
    assert not found, "\n".join(found)
