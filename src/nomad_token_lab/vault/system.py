"""`sys/…`: mounts, auth methods, policies, leases, capabilities (api-contract 1.6, 3.1)."""

from typing import Any

from nomad_token_lab.http import multierror
from nomad_token_lab.vault import fields, policies
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.errors import Refusal, UpstreamError, nothing_there
from nomad_token_lab.vault.kinds import AUTH_METHODS, ENGINES, VAULT_ONLY, Kinds
from nomad_token_lab.vault.leases import Lease
from nomad_token_lab.vault.namespaces import Label, Namespace
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.token_auth import TokenAuth

_ANY = "(?P<name>.+)"
_NOT_SERVED = ("kv", "pki", "ssh")
"""Engines that a catalog lists always, and that there are none of here."""


class Mounts:
    """What `sys/mounts` and `sys/auth` have in common: one table of backends under one prefix."""

    def __init__(self, vault: Vault, namespace: Namespace, kinds: Kinds, *, prefix: str, noun: str) -> None:
        """Mount *kinds* below *prefix* in *namespace*."""
        self._vault = vault
        self._namespace = namespace
        self._kinds = kinds
        self._prefix = prefix
        self._noun = noun

    def all(self, _call: Call) -> Reply:
        """Return every mount of this table."""
        return Reply(
            {
                path.removeprefix(self._prefix): self._shown(path)
                for path in self._namespace.mounts
                if path.startswith(self._prefix) and (self._prefix or not path.startswith("auth/"))
            }
        )

    def kinds(self) -> list[str]:
        """Return what may be mounted: the part of the plugin catalog that is of this table."""
        return sorted(set(self._kinds) - self._vault.unregistered - (VAULT_ONLY if self._vault.is_openbao else set()))

    def _shown(self, path: str) -> dict[str, Any]:
        kind = self._namespace.mounts[path].type
        label = self._namespace.labels.setdefault(path, self._label(kind))
        return {"type": kind, "description": label.description, "accessor": label.accessor}

    def _label(self, kind: str, description: str = "") -> Label:
        return Label(f"{self._prefix.replace('/', '_')}{kind}", description)

    def _path(self, call: Call) -> str:
        return f"{self._prefix}{call.name.strip('/')}/"

    def read(self, call: Call) -> Reply:
        """Return one mount."""
        backend = self._namespace.mounts.get(self._path(call))
        if backend is None:
            raise Refusal(400, f"No {self._noun} at {call.name.strip('/')}/")
        return Reply(self._shown(self._path(call)))

    def enable(self, call: Call) -> Reply:
        """Mount a new backend."""
        kind = fields.text(call.data, "type")
        if kind not in self.kinds():
            raise Refusal(400, f"plugin not found in the catalog: {kind}")
        if self._path(call) in self._namespace.mounts:
            raise Refusal(400, f"path is already in use at {call.name.strip('/')}/")
        self._namespace.mounts[self._path(call)] = self._kinds[kind](self._vault, kind)
        self._namespace.labels[self._path(call)] = self._label(kind, fields.text(call.data, "description"))
        return DONE

    async def disable(self, call: Call) -> Reply:
        """Unmount a backend; its leases are revoked first."""
        for lease in self._vault.leases:
            if lease.namespace == call.namespace and lease.id.startswith(self._path(call)):
                self._vault.leases.end(lease)
        await self._vault.settle_soon()
        self._namespace.mounts.pop(self._path(call), None)
        self._namespace.labels.pop(self._path(call), None)
        return DONE


