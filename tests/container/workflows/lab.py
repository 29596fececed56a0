"""`lab.py HOST ISSUER` serves the lab for one workflow run of this repository, until it is stopped.

HOST is the address of Docker's bridge, where a job's containers reach it; its Vault trusts the id tokens of ISSUER.
"""

import os
import signal
import sys

from nomad_token_lab import Lab, Trust, trust

with Lab(host=sys.argv[1], vault_port=8200, nomad_port=4646) as lab:
    here = Trust(
        oidc_discovery_url=sys.argv[2],
        audience=lab.audience,
        nomad_address=lab.nomad.addr,
        repository_id=os.environ["GITHUB_REPOSITORY_ID"],
        ref=os.environ["GITHUB_REF"],
    )
    with lab.vault_client() as vault, lab.nomad_client() as nomad:
        trust(here, vault=vault, nomad=nomad)
    print("ready", flush=True)  # noqa: T201 - what the workflow waits for
    signal.pause()
