"""The lab's Vault: mounts, policies, the tree of tokens and leases, the Nomad engine, jwt auth."""
