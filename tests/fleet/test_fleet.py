"""A small fleet, in the weather of the large one: see `bench/fleet.py`."""

from pathlib import Path
from xml.etree import ElementTree as ET

from fleet.jobs import Weather, in_bad_weather, picture


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Dozens of jobs at once, a rate limit and faults: each has a token or fails, and none lives that no log names."""
    weather = Weather(20261125, share=0.05, rate=40)
    report = in_bad_weather(tmp_path, weather, jobs=60, at_once=12)
    told = "\n".join(report.lines())

    assert report.unnamed == [], told
    assert len(report.minted) > 30, told
    assert all(one.accepted for one in report.minted), told
    assert sum(one.dead for one in report.minted) >= len(report.minted) - len(report.tokens), told
    assert report.made >= len(report.minted)
    assert report.struck.total() > 5, told
    assert len(ET.fromstring(picture(report)).findall(".//{*}rect")) > 1  # noqa: S314 - our own


def test_a_storm_of_429_ends(tmp_path: Path) -> None:
    """Where a server lets hardly a request through, jobs give up in their time; what they made is undone or named."""
    weather = Weather(1, share=0.0, rate=2)
    report = in_bad_weather(tmp_path, weather, jobs=8, at_once=8, timeout="10s")

    assert weather.limited > 8
    assert {told.main.code for told in report.jobs} <= {0, 75}
    assert report.unnamed == []
