"""Cases that found a bug: each a line, with what it was. They run by themselves too, not in their table alone."""

from typing import Final

KNOWN: Final = (
    # A login that could not be revoked was taken for settled, and the post-step knew nothing of it.
    "vault-jwt/main:GET-creds-deployer/404/before/onward/main",
    # One silent answer to the last request took all the time of the undo.
    "vault-jwt/post:POST-token-revoke-self/silence/before/once/post",
    "nomad-management/post:DELETE-token/silence/before/once/post",
    # The login that lives on was named without its accessor.
    "vault-jwt/post:POST-token-revoke-self/reset/before/lasting/post",
    # Any 200 to a delete was taken for Nomad's, a portal's page too, and any other success for a final no.
    "nomad-login-managed/post:DELETE-token/page/before/once/post",
    "nomad-login-managed/post:DELETE-token/no-content/before/once/post",
    "nomad-management/main:POST-acl-token/no-content/after/twice/both",
    # A list of something else was taken for one without the token.
    "nomad-management/main:POST-acl-token/other-json/after/onward/both",
    # A token that ends by itself was said to be undone, and not named.
    "nomad-login/main:GET-token-self/403/before/lasting/main",
    # A read whose token hangs on no login of ours was asked for again, and each answer that was lost left a token.
    "openbao-namespaces/main:GET-creds-deployer/reset/after/lasting/main",
    # A lease in another namespace that could not be revoked was named, and the login beside it was not.
    "openbao-namespaces/post:POST-leases-revoke/reset/before/onward/post",
    # A state file that was removed in the middle was made anew, without the plan that an undo needs.
    "disk/action/vault-jwt/main/GITHUB_STATE/gone/4/lasting",
    # A revoke that had no room on the disk could not load the certificate of an authority, and revoked nothing.
    "disk/action/vault-jwt/post/the-disk/full/0/lasting",
)
