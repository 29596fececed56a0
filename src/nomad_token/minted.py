"""What was minted, told to the job without the secrets."""

from collections.abc import Sequence

from nomad_token.credential import Credential
from nomad_token.exports import into_environment, rfc3339
from nomad_token.inputs import JobInputs
from nomad_token.platforms.base import Platform
from nomad_token.text import shown


def described(credentials: Sequence[Credential], job: JobInputs, platform: Platform, *, renewed: bool) -> list[str]:
    """Say what was minted, in lines; while it runs a command it is *renewed*, where it has a lease."""
    lines = [line for each in credentials for line in _minted(each)]
    first, *rest = credentials
    ends = min((each.expires_at for each in credentials if each.expires_at), default=None)
    until = "unless renewed" if renewed and first.lease_renewable else "at the latest"
    told = f" {'The first' if rest else 'It'} ends at {rfc3339(ends)} {until}." if ends else ""
    revoked = f"{'are' if rest else 'is'} revoked {platform.revoked_when()}"
    end = revoked if job.revoke and first.revocable else _end(job)
    lines.append(f"{'They' if rest else 'It'} {end}.{told}")
    if into := [each for each in credentials if into_environment(each, job)]:
        unknown = all(not each.type for each in into)
        one = "one" if rest else "it"
        note = f" Whether {one} is a management token is not known: that takes Nomad's answer (`nomad-addr`)."
        lines.append(f"{platform.exported_as([each.env_name for each in into])}.{note if unknown else ''}")
    return lines


def _minted(credential: Credential) -> list[str]:
    kind = f"{credential.type} token" if credential.type else "token"
    lease = f": lease {credential.lease_id}" if credential.lease_id else ""
    lines = [f"Minted the {kind} {credential.accessor_id}{lease}."]
    if credential.policies is not None:
        held = ", ".join(shown(policy) for policy in credential.policies) or "none"
        lines.append(f"{'Nomad accepts it; policies' if credential.verified else 'Policies'}: {held}.")
    return lines


def _end(job: JobInputs) -> str:
    """Say how a token ends that is not revoked."""
    if not job.revoke:
        return "will not be revoked (`revoke: false`)"
    return "can't be revoked, since Nomad lets only management tokens delete tokens"
