"""A lab on loopback: the parts of Vault's, Nomad's and GitHub's APIs that nomad-token touches."""
