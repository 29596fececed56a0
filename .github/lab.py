"""Serves the lab on the address that is given, for this repository's workflow alone, until it is stopped.

Containers of a job reach it there. Its Vault trusts GitHub's own issuer, so that the job's real id token is what logs in.
"""

import os
import signal
import sys

from nomad_token_lab import Lab, Trust, trust

with Lab(host=sys.argv[1], vault_port=8200, nomad_port=4646) as lab:
    here = Trust(
        oidc_discovery_url="https://token.actions.githubusercontent.com",
        audience=lab.audience,
        nomad_address=lab.nomad.addr,
        repository_id=os.environ["GITHUB_REPOSITORY_ID"],
        ref=os.environ["GITHUB_REF"],
    )
    with lab.vault_client() as vault, lab.nomad_client() as nomad:
        trust(here, vault=vault, nomad=nomad)
    signal.pause()
