"""What holds for each way to have the tool, in each shell, however a job ends."""

import stat

from gitlab.site import STATUS, Site, job

REPORT = "nomad-token.env"
MINT, REVOKE = "nomad-token:mint", "nomad-token:revoke"


def same_job(site: Site, ending: str, trace: str, **inputs: str) -> None:
    """Assert that a token is minted, used and revoked in one job."""
    variables = {"CI_DEBUG_TRACE": "true"} if trace == "CI_DEBUG_TRACE" else {}
    deploy = job(".nomad-token", site.script(ending, trace), variables=variables)
    ran = site.run("deploy", site.template(**inputs), deploy, stop=site.stop(ending))
    (token,) = site.tokens

    assert (ran.status, ran.after) == (STATUS[ending], 0), ran.log
    assert "and Nomad refuses it" in ran.log
    assert ran.argv
    assert site.printed() == []
    assert token not in ran.log
    assert site.on_disk() == {}
    assert site.left() == []
    assert not site.alive()


def pair(site: Site, ending: str, trace: str, **inputs: str) -> None:
    """Assert that a later job has the token of a report, and that one after it revokes, unless all is canceled."""
    deploy = job([], site.script(ending, trace))
    ran = site.pipeline(
        site.template(separate_jobs="on_success", **inputs), deploy, stops={"deploy": site.stop(ending)}
    )
    (token,) = site.tokens
    report = site.runner.project / REPORT

    assert ran[MINT].status == "success", ran[MINT].log
    assert ran["deploy"].status == STATUS[ending], ran["deploy"].log
    assert ran[REVOKE].status == ("canceled" if ending == "cancel" else "success"), ran[REVOKE].log
    assert set(ran[MINT].reported) == {"NOMAD_TOKEN", "NOMAD_ADDR", "NOMAD_MINT_KEPT"}
    assert site.printed() == []
    # The report is what is uploaded, and all that holds a secret.
    assert set(site.on_disk()) == {REPORT}
    assert token in report.read_text("utf-8")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert site.left() == []
    # The exception: a job that is not begun yet does not survive a cancel.
    assert site.alive() is (ending == "cancel")
    site.lab.advance(3600)
    assert not site.alive()
