"""What an operator does with tokens that live: list, renew, revoke, sweep."""
