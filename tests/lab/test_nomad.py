"""Nomad as a server: policies, jobs, state, and the rules of its HTTP (api-contract 2.1, 2.3, 2.4)."""

import pytest

from lab.ways import Ways, text
from nomad_token_lab import Profile
from nomad_token_lab.nomad.rules import Rules


def _token(ways: Ways, rules: str, name: str = "p") -> str:
    ways.nomad("PUT", f"acl/policy/{name}", {"Name": name, "Rules": rules})
    wanted = {"Type": "client", "Policies": [name]}
    return str(ways.nomad("PUT", "acl/token", wanted).json()["SecretID"])


def test_a_job_is_registered_where_the_policy_allows_it(ways: Ways) -> None:
    """`submit-job` registers, `read-job` reads, and each is asked for by namespace."""
    token = _token(ways, 'namespace "prod-*" { capabilities = ["submit-job", "read-job"] }')
    job = {"Job": {"ID": "app", "Namespace": "prod-eu"}}
    registered = ways.nomad("PUT", "jobs", job, token=token)
    read = ways.nomad("GET", "job/app?namespace=prod-eu", token=token)

    assert registered.json()["EvalID"]
    assert registered.headers["x-nomad-index"] == str(registered.json()["Index"])
    assert (read.json()["Name"], read.json()["Status"]) == ("app", "pending")
    assert text(ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=token)) == (403, "Permission denied")
    assert text(ways.nomad("GET", "jobs?namespace=prod-eu", token=token)) == (403, "Permission denied")
    assert text(ways.nomad("GET", "job/none?namespace=prod-eu", token=token)) == (404, "job not found")
    assert [stub["ID"] for stub in ways.nomad("GET", "jobs?namespace=prod-eu&prefix=a").json()] == ["app"]


def test_namespaces_are_seen_by_who_may_do_something_there(ways: Ways) -> None:
    """A manager sees all, others those in which they have any capability; managers alone make them."""
    token = _token(ways, 'namespace "prod-*" { capabilities = ["read-job"] }')

    assert ways.nomad("PUT", "namespace/prod-eu", {"Name": "prod-eu"}).status_code == 200
    assert text(ways.nomad("PUT", "namespace/x", {"Name": "x"}, token=token)) == (403, "Permission denied")
    assert [one["Name"] for one in ways.nomad("GET", "namespaces").json()] == ["default", "prod-eu"]
    assert [one["Name"] for one in ways.nomad("GET", "namespaces", token=token).json()] == ["prod-eu"]


def test_a_policy_is_read_out(ways: Ways) -> None:
    """`RulesJSON` holds the rules with their shorthands written out (nomad, acl/policy.go)."""
    rules = 'namespace "prod-*" { policy = "read" } node { policy = "write" }'
    ways.nomad("PUT", "acl/policy/p", {"Name": "p", "Rules": rules})
    read = ways.nomad("GET", "acl/policy/p").json()

    assert read["Rules"] == rules
    assert [one["Name"] for one in read["RulesJSON"]["Namespaces"]] == ["prod-*"]
    assert {"list-jobs", "read-job"} <= set(read["RulesJSON"]["Namespaces"][0]["Capabilities"])
    assert "submit-job" not in read["RulesJSON"]["Namespaces"][0]["Capabilities"]
    assert read["RulesJSON"]["Node"] == {"Policy": "write"}


@pytest.mark.parametrize(
    ("body", "error"),
    [({}, "Job must be specified"), ({"Job": {"Name": "x"}}, "Job ID hasn't been provided")],
)
def test_a_job_needs_an_id(calm: Ways, body: dict[str, object], error: str) -> None:
    """What can't be registered is a 400."""
    assert text(calm.nomad("PUT", "jobs", body)) == (400, error)


@pytest.mark.parametrize(
    ("namespace", "capability", "allowed"),
    [
        ("default", "submit-job", True),
        ("default", "alloc-exec", True),
        ("staging", "read-job", True),
        ("staging", "submit-job", False),
        ("staging-eu", "read-job", False),
        ("secret", "read-job", False),
    ],
)
def test_the_closest_namespace_rule_holds(namespace: str, capability: str, allowed: bool) -> None:  # noqa: FBT001
    """`policy` stands for capabilities, globs give way to names, `deny` wins over what another policy gives."""
    rules = Rules(
        [
            'namespace "default" { policy = "write" } namespace "*" { policy = "read" }',
            'namespace "staging-*" { policy = "deny" } namespace "secret" { policy = "write" }',
            'namespace "secret" { capabilities = ["deny"] }',
        ]
    )

    assert rules.namespace(namespace, capability) is allowed


