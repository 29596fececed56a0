"""`/v1/jobs`, `/v1/job/…`: enough of Nomad's proper work that a deploy step is one."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from nomad_token_lab import ids
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.nomad.wire import Call, route


def routes(nomad: Nomad) -> list[Route]:
    """Return the routes of *nomad*'s job endpoints."""
    return [
        route(nomad, "GET WRITE", "/v1/jobs", _jobs),
        route(nomad, "GET", "/v1/job/{job:path}", _job),
    ]


async def _jobs(call: Call) -> Response:
    return await _register(call) if call.is_write else _list(call)


def _list(call: Call) -> Response:
    call.caller().require_capability(call.namespace, "list-jobs")
    prefix = call.request.query_params.get("prefix", "")
    listed = [
        {name: job.get(name) for name in ("ID", "Name", "Namespace", "Type", "Status", "JobModifyIndex")}
        for (namespace, name), job in call.nomad.jobs.items()
        if namespace == call.namespace and name.startswith(prefix)
    ]
    return call.read(listed)


async def _register(call: Call) -> Response:
    job: dict[str, Any] | None = (await call.body()).get("Job")
    if not job:
        raise NomadError(400, "Job must be specified")
    if not job.get("ID"):
        raise NomadError(400, "Job ID hasn't been provided")
    nomad, namespace = call.nomad, job.get("Namespace") or call.namespace
    call.caller().require_capability(namespace, "submit-job")
    index = nomad.next_index()
    defaults = {"Name": job["ID"], "Type": "service"}
    state = {"Namespace": namespace, "Status": "pending", "JobModifyIndex": index, "ModifyIndex": index}
    nomad.jobs[namespace, job["ID"]] = {**defaults, **job, **state}
    return call.written(
        {
            "EvalID": ids.guid(),
            "EvalCreateIndex": index,
            "JobModifyIndex": index,
            "Warnings": "",
            "Index": index,
            "LastContact": 0,
            "KnownLeader": False,
            "NextToken": "",
        }
    )


def _job(call: Call) -> Response:
    call.caller().require_capability(call.namespace, "read-job")
    job = call.nomad.jobs.get((call.namespace, call.part("job")))
    if job is None:
        raise NomadError(404, "job not found")
    return call.read(job)
