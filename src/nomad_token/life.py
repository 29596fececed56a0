"""How long a token lives, against how long it must and may."""

from datetime import datetime

from nomad_token.credential import Credential
from nomad_token.errors import Refused
from nomad_token.inputs import JobInputs
from nomad_token.text import span

_LONG = 24 * 3600.0
"""Seconds beyond which a life is warned about, where `max-ttl` says nothing else."""


def check_life(credential: Credential, job: JobInputs, now: datetime) -> str:
    """Return a warning about a long life, empty without one. Raises `Refused` for one that is too short or too long."""
    ends = credential.expires_at
    # What the servers said came in whole seconds, and a moment ago.
    life = (ends - now).total_seconds() + 1 if ends else float("inf")
    told = span(life) if ends else "ever"
    if job.min_ttl is not None and life < job.min_ttl:
        raise Refused(
            f"The token would live for {told}, and `min-ttl` asks for {span(job.min_ttl)}: it was undone.",
            why=credential.life_set_by,
            fix="Raise it there, or lower `min-ttl` to what the job needs.",
        )
    if job.max_ttl is not None and life > job.max_ttl + 1:
        raise Refused(
            f"The token would live for {told}, and `max-ttl` allows {span(job.max_ttl)}: it was undone.",
            why=credential.life_set_by,
            fix="Lower it there, or raise `max-ttl`.",
        )
    if job.max_ttl is None and life > _LONG + 1:
        return f"The token would live for {told} if nothing revoked it. {credential.life_set_by}"
    return ""
