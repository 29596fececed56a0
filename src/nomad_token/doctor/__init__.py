"""Why it does not work: the chain from an address to a deploy, link by link, to the first that is broken."""
