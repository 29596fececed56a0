"""Vault's Nomad secrets engine: `config/access`, `config/lease`, `role`, `creds` (api-contract 1.1 to 1.6)."""

from collections.abc import Mapping
from typing import Any, Final

from nomad_token_lab.clock import Clock
from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply, Secret
from nomad_token_lab.vault.errors import Refusal, UpstreamError, nothing_there
from nomad_token_lab.vault.tokens import SYSTEM_TTL
from nomad_token_lab.vault.upstream import Upstream

_DEFAULT_ADDRESS: Final = "http://127.0.0.1:4646"
_NAME_BYTES: Final = 256


class NomadEngine:
    """One mount of the engine."""

    def __init__(self, *, type_name: str, upstream: Upstream, clock: Clock, forgives_the_dead: bool) -> None:
        """Begin unconfigured; the OpenBao plugin forgives a revocation that finds its token gone already (1.6)."""
        self.type = type_name
        self._upstream = upstream
        self._clock = clock
        self._forgives_the_dead = forgives_the_dead
        self._access: dict[str, Any] | None = None
        self._lease: dict[str, int] | None = None
        self._roles: dict[str, dict[str, Any]] = {}
        read, create, update, delete = Operation.READ, Operation.CREATE, Operation.UPDATE, Operation.DELETE
        access, role = self._write_access, self._write_role
        self.paths = (
            Path(
                "config/access",
                {read: self._read_access, create: access, update: access, delete: self._delete_access},
                exists=lambda _name: self._access is not None,
            ),
            Path("config/lease", {read: self._read_lease, update: self._write_lease, delete: self._delete_lease}),
            Path("role/?", {Operation.LIST: self._list_roles}),
            Path(
                f"role/{NAME}",
                {read: self._read_role, create: role, update: role, delete: self._delete_role},
                exists=lambda name: name in self._roles,
            ),
            Path(f"creds/{NAME}", {read: self._creds}),
        )

    def max_ttl(self) -> int:
        """Return the longest life of a lease in seconds."""
        configured = (self._lease or {}).get("max_ttl", 0)
        return min(configured, SYSTEM_TTL) or SYSTEM_TTL

    def _read_access(self, _call: Call) -> Reply:
        if self._access is None:
            raise nothing_there()
        return Reply({name: value for name, value in self._access.items() if name not in {"token", "client_key"}})

    async def _write_access(self, call: Call) -> Reply:
        names = ("address", "token", "ca_cert", "client_cert", "client_key")
        access: dict[str, Any] = dict.fromkeys(names, "") | (self._access or {})
        access |= {name: fields.text(call.data, name) for name in names if name in call.data}
        access["max_token_name_length"] = fields.number(call.data, "max_token_name_length")
        if not access["token"]:
            try:
                answer = await self._nomad("PUT", "/v1/acl/bootstrap", access)
            except UpstreamError as error:
                raise Refusal(400, "Token not provided and failed to bootstrap ACLs") from error
            access["token"] = answer["SecretID"]
        self._access = access
        return DONE

    def _delete_access(self, _call: Call) -> Reply:
        self._access = None
        return DONE

    def _read_lease(self, _call: Call) -> Reply:
        if self._lease is None:
            raise nothing_there()
        return Reply(self._lease)

    def _write_lease(self, call: Call) -> Reply:
        self._lease = {name: fields.seconds(call.data, name) for name in ("max_ttl", "ttl")}
        return DONE

    def _delete_lease(self, _call: Call) -> Reply:
        self._lease = None
        return DONE

    def _list_roles(self, _call: Call) -> Reply:
        if not self._roles:
            raise nothing_there()
        return Reply({"keys": sorted(self._roles)})

    def _read_role(self, call: Call) -> Reply:
        if call.name not in self._roles:
            raise nothing_there()
        return Reply(self._roles[call.name])

    def _write_role(self, call: Call) -> Reply:
        known = self._roles.get(call.name, {})
        # The type is read anew with every write, so that an update without it makes a client role (1.4).
        role_type = fields.text(call.data, "type", "client")
        policies = list(fields.strings(call.data, "policies")) if "policies" in call.data else known.get("policies")
        if role_type == "client" and not policies:
            raise Refusal(400, "policies cannot be empty when using client tokens")
        if role_type == "management" and policies:
            raise Refusal(400, "policies should be empty when using management tokens")
        if role_type not in {"client", "management"}:
            raise Refusal(400, 'type must be "client" or "management"')
        is_global = fields.flag(call.data, "global", default=known.get("global", False))
        self._roles[call.name] = {"type": role_type, "global": is_global, "policies": policies}
        return DONE

    def _delete_role(self, call: Call) -> Reply:
        self._roles.pop(call.name, None)
        return DONE

    async def _creds(self, call: Call) -> Reply:
        access = self._access or {}
        role = self._roles.get(call.name)
        if role is None:
            raise Refusal(400, f'role "{call.name}" not found')
        lease = self._lease or {}
        stamp = int(self._clock().timestamp() * 10**9)
        name = f"vault-{call.name}-{call.caller.display_name}-{stamp}".encode()
        cut = name[: access.get("max_token_name_length") or _NAME_BYTES].decode(errors="ignore")
        wanted = {"Name": cut, "Type": role["type"], "Policies": role["policies"], "Global": role["global"]}
        token = await self._nomad("PUT", "/v1/acl/token", access, wanted)
        return Reply(
            secret=Secret(
                data={"accessor_id": token["AccessorID"], "secret_id": token["SecretID"]},
                internal={"accessor_id": token["AccessorID"]},
                ttl=lease.get("ttl", 0),
                max_ttl=self.max_ttl(),
            )
        )

    async def revoke(self, internal: Mapping[str, str]) -> None:
        """Delete the token of a lease in Nomad.

        Raises:
            UpstreamError: Nomad refused, or could not be reached.
        """
        accessor = internal["accessor_id"]
        try:
            await self._nomad("DELETE", f"/v1/acl/token/{accessor}", self._access or {})
        except UpstreamError as error:
            gone = f"Unexpected response code: 400 (Cannot delete nonexistent tokens: {accessor})"
            if not (self._forgives_the_dead and str(error) == gone):
                raise

    async def _nomad(self, method: str, path: str, access: Mapping[str, Any], body: Any = None) -> Any:  # noqa: ANN401
        url = (access.get("address") or _DEFAULT_ADDRESS).rstrip("/") + path
        headers = {"X-Nomad-Token": token} if (token := access.get("token")) else {}
        answer = await self._upstream.request(method, url, headers=headers, body=body)
        if answer.is_error:
            raise UpstreamError(f"Unexpected response code: {answer.status_code} ({answer.text.strip()})")
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise UpstreamError(str(error)) from error
