"""The statuses that decide something in the program: the test in which a server answers so, or why there is none."""

from typing import Final

STATUSES: Final[dict[int, str]] = {
    200: "test_clients::test_a_job_from_end_to_end",
    202: "test_leases::test_a_revoke_that_is_queued_is_202",
    204: "test_leases::test_a_sync_revoke_ends_the_token_before_it_answers",
    300: "a standby redirects, and what runs here is a single node; tests/scenarios has it from the lab",
    400: "test_id_tokens::test_an_id_token_is_refused_with_its_reason",
    401: "test_nomad_login::test_an_id_token_is_refused_with_its_reason",
    403: "test_clients::test_a_policy_is_told_from_a_token_that_is_gone",
    404: "test_engine::test_a_namespace_that_is_not_there",
    408: "proxies say it, and neither of the servers",
    412: "Vault Enterprise says it to a read that comes too early, and a Vault Agent that wants a header",
    429: "test_clients::test_a_quota",
    500: "test_clients::test_a_refusal_proves_what_we_take_it_for",
    503: "test_leases::test_a_sealed_server_is_503",
}
