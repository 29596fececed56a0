"""Many jobs at once on a real OpenBao and a real Nomad, without faults."""

from pathlib import Path

import nomads
from fleet.jobs import Place, fleet
from real_lab import plain_job, real_lab

JOBS = 200
AT_ONCE = 20


def test_each_has_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    """Each job's token works, is no other job's, and is dead after it; no lease and no login is left."""
    server = tmp_path / "server"
    server.mkdir()
    # All come from one host here, and Vault's engine keeps a connection for each token (docs/troubleshooting.md).
    limits = {"limits": {"http_max_conns_per_client": 0}}
    with nomads.nomad(server, config=limits) as nomad, real_lab("openbao", server, trusting=False) as lab:
        lab.use(nomad)
        lab.trust()
        before = lab.accessors(), nomad.tokens()
        place = Place(plain_job(lab), lab.github.environ(), nomad.takes)
        told = fleet(place, tmp_path, jobs=JOBS, at_once=AT_ONCE)
        left = lab.leases(), lab.accessors() - before[0], nomad.tokens() - before[1]

    assert [one.log for one in told if (one.main.code, one.post.code) != (0, 0)] == []
    assert all(one.accepted and one.dead for one in told)
    assert len({one.main.variables["NOMAD_TOKEN"] for one in told}) == JOBS
    assert left == ([], set(), set())
