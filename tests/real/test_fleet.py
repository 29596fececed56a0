"""Many jobs at once on a real OpenBao, without faults."""

from pathlib import Path

from fleet.jobs import Place, fleet
from jobs import accepted, quick_start
from real_lab import real_lab

JOBS = 200
AT_ONCE = 20


def test_each_has_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    """Each job's token works, is no other job's, and is dead after it; no lease and no login is left."""
    server = tmp_path / "server"
    server.mkdir()
    with real_lab("openbao", server) as lab:
        before = lab.accessors()
        inputs = quick_start(lab, vault_addr=lab.real.addr)
        place = Place(inputs, lab.github.environ(), lambda token: accepted(lab, token))
        told = fleet(place, tmp_path, jobs=JOBS, at_once=AT_ONCE)
        left = (lab.nomad.live_tokens(), lab.leases(), lab.accessors() - before)

    assert [one.log for one in told if (one.main.code, one.post.code) != (0, 0)] == []
    assert all(one.accepted and one.dead for one in told)
    assert len({one.main.variables["NOMAD_TOKEN"] for one in told}) == JOBS
    assert left == ([], [], set())
