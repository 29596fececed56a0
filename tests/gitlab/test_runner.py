"""The template in jobs as gitlab-runner runs them: however one ends, nothing of it lives, and its log shows nothing."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitlab.runner import Stop
from gitlab.scenarios import MINT, REPORT, REVOKE, pair, same_job
from gitlab.site import ENDINGS, NOMAD_TOKEN, SHELLS, STATUS, TRACES, Site, job, shell
from gitlab.template import Reference, Refused, included, merged
from nomad_token_lab import CLOSE, Answer, Fault, Lab, Silence


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.fixture
def other() -> Iterator[Lab]:
    """Serve another cluster."""
    with Lab(trust=True) as running:
        yield running


@pytest.fixture(params=SHELLS)
def name(request: pytest.FixtureRequest) -> str:
    """Name each shell."""
    return str(request.param)


@pytest.fixture
def site(name: str, lab: Lab, tmp_path: Path) -> Site:
    """Make a project whose jobs have the tool in their image."""
    return Site(tmp_path, shell(name, tmp_path), lab)


def away(lab: Lab) -> None:
    """Have Vault answer no revoke."""
    lab.faults += [Fault("vault", method, "revoke", CLOSE, times=None) for method in ("PUT", "POST")]


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_same_job(site: Site, ending: str, trace: str) -> None:
    """Minted before the script and revoked after it, however that ended; no trace of the shell's shows the token."""
    same_job(site, ending, trace)


@pytest.mark.parametrize("trace", ["quiet", "set -x"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_pair(site: Site, ending: str, trace: str) -> None:
    """A report hands the token on; a canceled pipeline leaves it to its lease."""
    pair(site, ending, trace)


def test_pair_under_debug_trace(lab: Lab, tmp_path: Path) -> None:
    """The exception: the runner itself prints a report's variables in later jobs; not in the one that mints."""
    site = Site(tmp_path, shell("bash", tmp_path), lab, variables={"CI_DEBUG_TRACE": "true"})
    ran = site.pipeline(site.template(separate_jobs="on_success"), job([], site.script("success")))
    (token,) = site.tokens

    assert [one.status for one in ran.values()] == ["success"] * 3, ran
    assert site.printed(ran[MINT]) == []
    assert token in ran["deploy"].log
    assert token in ran[REVOKE].log
    assert "CI_DEBUG_TRACE is on" in ran[MINT].log
    assert not site.alive()


def test_script_timeout(site: Site) -> None:
    """RUNNER_SCRIPT_TIMEOUT leaves the after_script its time."""
    deploy = job(".nomad-token", site.script("timeout"), variables={"RUNNER_SCRIPT_TIMEOUT": "20s"})
    ran = site.run("deploy", site.template(), deploy)

    assert (ran.status, ran.after) == ("failed", 0), ran.log
    assert site.tokens
    assert not site.alive()
    assert site.printed() == []


def test_killed(site: Site) -> None:
    """The exception: a job that is killed has no after_script, and its token ends with its lease."""
    ran = site.run("deploy", site.template(), job(".nomad-token", site.script("kill")), stop=site.stop("kill"))
    lived = site.alive()
    site.lab.advance(3600)

    assert (ran.status, ran.after) == ("failed", None)
    assert lived
    assert not site.alive()
    assert site.printed() == []


def test_canceled_while_it_mints(site: Site) -> None:
    """A cancel during the mint undoes what was made, there or in the after_script."""
    site.lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30), times=1))
    reached = site.folder / "reached"
    stop = Stop("canceled", lambda: bool(site.lab.nomad.live_tokens()))
    ran = site.run("deploy", site.template(), job(".nomad-token", [f"touch {reached}"]), stop=stop)

    assert (ran.status, ran.after) == ("canceled", 0), ran.log
    assert not reached.exists()
    assert not site.alive()
    assert site.printed() == []
    assert site.on_disk() == {}


