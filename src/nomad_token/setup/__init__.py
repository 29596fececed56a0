"""From two empty servers to a trusted deploy: what `nomad-token.toml` wants, compared with what is there, and made."""
