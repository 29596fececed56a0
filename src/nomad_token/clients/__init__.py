"""The servers' HTTP APIs: one method an endpoint that is used, values in and values out; nothing is decided here."""
