"""The undo, by who granted the token."""
