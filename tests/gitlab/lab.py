"""`python -m gitlab.lab ISSUER PROJECT BRANCH` serves the lab to a job of the project's pipeline until it is stopped.

Its Vault and its Nomad trust the id tokens that ISSUER gives to protected branches of that name, as the README has it.
"""

import os
import signal
import sys

from gitlab import trust
from nomad_token_lab import Lab

with Lab(vault_port=8200, nomad_port=4646) as lab:
    trust.set_up(lab, *sys.argv[1:])
    print(os.getpid(), "ready", sep="\n", flush=True)  # noqa: T201 - what the pipeline waits for, and ends
    signal.pause()
