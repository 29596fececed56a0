"""What stands for `nomad job run`: submits a job with the token that the action exported, and fails where it can't.

How Nomad is reached is read from the variables that Nomad's own tools read, and from nothing else.
"""

import json
import os
import ssl
import sys
import urllib.request
from typing import Any


class Named(ssl.SSLContext):
    """A context that checks the certificate for NOMAD_TLS_SERVER_NAME, where that is set."""

    def wrap_socket(self, *words: Any, **named: Any) -> ssl.SSLSocket:  # noqa: ANN401, D102 - as declared there
        named["server_hostname"] = os.environ.get("NOMAD_TLS_SERVER_NAME") or named["server_hostname"]
        return super().wrap_socket(*words, **named)


def context() -> ssl.SSLContext:
    """Trust whom NOMAD_CACERT names, and show the certificate of NOMAD_CLIENT_CERT."""
    made = Named(ssl.PROTOCOL_TLS_CLIENT)
    if os.environ.get("NOMAD_SKIP_VERIFY") == "true":
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if "NOMAD_CACERT" in os.environ:
        made.load_verify_locations(os.environ["NOMAD_CACERT"])
    if "NOMAD_CLIENT_CERT" in os.environ:
        made.load_cert_chain(os.environ["NOMAD_CLIENT_CERT"], os.environ["NOMAD_CLIENT_KEY"])
    return made


job = {"ID": sys.argv[1], "Name": sys.argv[1], "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}
request = urllib.request.Request(  # noqa: S310 - an address of the lab
    f"{os.environ['NOMAD_ADDR']}/v1/jobs",
    data=json.dumps({"Job": job}).encode(),
    method="PUT",
    headers={"X-Nomad-Token": os.environ[sys.argv[2] if len(sys.argv) > 2 else "NOMAD_TOKEN"]},
)
with urllib.request.urlopen(request, context=context()) as answer:  # noqa: S310 - as above
    print(f"deployed {sys.argv[1]}: {answer.status}")  # noqa: T201 - the log of a step
