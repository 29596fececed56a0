"""What a mint tells beside the token, by the outputs' names."""

from typing import Final

OUTPUTS: Final = {
    "token": "The token's secret, where `export-output` is true. Masked; it does not reach another job. Of several "
    "tokens, each is the output `token-ENV-NAME`, in lower case and with hyphens.",
    "accessor-id": "The token's accessor, which names it in Nomad's audit log and is no secret.",
    "lease-id": "The lease in Vault that ends the token.",
    "lease-duration": "The lease's life as Vault gave it, in seconds; with `nomad-management`, the `ttl`.",
    "lease-renewable": "`true` where the lease can be renewed.",
    "expires-at": "When the token ends (RFC 3339, UTC): with Vault, the earlier of the lease's end and the login's. Of "
    "several, the first end.",
    "policies": "The token's Nomad policies as a JSON list; empty where Nomad was not asked.",
    "type": "`client` or `management`; empty where Nomad was not asked.",
    "issuer": "Who granted the token: `vault`, `nomad-login` or `nomad-management`.",
    "credentials": "All of this but the secret as a JSON list, one entry a token. Of several, what differs is "
    "here alone.",
}
