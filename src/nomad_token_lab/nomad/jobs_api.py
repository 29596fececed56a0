"""`/v1/jobs`, `/v1/job/…`, `/v1/namespaces`: enough of Nomad's proper work that a deploy step is one."""

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
        route(nomad, "GET", "/v1/namespaces", _namespaces),
        route(nomad, "WRITE", "/v1/namespace/{name}", _put_namespace, home=True),
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


def _namespaces(call: Call) -> Response:
    """List those in which the caller may do anything at all (Nomad's documentation, "Namespaces HTTP API")."""
    caller, names = call.caller(), sorted(call.nomad.shared.namespaces)
    return call.read(
        [
            {"Name": name, "Description": ""}
            for name in names
            if caller.is_management or caller.rules.gives_something(name)
        ]
    )


async def _put_namespace(call: Call) -> Response:
    call.caller().require_management()
    call.nomad.shared.namespaces.add(call.part("name"))
    return call.written()