class System:
    """The backend at `sys/`."""

    type = "system"

    def __init__(self, vault: Vault, namespace: Namespace) -> None:
        """Serve *vault* itself, as it is in *namespace*."""
        self._vault = vault
        self._namespace = namespace
        read, update, delete, listed = Operation.READ, Operation.UPDATE, Operation.DELETE, Operation.LIST
        engines = Mounts(vault, namespace, ENGINES, prefix="", noun="secret engine mount")
        methods = Mounts(vault, namespace, AUTH_METHODS, prefix="auth/", noun="auth engine")
        self.paths = (
            Path("mounts/?", {read: engines.all}),
            Path(f"mounts/{_ANY}", {read: engines.read, update: engines.enable, delete: engines.disable}, sudo=True),
            Path("auth/?", {read: methods.all}),
            Path(f"auth/{_ANY}", {read: methods.read, update: methods.enable, delete: methods.disable}, sudo=True),
            Path("plugins/catalog/secret/?", {listed: lambda _: Reply({"keys": [*_NOT_SERVED, *engines.kinds()]})}),
            Path("plugins/catalog/auth/?", {listed: lambda _: Reply({"keys": methods.kinds()})}),
            Path("policies/acl/?", {listed: self._list_policies, read: self._list_policies}),
            Path(
                f"policies/acl/{_ANY}",
                {read: self._read_policy, update: self._write_policy, delete: self._delete_policy},
            ),
            Path("capabilities-self", {update: self._capabilities}),
            Path("leases/lookup", {update: self._lookup_lease}),
            Path(f"leases/lookup/{_ANY}", {listed: self._list_leases}, sudo=True),
            Path("leases/renew", {update: self._renew_lease}),
            Path("leases/revoke", {update: self._revoke_lease}),
            Path(f"leases/revoke/{_ANY}", {update: self._revoke_lease}),
            Path("revoke", {update: self._revoke_as_of_old}),
            Path("quotas/config", {update: self._configure_quotas}, sudo=True),
            Path(f"quotas/rate-limit/{NAME}", {update: self._write_quota, delete: self._delete_quota}, sudo=True),
            *self._namespace_paths(),
        )

    def _namespace_paths(self) -> tuple[Path, ...]:
        make, read, remove = self._make_namespace, self._read_namespace, self._remove_namespace
        return (
            Path("namespaces/?", {Operation.LIST: self._list_namespaces}),
            Path(f"namespaces/{NAME}", {Operation.READ: read, Operation.UPDATE: make, Operation.DELETE: remove}),
        )

    def _below(self, call: Call) -> Namespace | None:
        self._check_edition()
        return self._vault.namespaces.find(f"{self._namespace.path}{call.name}")

    def _check_edition(self) -> None:
        if not self._vault.is_openbao:
            raise Refusal(404, "enterprise-only feature")

    def _list_namespaces(self, _call: Call) -> Reply:
        self._check_edition()
        here = self._namespace.path
        below = [known.path.removeprefix(here) for known in self._vault.namespaces if known.path.startswith(here)]
        keys = sorted(path for path in below if path.count("/") == 1)
        if not keys:
            raise nothing_there()
        return Reply({"keys": keys})

    def _read_namespace(self, call: Call) -> Reply:
        namespace = self._below(call)
        if namespace is None:
            raise nothing_there()
        return Reply({"id": namespace.id, "path": namespace.path, "custom_metadata": {}, "locked": False})

    def _make_namespace(self, call: Call) -> Reply:
        if self._below(call) is None:
            namespace = Namespace(f"{self._namespace.path}{call.name}/")
            furnish(self._vault, namespace)
            self._vault.namespaces.add(namespace)
        return self._read_namespace(call)

    def _remove_namespace(self, call: Call) -> Reply:
        if namespace := self._below(call):
            self._vault.namespaces.remove(namespace)
        return DONE

    def _list_policies(self, _call: Call) -> Reply:
        return Reply({"keys": sorted({*self._namespace.policies, *(() if self._namespace.path else (policies.ROOT,))})})

    def _read_policy(self, call: Call) -> Reply:
        if call.name not in self._namespace.policies:
            raise nothing_there()
        return Reply({"name": call.name, "policy": self._namespace.policies[call.name]})

    def _write_policy(self, call: Call) -> Reply:
        policy = fields.text(call.data, "policy")
        if not policy:
            raise Refusal(400, "'policy' parameter not supplied or empty")
        try:
            policies.parse(policy)
        except (ValueError, AttributeError) as error:
            raise Refusal(400, f"failed to parse policy: {error}") from error
        self._namespace.policies[call.name] = policy
        return DONE

    def _delete_policy(self, call: Call) -> Reply:
        self._namespace.policies.pop(call.name, None)
        return DONE

    def _configure_quotas(self, call: Call) -> Reply:
        self._vault.quotas.tells_when = fields.flag(call.data, "enable_rate_limit_response_headers")
        return DONE

    def _write_quota(self, call: Call) -> Reply:
        rate = fields.number(call.data, "rate")
        if rate <= 0:
            raise Refusal(400, "'rate' is invalid")
        path, interval = fields.text(call.data, "path"), fields.seconds(call.data, "interval") or 1
        self._vault.quotas.set(call.name, path, rate, interval)
        return DONE

    def _delete_quota(self, call: Call) -> Reply:
        self._vault.quotas.remove(call.name)
        return DONE

    def _capabilities(self, call: Call) -> Reply:
        paths = fields.strings(call.data, "paths") or fields.strings(call.data, "path")
        if not paths:
            raise Refusal(400, "paths must be supplied")
        acl = self._vault.acl(call.caller)
        found = {path: acl.capabilities(self._namespace.path + path) for path in paths}
        return Reply({**found, "capabilities": found[paths[0]]} if len(paths) == 1 else found)

    def _lease_id(self, call: Call) -> str:
        lease_id = fields.text(call.data, "lease_id") or call.name
        if not lease_id:
            raise Refusal(400, "lease_id must be specified")
        if ".." in lease_id:
            raise Refusal(400, f"failed to read lease entry {lease_id}: relative paths not supported")
        return lease_id

    def _lookup_lease(self, call: Call) -> Reply:
        lease = self._vault.leases.find(self._lease_id(call))
        if lease is None:
            raise Refusal(400, "invalid lease")
        return Reply(lease.as_data(self._vault.clock()))

    def _list_leases(self, call: Call) -> Reply:
        prefix = call.name.rstrip("/") + "/"
        rest = [lease.id.removeprefix(prefix) for lease in self._vault.leases if lease.id.startswith(prefix)]
        keys = sorted({key if slash == "" else key + "/" for key, slash, _ in (name.partition("/") for name in rest)})
        if not keys:
            raise nothing_there()
        return Reply({"keys": keys})

    def _renew_lease(self, call: Call) -> Reply:
        lease = self._vault.leases.find(self._lease_id(call))
        if lease is None:
            raise Refusal(400, "lease not found")
        warnings = self._vault.renewed(lease, fields.seconds(call.data, "increment"))
        return Reply(lease=lease, warnings=warnings)

    async def _revoke_lease(self, call: Call) -> Reply:
        lease = self._vault.leases.find(self._lease_id(call))
        if not fields.flag(call.data, "sync", default=True):
            return self._queue(lease)
        if lease is None:
            return DONE
        try:
            await self._vault.leases.revoke(lease)
        except UpstreamError as error:
            text = f"failed to revoke entry: resp: (*logical.Response)(nil) err: {error}"
            raise Refusal(400, text) from error
        return DONE

    def _queue(self, lease: Lease | None) -> Reply:
        """Answer the same whether there is something to queue or not, as both servers do."""
        if lease:
            self._vault.leases.end(lease)
        return Reply(status=202)

    async def _revoke_as_of_old(self, call: Call) -> Reply:
        if self._vault.is_openbao:
            raise Refusal(404, multierror("unsupported path"))
        return await self._revoke_lease(call)


def furnish(vault: Vault, namespace: Namespace) -> None:
    """Mount in *namespace* what is always mounted."""
    namespace.mounts |= {"sys/": System(vault, namespace), "auth/token/": TokenAuth(vault)}
