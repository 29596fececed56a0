"""What goes away in the middle of a job on real servers: what is left alive, and what the log says of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import servers
from answers import within
from jobs import accepted, operator
from nomad_token_lab.runner import MINT, REVOKE, Ran, Step
from real_lab import RealLab, plain_job

STRICT = {"on-revoke-failure": "fail"}


def meanwhile(
    step: Step,
    executable: str,
    given: dict[str, str],
    then: Callable[[], None],
    once: Callable[[], bool] | None = None,
) -> Ran:
    """Run a step of the job; *then* happens beside it, *once* it has come to that, or after two seconds."""
    with step.start(executable, given) as process:
        if once is None:
            time.sleep(2)
        else:
            assert within(60, once)
        then()
        log, _ = process.communicate(timeout=120)
    return step.read(executable, process.returncode, log)


@contextmanager
def sealed(lab: RealLab) -> Iterator[Callable[[], None]]:
    """Seal the server until the function that is yielded is called, or the block ends."""
    with ExitStack() as until:
        until.enter_context(servers.sealed(lab.real))
        yield until.close


def new_manager(lab: RealLab) -> tuple[str, str]:
    """Make a management token in Nomad; return its accessor and its secret."""
    with lab.nomad_client() as nomad:
        made = nomad.put("/v1/acl/token", json={"Name": "vault", "Type": "management"}).raise_for_status().json()
    return made["AccessorID"], made["SecretID"]


def delete_managers(lab: RealLab, *, but: str = "") -> None:
    """Delete the management tokens that Vault was given, but for one."""
    with lab.nomad_client() as nomad:
        for stub in nomad.get("/v1/acl/tokens").json():
            if stub["Name"] == "vault" and stub["AccessorID"] != but:
                nomad.delete(f"/v1/acl/token/{stub['AccessorID']}").raise_for_status()


def test_sealed_before_the_job_and_unsealed_in_time(lab: RealLab, step: Step) -> None:
    """A sealed server is waited for: nothing was made, so the login is sent again, and the job goes on."""
    with sealed(lab) as unseal:
        main = meanwhile(step, MINT, plain_job(lab), unseal)
    works = accepted(lab, main.variables["NOMAD_TOKEN"])
    post = step.post()

    assert (main.code, works, post.code) == (0, True, 0)
    assert not lab.nomad.live_tokens()


def test_sealed_in_the_middle_and_unsealed_while_it_is_revoked(lab: RealLab, step: Step) -> None:
    """The post-step waits for the server to come back, and nothing is left."""
    step.main(plain_job(lab))
    with sealed(lab) as unseal:
        post = meanwhile(step, REVOKE, STRICT, unseal)

    assert post.code == 0
    assert "and Nomad refuses it" in post.log
    assert within(30, lambda: not lab.leases())
    assert not lab.nomad.live_tokens()


def test_sealed_to_the_end(lab: RealLab, step: Step) -> None:
    """The token lives on and is named, with the operator's command and why; unsealed, the lease is there again."""
    main = step.main(plain_job(lab) | STRICT)
    token = main.variables["NOMAD_TOKEN"]
    with sealed(lab):
        post = step.post()
        works = accepted(lab, token)
    after = accepted(lab, token), len(lab.leases())
    again = step.post()

    assert (post.code, works, after) == (6, True, (True, 1))
    assert "Vault is sealed" in post.log
    assert main.outputs["accessor-id"] in post.log
    assert f"vault lease revoke {main.outputs['lease-id']}" in post.log
    assert again.code == 0
    assert not accepted(lab, token)


def test_unsealed_again_before_the_end(lab: RealLab, step: Step) -> None:
    """A job that only sleeps through it notices nothing: tokens and leases outlive a seal."""
    main = step.main(plain_job(lab))
    with sealed(lab):
        works = accepted(lab, main.variables["NOMAD_TOKEN"])
    post = step.post()

    assert (works, post.code) == (True, 0)
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert not lab.nomad.live_tokens()


def test_management_token_rotated(lab: RealLab, step: Step) -> None:
    """A new one in `config/access` before the old one goes: nothing is noticed."""
    main = step.main(plain_job(lab))
    accessor, secret = new_manager(lab)
    operator(lab, "nomad/config/access", token=secret)
    delete_managers(lab, but=accessor)
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert not accepted(lab, main.variables["NOMAD_TOKEN"])


def test_management_token_rotated_away(lab: RealLab, step: Step) -> None:
    """Vault's own token is gone: the minted one lives on and is named; with a new one in place the lease ends it."""
    main = step.main(plain_job(lab) | STRICT)
    delete_managers(lab)
    post = step.post()
    works = accepted(lab, main.variables["NOMAD_TOKEN"])
    _, secret = new_manager(lab)
    operator(lab, "nomad/config/access", token=secret)
    operator(lab, "sys/leases/revoke", lease_id=main.outputs["lease-id"], sync=True)

    assert (post.code, works) == (6, True)
    assert f"Nomad still accepted the token {main.outputs['accessor-id']}" in post.log
    assert f"vault lease revoke {main.outputs['lease-id']}" in post.log
    assert not accepted(lab, main.variables["NOMAD_TOKEN"])


def test_nomad_restarts_while_it_is_revoked(lab: RealLab, step: Step) -> None:
    """Vault could not delete it, which is said; Vault goes on trying by itself, and ends it when Nomad is back."""
    main = step.main(plain_job(lab) | STRICT)
    token = main.variables["NOMAD_TOKEN"]

    def back() -> None:
        lab.nomad.leader = True

    def tried_twice() -> bool:
        """Tell whether Vault failed with the lease, and again with the login's end; then it waits for some seconds."""
        return sum(one.method == "DELETE" and one.status == 500 for one in lab.requests) == 2

    lab.nomad.leader = False
    post = meanwhile(step, REVOKE, {}, back, once=tried_twice)

    assert post.code == 6
    assert f"Nomad still accepted the token {main.outputs['accessor-id']}" in post.log
    assert "Vault goes on trying for some minutes" in post.log
    assert within(100, lambda: not accepted(lab, token))


def test_nomad_restarts_before_it_is_revoked(lab: RealLab, step: Step) -> None:
    """A restart that is over leaves no trace: tokens and leases outlive it."""
    main = step.main(plain_job(lab))
    lab.nomad.leader = False
    time.sleep(0.5)
    lab.nomad.leader = True
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert not lab.nomad.live_tokens()


def test_nomad_has_no_leader_for_the_mint(lab: RealLab, step: Step) -> None:
    """Nobody knows what was made then: three logins, each undone, and an end that asks to try again later."""
    lab.nomad.leader = False
    main = step.main(plain_job(lab))
    lab.nomad.leader = True
    post = step.post()

    assert (main.code, post.code) == (75, 0)
    assert main.log.count("Asking again, with a new login") == 2
    assert main.log.count("Undone: Vault revoked the login") == 3
    assert not lab.leases()
    assert not lab.nomad.live_tokens()