def test_levels_hold_for_what_has_no_namespace() -> None:
    """`write` holds `read`, and `deny` takes both."""
    rules = Rules(['node { policy = "read" } agent { policy = "write" }', 'agent { policy = "deny" }'])

    assert rules.level("node", "read")
    assert not rules.level("node", "write")
    assert not rules.level("agent", "read")
    assert not rules.level("operator", "read")


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("p", {"Name": "q"}, "ACL policy name does not match request path"),
        ("p_q", {"Name": "p_q"}, "policy 0 invalid: 1 error occurred:\n\t* invalid name 'p_q'\n\n"),
        (
            "p",
            {"Name": "p", "Rules": 'namespace "x" { policy = "root" }'},
            (
                "policy 0 invalid: 1 error occurred:\n\t* failed to parse rules: "
                "Invalid namespace policy 'root' in namespace 'x'\n\n"
            ),
        ),
        (
            "p",
            {"Name": "p", "Rules": 'namespace "x" { capabilities = ["fly"] }'},
            (
                "policy 0 invalid: 1 error occurred:\n\t* failed to parse rules: "
                "Invalid namespace capability 'fly' in namespace 'x'\n\n"
            ),
        ),
        (
            "p",
            {"Name": "p", "Rules": 'moon { policy = "read" }'},
            (
                "policy 0 invalid: 1 error occurred:\n\t* failed to parse rules: "
                "Invalid moon policy: {'policy': 'read'}\n\n"
            ),
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(calm: Ways, name: str, body: dict[str, str], error: str) -> None:
    """Name and rules are looked at when it is written (api-contract 2.3)."""
    assert text(calm.nomad("PUT", f"acl/policy/{name}", body)) == (400, error)


def test_policies_are_shown_to_those_who_hold_them(ways: Ways) -> None:
    """A holder lists and reads its own, a manager all; a missing one is 404 for the manager alone."""
    token = _token(ways, 'node { policy = "read" }')
    read = ways.nomad("GET", "acl/policy/p", token=token).json()

    assert [policy["Name"] for policy in ways.nomad("GET", "acl/policies", token=token).json()] == ["p"]
    assert [policy["Name"] for policy in ways.nomad("GET", "acl/policies").json()] == ["deployer", "p"]
    assert read["Rules"] == 'node { policy = "read" }'
    assert text(ways.nomad("GET", "acl/policy/deployer", token=token)) == (403, "Permission denied")
    assert text(ways.nomad("GET", "acl/policy/none")) == (404, "ACL policy not found")
    assert text(ways.nomad("DELETE", "acl/policy/p", token=token)) == (403, "Permission denied")


def test_deleting_a_policy_leaves_its_tokens_useless(ways: Ways) -> None:
    """The token is still known, and nothing is allowed to it (api-contract 2.3, 2.4)."""
    token = _token(ways, 'namespace "default" { policy = "read" }')
    before = ways.nomad("GET", "jobs", token=token).status_code

    assert before == 200
    assert text(ways.nomad("DELETE", "acl/policy/p")) == (200, "")
    assert ways.nomad("GET", "acl/token/self", token=token).status_code == 200
    assert text(ways.nomad("GET", "jobs", token=token)) == (403, "Permission denied")
    assert text(ways.nomad("DELETE", "acl/policy/p")) == (404, "ACL policy not found")


def test_a_cluster_without_a_leader_answers_500(ways: Ways) -> None:
    """Only what asks no leader still works (api-contract 2.9)."""
    with_leader = ways.nomad("GET", "status/leader", token="").json()
    ways.lab.nomad.leader = False

    assert with_leader == "127.0.0.1:4647"
    assert text(ways.nomad("GET", "acl/token/self")) == (500, "No cluster leader")
    assert text(ways.nomad("PUT", "jobs", {"Job": {"ID": "x"}})) == (500, "No cluster leader")
    assert ways.nomad("GET", "jobs?stale").status_code == 200
    assert ways.nomad("GET", "status/leader", token="").json() == ""
    assert ways.nomad("GET", "agent/health", token="").status_code == 500


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("region=mars", (500, "No path to region")),
        ("stale=perhaps", (400, "Expect `true` or `false` for `stale` query string parameter")),
        ("index=x", (400, "Invalid index")),
    ],
)
def test_a_query_that_can_not_be_read_is_refused(calm: Ways, query: str, answer: tuple[int, str]) -> None:
    """Region, staleness and index are looked at before anything else (api-contract 2.1)."""
    assert text(calm.nomad("GET", f"jobs?{query}")) == answer


def test_an_unknown_route_is_empty_and_a_wrong_method_is_named(calm: Ways) -> None:
    """404 without a body, 405 with one (api-contract 2.1)."""
    assert text(calm.nomad("GET", "nope")) == (404, "")
    assert text(calm.nomad("DELETE", "jobs")) == (405, "Invalid method")


def test_a_bearer_is_a_token_and_nothing_else_in_authorization_is(calm: Ways) -> None:
    """The scheme's case does not matter; another scheme is no token at all (api-contract 2.1)."""
    secret = calm.lab.management_token.get_secret_value()
    url = f"{calm.lab.nomad.addr}/v1/acl/token/self"
    bearer = calm.http.get(url, headers={"Authorization": f"bEARER {secret}"}).json()
    basic = calm.http.get(url, headers={"Authorization": f"Basic {secret}"}).json()

    assert bearer["Type"] == "management"
    assert basic["AccessorID"] == "anonymous"


def test_the_agent_tells_its_version_to_those_who_may_read_it(ways: Ways) -> None:
    """`agent:read` is asked for; the version is the profile's (api-contract 2.3)."""
    ways.lab.nomad.profile = Profile.FROM_1_5
    config = ways.nomad("GET", "agent/self").json()["config"]

    assert config["Version"]["Version"] == "1.10.0"
    assert config["ACL"]["Enabled"] is True
    assert text(ways.nomad("GET", "agent/self", token="")) == (403, "Permission denied")
    assert ways.nomad("GET", "agent/health", token="").json()["server"]["ok"] is True
    assert ways.nomad("GET", "regions", token="").json() == ["global"]
    assert ways.nomad("GET", "acl/auth-methods", token="").json() == []