def test_two_mints(site: Site) -> None:
    """A job that mints twice has the last token, and both are revoked."""
    twice = [Reference(".nomad-token", "before_script"), Reference(".nomad-token", "before_script")]
    ran = site.run("deploy", site.template(), job(".nomad-token", site.script("success"), before_script=twice))

    assert (ran.status, ran.after) == ("success", 0), ran.log
    assert ran.log.count("and Nomad refuses it") == 2
    assert site.left() == []
    assert not site.alive()
    assert site.printed() == []


def both(site: Site, other: Lab, script: list[str], **keywords: object) -> tuple[dict[str, dict[str, object]], ...]:
    """Include the template once for each cluster, in one job."""
    second = site.template(
        other, job_prefix="eu_", env_name="EU_NOMAD_TOKEN", id_token_aud=other.vault.addr, nomad_id_token_aud="unused"
    )
    prefixes = ("", "eu_")
    scripts = {
        part: [Reference(f".{prefix}nomad-token", part) for prefix in prefixes]
        for part in ("before_script", "after_script")
    }
    extends = [f".{prefix}nomad-token:id" for prefix in prefixes]
    return site.template(), second, job(extends, script, **scripts, **keywords)


def test_two_clusters(name: str, lab: Lab, other: Lab, tmp_path: Path) -> None:
    """Included twice, with a prefix, a job has a token of each cluster."""
    site = Site(tmp_path, shell(name, tmp_path), lab, other)
    ran = site.run("deploy", *both(site, other, site.script("success")))
    (seen,) = site.witnessed

    assert (ran.status, ran.after) == ("success", 0), ran.log
    assert seen["NOMAD_TOKEN"] != seen["EU_NOMAD_TOKEN"]
    assert ran.log.count("and Nomad refuses it") == 2
    assert not site.alive()
    assert site.left() == []
    assert site.printed() == []


def test_one_cluster_is_away(name: str, lab: Lab, other: Lab, tmp_path: Path) -> None:
    """A revoke that fails keeps no other one from being tried, and is known by its exit code."""
    site = Site(tmp_path, shell(name, tmp_path), lab, other)
    files = both(site, other, [*site.script("success"), f"touch {site.ready}"])
    away(site.lab)
    ran = site.run("deploy", *files)

    assert (ran.status, ran.after) == ("success", 6), ran.log
    assert site.lab.nomad.live_tokens()
    assert not other.nomad.live_tokens()


def test_two_clusters_as_pair(name: str, lab: Lab, other: Lab, tmp_path: Path) -> None:
    """Both pairs keep apart: each revoke has its own undo."""
    site = Site(tmp_path, shell(name, tmp_path), lab, other)
    first = site.template(separate_jobs="on_success")
    second = site.template(
        other, separate_jobs="on_success", job_prefix="eu_", env_name="EU_NOMAD_TOKEN", id_token_aud=other.vault.addr
    )
    ran = site.pipeline(first, second, job([], site.script("success")))

    assert {name: one.status for name, one in ran.items()} == dict.fromkeys(ran, "success"), ran
    assert len(ran) == 5
    assert not site.alive()
    assert site.printed() == []


def test_reference(site: Site) -> None:
    """Taken over by `!reference`, the scripts stand among the job's own, which are traced as they were."""
    deploy = job(
        ".nomad-token:id",
        site.script("success"),
        before_script=["set -x", Reference(".nomad-token", "before_script"), "echo before"],
        after_script=["set -x", Reference(".nomad-token", "after_script"), "echo after"],
    )
    ran = site.run("deploy", site.template(), deploy)
    traced = [line.lstrip("+ ") for line in ran.log.splitlines() if line.startswith("+")]

    assert (ran.status, ran.after) == ("success", 0), ran.log
    assert {"echo before", "echo after"} <= set(traced)
    assert site.printed() == []
    assert not site.alive()


