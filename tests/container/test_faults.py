"""A sample of the fault matrix in the container, as the runner starts it: the faults are on sockets of this machine."""

from itertools import islice
from pathlib import Path

import pytest

from container.runner import Job, Use
from faults.cases import Case
from faults.doors import ActionDoor
from faults.gate import Gate
from faults.judge import judged
from faults.roads import ROADS, Road
from faults.sample import AT_GATES, run_at_gate, sample
from faults.test_matrix import requests
from nomad_token_lab.runner import Ran

EACH = 2
"""Cases of a road: the first of those that run as processes."""
OF_THE_ACTION = [road for road in AT_GATES if road.door is ActionDoor]


def in_container(case: Case, image: str, folder: Path) -> list[str]:
    """Run *case* in containers, and return what is wrong."""
    road = ROADS[case.road]
    workspace = folder / "app" / "app"
    workspace.mkdir(parents=True)
    with Gate() as gate:
        arranged = road.arrange(workspace, gate.addresses)
        gate.lead_to(arranged.servers)
        use = Use(Job(folder, image, arranged.lab.github.environ()))

        def step(name: str) -> Ran:
            return use.main(arranged.inputs) if name == "main" else use.post(arranged.inputs)

        result = run_at_gate(case, requests(road.name), arranged, gate, step)
        verdict = judged(case, road, arranged, result)
        arranged.lab.stop()
    return [f"{case.name}: {text}" for text in verdict.wrong]


@pytest.mark.parametrize("road", OF_THE_ACTION, ids=lambda road: road.name)
def test_faults(road: Road, image: str, tmp_path: Path) -> None:
    """What holds in memory holds in the container."""
    (tmp_path / "memory").mkdir()
    arranged = road.arrange(tmp_path / "memory")
    chosen = list(islice(sample(road, requests(road.name), arranged, tmp_path / "memory"), EACH))
    arranged.lab.stop()
    wrong = [text for number, case in enumerate(chosen) for text in in_container(case, image, tmp_path / str(number))]

    assert not wrong, "\n".join(wrong)
    assert len(chosen) == EACH


def test_sample_is_large() -> None:
    """At least 20 cases run in the container."""
    assert EACH * len(OF_THE_ACTION) >= 20
