"""What Vault's jwt auth method checks an id token with; Nomad's is the same."""

from nomad_token_lab.id_tokens import audiences_of, validated

__all__ = ["audiences_of", "validated"]