def test_verbose(site: Site) -> None:
    """A shell that prints what it reads does not print the file that it sources, and goes on printing after it."""
    tell = 'case $- in *v*) echo "verbose still" ;; esac'
    deploy = job(
        ".nomad-token:id",
        site.script("success"),
        before_script=["set -v", Reference(".nomad-token", "before_script"), tell],
        after_script=["set -v", Reference(".nomad-token", "after_script"), tell],
    )
    ran = site.run("deploy", site.template(), deploy)

    assert (ran.status, ran.after) == ("success", 0), ran.log
    assert len([line for line in ran.log.splitlines() if line == "verbose still"]) == 2
    assert site.tokens
    assert site.printed() == []


def test_untraced_stays_untraced(site: Site) -> None:
    """A job that traces nothing is not traced after the mint."""
    ran = site.run("deploy", site.template(), job(".nomad-token", ["echo hello"]))

    assert not [line for line in ran.log.splitlines() if line.startswith("+")]


def test_mint_refused(site: Site) -> None:
    """The exit code of a mint is the script's, which then does not run; there is nothing to revoke."""
    ran = site.run("deploy", site.template(role="nobody"), job(".nomad-token", site.script("success")))

    assert (ran.status, ran.code, ran.after) == ("failed", 4, 0), ran.log
    assert site.tokens == []
    assert not site.alive()
    assert site.left() == []


def test_temporary_failure_is_retried(site: Site) -> None:
    """What may succeed in a while has an exit code of its own, for which the mint job is run again."""
    site.lab.faults.append(Fault("vault", "POST", "/login$", Answer(503, {"errors": ["Vault is sealed"]}), times=None))
    files = (site.template(separate_jobs="on_success", timeout="1s"), job([], site.script("success")))
    ran = site.pipeline(*files)

    assert (ran[MINT].status, ran[MINT].code, ran[MINT].attempts) == ("failed", 75, 3), ran[MINT].log
    assert ran["deploy"].status == "skipped"
    assert ran[REVOKE].status == "success", ran[REVOKE].log
    assert not site.alive()


def test_refused_mint_is_not_retried(site: Site) -> None:
    """What would fail again is run once."""
    ran = site.pipeline(site.template(separate_jobs="on_success", role="nobody"), job([], site.script("success")))

    assert (ran[MINT].code, ran[MINT].attempts) == (4, 1), ran[MINT].log


@pytest.mark.parametrize(("ignored", "status", "code"), [("true", "success", 0), ("false", "failed", 6)])
def test_vault_is_away_afterwards(site: Site, ignored: str, status: str, code: int) -> None:
    """A token that can't be revoked is told by exit code 6, which fails the job where that is wanted."""
    away(site.lab)
    ran = site.run("deploy", site.template(ignore_revoke_failure=ignored), job(".nomad-token", site.script("success")))

    assert (ran.status, ran.code, ran.after) == (status, code, 6), ran.log
    assert site.alive()
    assert site.printed() == []


def test_mint_in_a_pair_leaves_no_report_where_it_fails(site: Site) -> None:
    """A token that Nomad does not accept is undone, and no report names it."""
    site.lab.faults.append(Fault("nomad", "GET", "token/self", Answer(403, "Permission denied"), times=None))
    ran = site.pipeline(
        site.template(separate_jobs="on_success", verify="required", timeout="3s"), job([], site.script("success"))
    )

    assert ran[MINT].status == "failed"
    assert ran[MINT].reported == {}
    assert not site.alive()
    assert site.on_disk() == {}


def test_dead_report_is_refused_by_nomad(site: Site) -> None:
    """What a report holds is of no use after the revoke job, and a second revoke finds it done."""
    files = (site.template(separate_jobs="on_success"), job([], site.script("success")))
    ran = site.pipeline(*files)
    handed = ran[MINT].reported
    again = site.runner.job(REVOKE, merged(*files)[REVOKE], handed)

    assert again.status == "success", again.log
    assert not site.alive()


