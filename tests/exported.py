"""What `setup export` prints, carried out: scripts in a shell, requests over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

_STAND_INS = Path(__file__).parent / "stand_ins"


def stand_ins(folder: Path) -> Path:
    """Make commands `nomad` and `vault` in *folder*, which take what their documentation lists, and return it."""
    folder.mkdir(exist_ok=True)
    for name in ("nomad", "vault"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_STAND_INS / f"{name}_cli.py"}" "$@"\n')
        command.chmod(0o755)
    return folder


def run(script: str, folder: Path, environ: Mapping[str, str], programs: Path) -> str:
    """Run *script* in *folder* with a plain POSIX shell that finds *programs*, and return all that it printed.

    Raises `AssertionError`, whose text ends with what was wrong.
    """
    done = subprocess.run(
        ["/bin/sh"],
        input=script,
        cwd=folder,
        env={**environ, "PATH": f"{programs}:{os.defpath}", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{done.returncode}: {done.stdout}")
    return done.stdout


def send(exported: str, clients: Mapping[str, httpx.Client], folder: Path) -> None:
    """Send the requests of a JSON export, with the secrets that it names filled in."""
    answers: dict[str, dict[str, Any]] = {}
    for request in json.loads(exported)["requests"]:
        body = dict(request["body"])
        for field, source in request.get("secrets", {}).items():
            of_answer = answers.get(source.get("answer", ""))
            body[field] = of_answer[source["field"]] if of_answer else (folder / source["file"]).read_text()
        headers = {"X-Vault-Namespace": request["namespace"]} if request.get("namespace") else {}
        answer = clients[request["server"]].request(request["method"], request["path"], json=body, headers=headers)
        assert answer.is_success, f"{request['path']}: {answer.status_code} {answer.text}"
        if "id" in request:
            answers[request["id"]] = answer.json()
