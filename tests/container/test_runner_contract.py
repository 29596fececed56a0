"""The action's two containers, started exactly as GitHub's runner starts them."""

import signal
import time
from pathlib import Path

import httpx
import pytest

from container.leaks import secrets_in
from container.runner import Job, Use
from jobs import nothing_lives, quick_start
from nomad_token_lab import Fault, Lab, Silence

PROMISED = {"NOMAD_TOKEN", "NOMAD_ADDR"}


@pytest.fixture
def job(tmp_path: Path, image: str, lab: Lab) -> Job:
    """Make a job that may ask for an id token."""
    return Job(tmp_path, image, lab.github.environ())


def deploy(environ: dict[str, str]) -> int:
    """Submit a job as the next step would, and return Nomad's status."""
    job = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
    headers = {"X-Nomad-Token": environ["NOMAD_TOKEN"]}
    return httpx.put(f"{environ['NOMAD_ADDR']}/v1/jobs", json=job, headers=headers).status_code


def left(job: Job, secrets: list[str]) -> list[str]:
    """Name the files of the runner that hold one of *secrets*."""
    files = [path for path in job.temp.rglob("*") if path.is_file()]
    return [path.name for path in files if any(secret in path.read_text("utf-8") for secret in secrets)]


def test_plain(job: Job, lab: Lab) -> None:
    """From `with:` to a dead token; the log shows no secret, and the runner's files hold none once it is revoked."""
    use = Use(job)
    main = use.main(quick_start(lab))
    before = deploy(job.environ)
    kept = left(job, main.secrets)
    post = use.post(quick_start(lab))

    assert (main.code, post.code) == (0, 0), job.log
    assert set(main.variables) == PROMISED
    assert (before, deploy(job.environ)) == (200, 403)
    assert kept
    assert left(job, main.secrets) == []
    assert "Nomad refuses it" in post.log
    assert nothing_lives(lab)
    assert secrets_in(job.log, lab) == []
    assert len(main.secrets) == len(secrets_in(" ".join(main.secrets), lab)) == 2


def test_post_with_the_inputs_of_somebody_else(job: Job, lab: Lab) -> None:
    """A composite in a composite hands the post-step the outer one's inputs (runner#2030): none of them is believed."""
    use = Use(job)
    main = use.main(quick_start(lab))
    nowhere = "http://127.0.0.1:1"
    others = {"vault-addr": nowhere, "nomad-addr": nowhere, "role": "other", "revoke": "false"}
    post = use.post(others)

    assert (main.code, post.code) == (0, 0), job.log
    assert "Nomad refuses it" in post.log
    assert nothing_lives(lab)
    assert secrets_in(job.log, lab) == []


def test_twice_in_one_job(job: Job, lab: Lab) -> None:
    """Post-steps run in the reverse order, and each revokes the token of its own main step."""
    first, second = Use(job), Use(job)
    one = first.main(quick_start(lab))
    two = second.main(quick_start(lab) | {"env-name": "SECOND_TOKEN"})
    after_two = second.post(quick_start(lab))
    alive = [token.accessor for token in lab.nomad.live_tokens()]
    after_one = first.post(quick_start(lab))

    assert alive == [one.outputs["accessor-id"]]
    assert two.outputs["accessor-id"] in after_two.log
    assert one.outputs["accessor-id"] in after_one.log
    assert nothing_lives(lab)
    assert secrets_in(job.log, lab) == []


def test_missing_state(job: Job, lab: Lab) -> None:
    """A post-step that is handed no state touches nothing, says so, and does not fail the job."""
    use = Use(job)
    post = use.post(quick_start(lab))

    assert (post.code, post.log) == (0, "Nothing to revoke: nothing was saved.")
    assert lab.requests == []


def test_no_permission(tmp_path: Path, image: str, lab: Lab) -> None:
    """A job without `id-token: write` is told so before any request, and there is nothing to revoke."""
    job = Job(tmp_path, image, {})
    use = Use(job)
    main = use.main(quick_start(lab))
    post = use.post(quick_start(lab))

    assert (main.code, post.code) == (3, 0)
    assert "id-token: write" in main.log
    assert lab.requests == []


def test_arguments_are_not_ours(job: Job, lab: Lab) -> None:
    """`with: args:` lands on both command lines: the main step refuses the input, the post-step does its work."""
    refused = Use(job).main(quick_start(lab) | {"args": "--help"})
    asked = list(lab.requests)
    use = Use(job)
    use.main(quick_start(lab))
    post = use.post(quick_start(lab) | {"args": "--help"})

    assert (refused.code, asked) == (2, [])
    assert "Nomad refuses it" in post.log
    assert nothing_lives(lab)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelled(job: Job, lab: Lab, number: signal.Signals, code: int) -> None:
    """A signal to the docker client reaches the program, which is PID 1: it undoes what it made and is gone in time."""
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30), times=1))
    started = job.start("/opt/nomad-token/bin/nomad-token-mint", quick_start(lab), {})
    end = time.monotonic() + 30
    while not any(record.path == "/v1/acl/token/self" for record in lab.requests):
        assert time.monotonic() < end, "Nomad was never asked"
        time.sleep(0.02)
    started.process.send_signal(number)
    main = job.ended(started, started.process.communicate(timeout=9)[0])

    assert main.code == code
    assert main.variables == {}
    assert nothing_lives(lab)
    assert secrets_in(job.log, lab) == []
