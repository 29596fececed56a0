"""What stands for `nomad job run`: submits a job with the token that the action exported, and fails where it can't."""

import json
import os
import sys
import urllib.request

job = {"ID": sys.argv[1], "Name": sys.argv[1], "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}
request = urllib.request.Request(  # noqa: S310 - an address of the lab
    f"{os.environ['NOMAD_ADDR']}/v1/jobs",
    data=json.dumps({"Job": job}).encode(),
    method="PUT",
    headers={"X-Nomad-Token": os.environ[sys.argv[2] if len(sys.argv) > 2 else "NOMAD_TOKEN"]},
)
with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
    print(f"deployed {sys.argv[1]}: {answer.status}")  # noqa: T201 - the log of a step
