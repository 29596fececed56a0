"""A sample of the matrix as real processes, which meet the faults on sockets."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from faults.cases import Case
from faults.conftest import PROPERTY_OF_PROCESSES
from faults.gate import Gate
from faults.judge import judged
from faults.roads import ROADS, Road
from faults.sample import AT_GATES, EACH, run_at_gate, sample
from faults.test_matrix import requests

_SECONDS: Final = 60


def in_processes(case: Case, folder: Path) -> list[str]:
    """Run *case* as processes, and return what is wrong."""
    road = ROADS[case.road]
    folder.mkdir()
    with Gate() as gate:
        arranged = road.arrange(folder, gate.addresses)
        gate.lead_to(arranged.servers)
        door = road.door(folder / "job", arranged.environ, arranged.inputs)
        result = run_at_gate(case, requests(road.name), arranged, gate, lambda name: door.run(name, _SECONDS))
        verdict = judged(case, road, arranged, result)
        arranged.lab.stop()
    return [f"{case.name}: {text}" for text in verdict.wrong]


@pytest.mark.parametrize("road", AT_GATES, ids=lambda road: road.name)
def test_processes(road: Road, folder: Path, record_property: Callable[[str, object], None]) -> None:
    """What holds in memory holds for processes, on sockets that are refused, reset and cut."""
    arranged = road.arrange(folder)
    chosen = list(sample(road, requests(road.name), arranged, folder))
    arranged.lab.stop()
    wrong = [text for number, case in enumerate(chosen) for text in in_processes(case, folder / str(number))]
    record_property(PROPERTY_OF_PROCESSES, len(chosen))

    assert not wrong, "\n".join(wrong)
    assert len(chosen) == EACH


def test_sample_is_large() -> None:
    """At least 300 cases run as processes."""
    assert EACH * len(AT_GATES) >= 300
