"""A Nomad ACL token that lives as long as the CI job: minted for it, masked, exported, revoked."""

__version__ = "0.1.0"
