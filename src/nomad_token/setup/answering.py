"""From what a job gives as inputs, and what is asked for beside it, to the answers that the first file is made of."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from nomad_token.clients.http import origin
from nomad_token.declared import Declared, Found
from nomad_token.errors import InputError
from nomad_token.issuers.nomad_login import NomadLogin
from nomad_token.issuers.vault import VaultIssuer
from nomad_token.places import NomadInputs
from nomad_token.platforms.project import Project
from nomad_token.setup import shipped
from nomad_token.setup.bounds import PLATFORMS
from nomad_token.setup.first import Answers, OfNomad, OfVault, PolicyFile, Trusted
from nomad_token.text import pasted, shown
from nomad_token.vault_auth.jwt import Jwt

Ask = Callable[[str], str]
"""Puts a question on the terminal, and returns what was typed."""

INPUTS: Final = (
    "role",
    "policies",
    "vault-addr",
    "vault-mount",
    "vault-auth-path",
    "vault-auth-role",
    "audience",
    "nomad-addr",
    "nomad-auth-method",
)
"""The job's inputs that say what is wanted."""

# What is asked for, with what is offered; both are for who reads one line.
_QUESTIONS: Final = {
    "role": ("the role of Vault's Nomad engine", "deployer"),
    "vault-addr": ("Vault's address, as the job reaches it", ""),
    "vault-auth-role": ("the role of the job's login", "deploy-app"),
    "nomad-addr": ("Nomad's address", ""),
    "nomad-auth-method": ("the name of Nomad's auth method", ""),
    "--platform": ("whose jobs are trusted, github or gitlab", "github"),
    "--repository-id": ("the repository's id (gh api repos/OWNER/NAME --jq .id)", ""),
    "--project-id": ("the project's id, as its page in GitLab shows it", ""),
}


@dataclass
class Given:
    """What was given: inputs by their names, and flags by theirs with the hyphens; several values apart."""

    found: Mapping[str, str]
    policies: Sequence[str] = ()
    """Each `[ROLE=]NAME` of a shipped one, or `[ROLE=]FILE`."""
    events: Sequence[str] = ()
    without_vault: bool = False
    project: Project | None = None
    ask: Ask | None = None
    """None where there is no terminal."""
    missing: list[str] = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return what was given by that name, empty where nothing was."""
        return self.found.get(name, "").strip()

    def need(self, name: str, otherwise: str = "") -> str:
        """Return what was given by that name, else *otherwise*, else what the terminal says; else note it."""
        if given := self.get(name) or otherwise:
            return given
        question, offered = _QUESTIONS[name]
        if self.ask:
            prompt = f"{question[0].upper()}{question[1:]}{f' [{offered}]' if offered else ''}: "
            typed = self.ask(prompt).strip() or offered
            if typed:
                return typed
        self.missing.append(f"{name if name.startswith('-') else f'`{name}`'} is missing: {question}.")
        return ""

    def complete(self) -> None:
        """Raise `InputError` with all that is missing."""
        if self.missing:
            path = f"repos/{self.get('--repository') or 'OWNER/NAME'}"
            fix = f"Find a repository's id with: gh api {pasted(path)} --jq .id"
            asks_id = any(line.startswith("--repository-id") for line in self.missing)
            raise InputError("\n".join(self.missing), fix=fix if asks_id else "")


def answers(given: Given) -> Answers:
    """Return the answers. Raises `InputError` for what is missing or can't be."""
    told = [name for name in ("role", "nomad-auth-method", "policies") if given.get(name)]
    if len(told) > 1 or (given.without_vault and "role" in told):
        raise InputError(
            "Several ways are meant: `role` is for Vault's Nomad engine, `nomad-auth-method` and --without-vault for a "
            "login at Nomad itself, and `policies` for `nomad-management`.",
            fix="Give one of them, and add the other to the file.",
        )
    if told == ["policies"]:
        names = [name.strip() for name in re.split(r"[,\n]", given.get("policies")) if name.strip()]
        return Answers(tuple(_policy(name, given) for name in dict.fromkeys(names)))
    return _of_nomad(given) if told == ["nomad-auth-method"] or given.without_vault else _of_vault(given)


def _of_vault(given: Given) -> Answers:
    names = ("role", "vault-addr", "vault-auth-role")
    needed = {name: given.need(name) for name in names}
    address = given.get("--nomad-address-for-vault") or given.need("nomad-addr")
    trusted = _trusted(given)
    given.complete()
    lookup = _lookup({**given.found, **needed})
    job, login = VaultIssuer.read(lookup), Jwt.read(lookup)
    chosen = _policies(given, [each.role for each in job.role])
    policies = {policy.name: policy for each in chosen.values() for policy in each}
    wanted = OfVault(
        mount=job.vault_mount,
        plugin=given.get("--plugin"),
        address=NomadInputs.read(_lookup({"nomad-addr": address})).nomad_addr,
        roles={role: [policy.name for policy in each] for role, each in chosen.items()},
        auth_mount=job.vault_auth_path or "jwt",
        auth_role=login.vault_auth_role,
        audience=login.audience or origin(job.vault_addr),
    )
    return Answers(tuple(policies.values()), trusted, vault=wanted)


def _of_nomad(given: Given) -> Answers:
    if flags := [flag for flag in ("--plugin", "--nomad-address-for-vault") if given.get(flag)]:
        raise InputError(f"{flags[0]} is of Vault's engine, and there is none without Vault.")
    needed = {name: given.need(name) for name in ("nomad-auth-method", "nomad-addr")}
    trusted = _trusted(given)
    given.complete()
    lookup = _lookup({**given.found, **needed})
    login, place = NomadLogin.read(lookup), NomadInputs.read(lookup)
    wanted = OfNomad(login.nomad_auth_method, login.audience or origin(place.nomad_addr))
    return Answers(_policies(given, [""])[""], trusted, nomad=wanted)


