"""Vault's github auth method: a personal token of a member (api-contract 3.3); recorded on Vault 1.14.2."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nomad_token_lab.http import multierror
from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.errors import Refusal, UpstreamError, nothing_there
from nomad_token_lab.vault.login import terms_data, terms_of
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.tokens import Terms

_GITHUB: Final = "https://api.github.com/"
_MAP: Final = r"map/(?P<name>(?:users|teams)/[\w.-]+)"


class GithubAuth:
    """One mount of the method; it asks the API at `base_url` who a token is."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin unconfigured."""
        self.type = type_name
        self._vault = vault
        self._config: dict[str, Any] | None = None
        self._terms = Terms()
        self._map: dict[str, str] = {}
        read, update, delete = Operation.READ, Operation.UPDATE, Operation.DELETE
        self.paths = (
            Path("login", {update: self._login}, open=True),
            Path("config", {read: self._read_config, update: self._write_config}),
            Path(f"map/{NAME}/?", {Operation.LIST: self._list_mapped}),
            Path(_MAP, {read: self._read_mapped, update: self._write_mapped, delete: self._delete_mapped}),
        )

    def _read_config(self, _call: Call) -> Reply:
        if self._config is None:
            raise nothing_there()
        return Reply({**self._config, **terms_data(self._terms)})

    async def _write_config(self, call: Call) -> Reply:
        data = {**(self._config or {}), **terms_data(self._terms), **call.data}
        organization = fields.text(data, "organization")
        if not organization:
            raise Refusal(400, "organization is a required parameter")
        base = fields.text(data, "base_url") or _GITHUB
        number = fields.number(data, "organization_id")
        try:
            number = number or int((await self._ask(base, f"orgs/{organization}", ""))["id"])
        except UpstreamError as error:
            what = "unable to fetch the organization_id, you must manually set it in the config"
            raise Refusal(500, multierror(f"{what}: {error}")) from error
        self._terms = terms_of(data)
        url = fields.text(data, "base_url")
        self._config = {"organization": organization, "organization_id": number, "base_url": url}
        return DONE

    def _list_mapped(self, call: Call) -> Reply:
        keys = sorted(key.partition("/")[2] for key in self._map if key.startswith(f"{call.name}/"))
        if not keys:
            raise nothing_there()
        return Reply({"keys": keys})

    def _read_mapped(self, call: Call) -> Reply:
        if call.name not in self._map:
            return Reply({})
        return Reply({"key": call.name.partition("/")[2], "value": self._map[call.name]})

    def _write_mapped(self, call: Call) -> Reply:
        self._map[call.name] = fields.text(call.data, "value")
        return DONE

    def _delete_mapped(self, call: Call) -> Reply:
        self._map.pop(call.name, None)
        return DONE

    async def _login(self, call: Call) -> Reply:
        config = self._config
        if config is None:
            raise Refusal(500, "configuration has not been set")
        base, token = config["base_url"] or _GITHUB, fields.text(call.data, "token")
        try:
            user = await self._ask(base, "user", token)
            organizations = await self._ask(base, "user/orgs?per_page=100", token)
            if config["organization_id"] not in [organization["id"] for organization in organizations]:
                raise Refusal(500, "user is not part of required org")
            teams = await self._ask(base, "user/teams?per_page=100", token)
        except UpstreamError as error:
            raise Refusal(500, str(error)) from error
        keys = [f"users/{user['login']}", *(key for team in teams for key in _keys_of(team, config["organization_id"]))]
        granted = [policy for key in keys for policy in fields.strings(self._map, key)]
        terms = replace(self._terms, policies=(*self._terms.policies, *granted))
        told = {"username": user["login"], "org": config["organization"]}
        return self._vault.login(call, terms, user["login"], told)

    async def _ask(self, base: str, path: str, token: str) -> Any:  # noqa: ANN401 - JSON is any of these
        url = f"{base.rstrip('/')}/{path}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self._vault.upstream.request("GET", url, headers=headers)
        try:
            body = answer.json()
        except ValueError as error:
            raise UpstreamError(f"GET {url}: {answer.status_code}  []") from error
        if answer.is_error:
            raise UpstreamError(f"GET {url}: {answer.status_code} {body.get('message', '')} []")
        return body


def _keys_of(team: Mapping[str, Any], organization_id: int) -> set[str]:
    """Return the keys of a team in the map of policies: its name and its slug; none for a foreign organization's."""
    if team["organization"]["id"] != organization_id:
        return set()
    return {f"teams/{team['name']}", f"teams/{team['slug']}"}