def test_pair_beside_a_mint_that_is_refused(site: Site) -> None:
    """A job that mints for itself, and is refused, revokes no token that the pair's report brought along."""
    refused = job(".nomad-token", site.script("success"), variables={"NOMAD_MINT_ROLE": "nobody"})
    jobs = merged(site.template(separate_jobs="on_success"), refused)
    handed = site.runner.job(MINT, jobs[MINT]).reported
    ran = site.runner.job("deploy", jobs["deploy"], handed)
    lived = site.alive()
    last = site.runner.job(REVOKE, jobs[REVOKE], handed)

    assert (ran.status, ran.code, ran.after) == ("failed", 4, 0), ran.log
    assert lived, ran.log
    assert last.status == "success", last.log
    assert not site.alive()


def test_narrow_dependencies(site: Site) -> None:
    """A job that depends on nothing gets no token."""
    ran = site.pipeline(site.template(separate_jobs="on_success"), job([], site.script("success"), dependencies=[]))

    assert ran["deploy"].status == "success"
    assert site.tokens == []
    assert not site.alive()


class Served:
    """A server of one file, on loopback."""

    def __init__(self, path: Path) -> None:
        """Serve the folder of *path*."""
        kind = functools.partial(_Quiet, directory=str(path.parent))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{path.name}"
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serve a program that is ours."""
    program = tmp_path / "served" / "nomad-token-linux-amd64"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {NOMAD_TOKEN} "$@"\n', "utf-8")
    running = Served(program)
    yield running
    running.stop()


@pytest.fixture
def bare(name: str, lab: Lab, tmp_path: Path) -> Site:
    """Make a project in whose image there is no tool: curl is there, and in busybox's its wget."""
    return Site(tmp_path, shell(name, tmp_path, None), lab)


def test_no_tool(bare: Site) -> None:
    """An image without the tool is told by what the user can do."""
    ran = bare.run("deploy", bare.template(), job(".nomad-token", bare.script("success")))

    assert (ran.status, ran.code) == ("failed", 2), ran.log
    assert "not in this job's image" in ran.log
    assert "tool: download" in ran.log
    assert bare.lab.requests == []


@pytest.mark.parametrize("ending", ["success", "failure"])
def test_tool_on_a_path_of_before_script(bare: Site, ending: str) -> None:
    """What before_script found by a PATH of its own, such as a virtual environment's, revokes in the after_script."""
    activated = [f'export PATH="$PATH:{NOMAD_TOKEN.parent}"', Reference(".nomad-token", "before_script")]
    ran = bare.run("deploy", bare.template(), job(".nomad-token", bare.script(ending), before_script=activated))

    assert (ran.status, ran.after) == (STATUS[ending], 0), ran.log
    assert bare.tokens
    assert not bare.alive()
    assert bare.left() == []


@pytest.mark.parametrize("trace", TRACES)
def test_download(bare: Site, served: Served, trace: str) -> None:
    """The tool is downloaded, once for script and after_script, and run where its checksum is right."""
    same_job(bare, "failure", trace, tool="download", tool_url=served.url, tool_sha256=served.sha256)


@pytest.mark.parametrize("jobs", ["same", "pair"])
def test_download_runs_nothing_of_the_work_tree(bare: Site, tmp_path: Path, jobs: str) -> None:
    """Where a pipeline keeps its cache in the work tree, which others fill, the tool unpacks itself elsewhere."""
    program, seen = tmp_path / "nomad-token-linux-amd64", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\necho "$XDG_CACHE_HOME" >>{seen}\nexec {NOMAD_TOKEN} "$@"\n', "utf-8")
    served = Served(program)
    inputs = {"tool": "download", "tool_url": served.url, "tool_sha256": served.sha256}
    cached = {"XDG_CACHE_HOME": str(bare.runner.project / ".cache")}
    try:
        if jobs == "same":
            template = merged(bare.template(**inputs), job(".nomad-token", bare.script("success"), variables=cached))
            bare.runner.job("deploy", template["deploy"])
        else:
            pair_of_jobs = bare.template(separate_jobs="on_success", **inputs)
            for each in (MINT, REVOKE):
                pair_of_jobs[each]["variables"] |= cached
            bare.pipeline(pair_of_jobs, job([], bare.script("success")))
    finally:
        served.stop()

    unpacked = [Path(line) for line in seen.read_text("utf-8").splitlines()]

    assert len(unpacked) == 2
    assert {path.parent for path in unpacked} == {bare.runner.temporary}
    assert bare.left() == []
    assert not bare.alive()