def _policies(given: Given, roles: Sequence[str]) -> dict[str, tuple[PolicyFile, ...]]:
    """Return the policies of each of *roles*: those that name it, and those that name none. Raises `InputError`."""
    named = [text.rpartition("=") for text in given.policies or ["deploy"]]
    if unknown := [of for of, equals, _ in named if equals and of not in roles]:
        raise InputError(f"--policy: `role` names no {shown(unknown[0])}.")
    files: dict[str, PolicyFile] = {}
    found: dict[str, tuple[PolicyFile, ...]] = {}
    for role in roles:
        own = [_policy_file(policy) for of, equals, policy in named if not equals or of == role]
        if not own:
            raise InputError(f"The role `{shown(role)}` has no policy.", fix=f"Name one: --policy {role}=readonly")
        for policy in own:
            if files.setdefault(policy.name, policy) != policy:
                raise InputError(f"--policy: two of them are named {policy.name}.", fix="Rename the file.")
        found[role] = tuple(dict.fromkeys(own))
    return found


def _policy(name: str, given: Given) -> PolicyFile:
    """Return the policy of that *name*: a shipped one, or a file that has it as its own name. Raises `InputError`."""
    found = [_policy_file(text) for text in (*shipped.ABOUT, *given.policies)]
    named = [policy for policy in found if policy.name == name]
    if not named:
        raise InputError(
            f"`policies` names {shown(name)}, which does not come with the program.",
            fix=f"Give the file of its rules: --policy {shown(name)}.policy.hcl",
        )
    return named[-1]


def _policy_file(text: str) -> PolicyFile:
    if text in shipped.ABOUT:
        return PolicyFile(text, shipped.file_name(text), shipped.ABOUT[text], is_shipped=True)
    name = re.sub(r"(\.policy)?\.[a-z]+$", "", PurePath(text).name)
    if not re.fullmatch(r"[a-zA-Z0-9-]{1,128}", name) or name == text:
        raise InputError(
            f"--policy: {shown(text)} is none of {', '.join(shipped.ABOUT)}, and no file NAME.policy.hcl whose NAME "
            "has letters, digits and - alone."
        )
    return PolicyFile(name, text, "deploys from CI")


def _trusted(given: Given) -> Trusted:
    """Return whose jobs are trusted, by the id that outlives a rename, and of which runs. Raises `InputError`."""
    kind = _platform(given)
    if not kind:
        return Trusted("github", {})
    own = given.project if given.project and given.project.platform == kind else Project(kind)
    if kind == "github":
        id_ = given.need("--repository-id", "" if given.get("--repository") else own.id)
        name, issuer = given.get("--repository") or own.name, _github_issuer(given.get("--github-server") or own.server)
        claims = {"repository_id": (id_,), **_github_runs(given)}
    else:
        id_ = given.need("--project-id", own.id)
        name, issuer = own.name, (given.get("--gitlab") or own.server).rstrip("/")
        claims = {"project_id": (id_,), **_gitlab_runs(given)}
    if id_ and not id_.isdecimal():
        raise InputError(f"The project's id `{shown(id_)}` is not a number.", fix="Its name may be another's tomorrow.")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name):
        name = ""
    issuer = given.get("--issuer") or issuer
    return Trusted(kind, claims, "" if issuer == PLATFORMS[kind].issuer else issuer, name)


def _platform(given: Given) -> str:
    told = {"--repository-id": "github", "--repository": "github", "--github-server": "github"}
    told |= {"--project-id": "gitlab", "--gitlab": "gitlab"}
    kinds = {kind for name, kind in told.items() if given.get(name)} | ({given.get("--platform")} - {""})
    if len(kinds) > 1:
        raise InputError("The flags are of both platforms: write one trust, and add the other to the file.")
    own = given.project.platform if given.project else ""
    if not (kinds or own or given.ask):
        line = "--repository-id or --project-id is missing: whose jobs are trusted, on GitHub or on GitLab."
        given.missing.append(line)
        return ""
    kind = kinds.pop() if kinds else given.need("--platform", own)
    if kind not in PLATFORMS:
        raise InputError(f"--platform: `{shown(kind)}` is neither github nor gitlab.")
    return kind


def _github_issuer(server: str) -> str:
    """Return the issuer of a GitHub's id tokens: a server of one's own has another (its documentation, "OIDC")."""
    own = server.rstrip("/")
    return f"{own}/_services/token" if own not in {"", "https://github.com"} else ""


def _github_runs(given: Given) -> dict[str, tuple[str, ...]]:
    environment, ref, events = given.get("--environment"), given.get("--ref"), tuple(given.events)
    if ref and not ref.startswith("refs/"):
        raise InputError(f"--ref: GitHub writes {shown(ref)} as refs/heads/{shown(ref)}, or refs/tags/….")
    if not environment:
        ref, events = ref or "refs/heads/main", events or ("push", "workflow_dispatch")
    found = {"environment": (environment,), "ref": (ref,), "event_name": events}
    return {name: values for name, values in found.items() if values and values[0]}


def _gitlab_runs(given: Given) -> dict[str, tuple[str, ...]]:
    found = {"ref_protected": ("true",), "ref": (given.get("--ref"),), "pipeline_source": tuple(given.events)}
    if environment := given.get("--environment"):
        found |= {"environment": (environment,), "environment_protected": ("true",)}
    return {name: values for name, values in found.items() if values and values[0]}


def _lookup(values: Mapping[str, str]) -> Callable[[Declared], Found | None]:
    def look(one: Declared) -> Found | None:
        value = values.get(one.name, "").strip() if not one.secret else ""
        return Found(value, f"--{one.name}") if value else None

    return look
