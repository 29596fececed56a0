"""An earlier or later step of the same job, and what stands between us and the servers."""

import json

import pytest

from jobs import on, quick_start
from nomad_token_lab import Answer, Fault, Lab
from nomad_token_lab.runner import Step


@pytest.mark.parametrize(
    "planted",
    [
        {"STATE_nomad_token_999": json.dumps({"v": 1, "fact": "settled"})},
        {"STATE_nomad_token_0": json.dumps({"v": 1, "fact": "settled"})},
        {"STATE_nomad_token_005": json.dumps({"v": 1, "fact": "settled"})},
        {"STATE_nomad_token_end": "0", "STATE_nomad_token_000": json.dumps({"v": 1, "fact": "settled"})},
    ],
    ids=" ".join,
)
def test_planted_state(lab: Lab, tmp_path_factory: pytest.TempPathFactory, planted: dict[str, str]) -> None:
    """A step that puts `STATE_…` into `GITHUB_ENV` neither stops the revoke nor turns it elsewhere."""
    folder = tmp_path_factory.mktemp("job")
    step = on(lab, folder, **planted)
    step.main(quick_start(lab))
    post = step.post()

    assert post.code == 0
    assert "Nomad refuses it" in post.log
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize(
    "answer", [Answer(403, "<html>Forbidden", content_type="text/html"), Answer(200, "<html>Sign in")]
)
def test_a_proxy_that_answers_for_vault(lab: Lab, step: Step, answer: Answer) -> None:
    """What is not in Vault's own form is not taken for its word: the token is said to live."""
    given = quick_start(lab, on_revoke_failure="fail")
    del given["nomad-addr"]
    step.main(given)
    lab.faults.append(Fault("vault", "POST", "/v1/", answer, times=None))
    post = step.post()

    assert post.code == 6
    assert "may live" in post.log


def test_compressed_answers(lab: Lab, step: Step) -> None:
    """An answer that is compressed unasked is not unpacked."""
    bomb = Answer(200, {"auth": {}}, {"Content-Encoding": "gzip, gzip"})
    lab.faults.append(Fault("vault", "POST", "/login$", bomb, times=None))
    main = step.main(quick_start(lab, timeout="3s"))

    assert main.code == 75
    assert "compressed" in main.log


def test_an_end_of_time(lab: Lab, step: Step) -> None:
    """A life beyond any calendar is no plausible answer, and no bug of ours."""
    auth = {"client_token": "hvs.canary-canary-canary", "lease_duration": 10**12, "token_type": "service"}
    lab.faults.append(Fault("vault", "POST", "/login$", Answer(200, {"auth": auth}), times=None))
    main = step.main(quick_start(lab, timeout="3s"))

    assert main.code == 75
    assert "no plausible lease_duration" in main.log


def test_a_retry_after_that_overflows(lab: Lab, step: Step) -> None:
    """A date that no calendar has is no date."""
    late = {"Retry-After": "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"}
    lab.faults.append(Fault("vault", "GET", "/creds/", Answer(429, {"errors": ["slow down"]}, late)))
    main = step.main(quick_start(lab))
    step.post()

    assert main.code == 0