def test_own_folder_is_not_to_be_guessed(site: Site) -> None:
    """A runner may keep the folder beside the work tree: what a job left there for a later one's number is not run."""
    own = site.folder / "own"
    noted = [Reference(".nomad-token", "before_script"), f'echo "$nomad_token_job" >>{own}']
    rans = [site.run("deploy", site.template(), job(".nomad-token", [], before_script=noted)) for _ in range(2)]
    first, second = (Path(line).name.split("-") for line in own.read_text("utf-8").splitlines())

    assert [ran.after for ran in rans] == [0, 0], rans
    assert first[:-2] == second[:-2] == ["nomad", "token"]
    assert first[-1] != second[-1]
    assert len(first[-1]) == 64
    assert site.left() == []


def test_download_of_something_else(bare: Site, served: Served) -> None:
    """What has another checksum is not run, and does not stay."""
    inputs = {"tool": "download", "tool_url": served.url, "tool_sha256": "0" * 64}
    ran = bare.run("deploy", bare.template(**inputs), job(".nomad-token", bare.script("success")))

    assert (ran.status, ran.code) == ("failed", 2), ran.log
    assert "does not have tool-sha256" in ran.log
    assert bare.tokens == []
    assert list(bare.runner.temporary.glob("nomad-token*")) == []
    assert bare.lab.requests == []


def test_download_fails(bare: Site, served: Served) -> None:
    """Where there is nothing to download the job fails, and nothing is minted."""
    inputs = {"tool": "download", "tool_url": f"{served.url}.gone", "tool_sha256": served.sha256}
    ran = bare.run("deploy", bare.template(**inputs), job(".nomad-token", bare.script("success")))

    assert ran.status == "failed"
    assert bare.tokens == []
    assert bare.lab.requests == []


@pytest.mark.parametrize("lacking", ["tool_url", "tool_sha256"])
def test_download_of_nothing(bare: Site, served: Served, lacking: str) -> None:
    """An input that is missing is named."""
    inputs = {"tool": "download", "tool_url": served.url, "tool_sha256": served.sha256, lacking: ""}
    ran = bare.run("deploy", bare.template(**inputs), job(".nomad-token", bare.script("success")))

    assert ran.status == "failed"
    assert f"{lacking.replace('_', '-')} is missing" in ran.log
    assert bare.lab.requests == []


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("job_prefix", "eu-"),
        ("job_prefix", "EU_"),
        ("tool", "other"),
        ("tool_url", "file:///etc/passwd"),
        ("tool_url", "https://example.com/a b"),
        ("tool_sha256", "abc"),
        ("tool_sha256", "A" * 64),
        ("add_mask", "yes"),
        ("separate_jobs", "always"),
        ("stage", 'a"b'),
        ("image", "python:3\nscript: x"),
        ("role", 'a"; echo'),
        ("role", "a\n"),
        ("vault_addr", "https://v/$(id)"),
        ("type", "other"),
        ("revoke", "no"),
        ("unknown", "x"),
    ],
)
def test_malformed_input(wrong: str, value: str) -> None:
    """GitLab makes no pipeline with it."""
    with pytest.raises(Refused, match=wrong.replace("_", "-")):
        included(**{wrong: value})


def test_report_has_the_name_that_the_template_says(site: Site) -> None:
    """The report lies in the work tree, under the name that is uploaded."""
    assert included()[MINT]["artifacts"]["reports"]["dotenv"] == REPORT
    assert site.template(job_prefix="eu_")["eu_nomad-token:mint"]["artifacts"]["reports"]["dotenv"] == f"eu_{REPORT}"
