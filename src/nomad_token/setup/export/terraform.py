"""`terraform`: resources of the providers hashicorp/nomad and hashicorp/vault.

Which arguments they have: the providers' documentation, `website/docs/r`, pages `acl_policy`, `acl_role`,
`acl_auth_method` and `acl_binding_rule` of the one, `nomad_secret_backend`, `nomad_secret_role`, `policy`,
`jwt_auth_backend` and `jwt_auth_backend_role` of the other.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nomad_token.errors import InputError
from nomad_token.setup.export.base import Namespaces, accesses, token_name
from nomad_token.setup.export.hcl import Document, Raw, Value, block, in_module, string
from nomad_token.setup.export.shell import command
from nomad_token.setup.objects import Kind, Object

# `token_wo` is from hashicorp/vault 5.7.0 (its CHANGELOG), and write-only arguments are from Terraform 1.11; JWT auth
# methods are from hashicorp/nomad 2.3.0.
_HEAD: Final = """\
# Made by nomad-token setup export. For servers that have none of this yet: what is there has to be imported.

terraform {
  required_version = ">= 1.11"
  required_providers {"""
_NEEDS: Final = {"nomad": ">= 2.3.0", "vault": ">= 5.7.0"}


def written(objects: Sequence[Object], namespaces: Namespaces) -> str:
    """Write *objects* as resources. Raises `InputError` for an engine of another name than the provider mounts.

    Terraform's state holds no secret: what is one is an ephemeral variable, and written only.
    """
    made = _Made(objects)
    parts = [_head({one.server for one in objects})]
    if names := [token_name(one) for one in accesses(objects)]:
        parts.append(_tokens(names))
    for one in objects:
        if one.kind in _RESOURCES:
            resource, make = _RESOURCES[one.kind]
            attributes, inner = make(one, made)
            namespace = {"namespace": namespaces.of(one)} if one.server == "vault" and namespaces.of(one) else {}
            label = made.label(one.kind, one.name)
            parts.append(block(["resource", resource, label], {**namespace, **attributes}, *inner))
    return "\n\n".join(parts) + "\n"


class _Made:
    """What is made here: each object with a label, by which the others refer to it."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._bodies = {(one.kind, one.name): one for one in objects}
        self._labels: dict[tuple[Kind, str], str] = {}

    def get(self, kind: Kind, name: str) -> Object:
        """Return the object of that kind and name."""
        return self._bodies[kind, name]

    def label(self, kind: Kind, name: str) -> str:
        """Return the label of the object of that kind and name: its name, as far as a label may be that."""
        if (kind, name) not in self._labels:
            word = re.sub(r"\W", "_", name, flags=re.ASCII)
            base = f"_{word}" if word[0].isdigit() else word
            taken = {label for (each, _), label in self._labels.items() if each is kind}
            numbered = (f"{base}_{number}" for number in itertools.count(2))
            self._labels[kind, name] = next(each for each in itertools.chain([base], numbered) if each not in taken)
        return self._labels[kind, name]

    def name(self, kind: Kind, name: str, attribute: str = "name") -> Raw | str:
        """Refer to what is made here by its *attribute*; what is there already has a name alone."""
        if (kind, name) not in self._bodies:
            return name
        return Raw(f"{_RESOURCES[kind][0]}.{self.label(kind, name)}.{attribute}")


_Parts = tuple[Mapping[str, Value], tuple[str, ...]]
"""A resource's attributes, and the blocks in it."""


def _head(servers: set[str]) -> str:
    needs = [
        f'    {name} = {{ source = "hashicorp/{name}", version = "{version}" }}'
        for name, version in _NEEDS.items()
        if name in servers
    ]
    return "\n".join([_HEAD, *needs, "  }", "}"])


def _tokens(names: Sequence[str]) -> str:
    lines = [
        "# A management token of Nomad's for each engine, by its mount. Make it with:",
        *(
            f"#   {command(['nomad', 'acl', 'token', 'create', '-type=management', '-global', f'-name={name}'])}"
            for name in names
        ),
        "# and raise `token_wo_version` of the engine where another takes its place.",
    ]
    return "\n".join(
        [
            *lines,
            block(["variable", "access_tokens"], {"type": Raw("map(string)"), "ephemeral": True, "sensitive": True}),
        ]
    )


def _policy(one: Object, _made: _Made) -> _Parts:
    body: Any = one.body
    rules = {"name": one.name, "description": body["Description"], "rules_hcl": Document(body["Rules"])}
    return rules, ()


def _nomad_role(one: Object, made: _Made) -> _Parts:
    body: Any = one.body
    policies = [block(["policy"], {"name": made.name(Kind.POLICY, each["Name"])}) for each in body["Policies"]]
    return {"name": one.name, "description": body["Description"]}, tuple(policies)


def _auth_method(one: Object, _made: _Made) -> _Parts:
    body: Any = one.body
    names = {
        "OIDCDiscoveryURL": "oidc_discovery_url",
        "BoundIssuer": "bound_issuer",
        "BoundAudiences": "bound_audiences",
        "DiscoveryCaPem": "discovery_ca_pem",
        "ClaimMappings": "claim_mappings",
    }
    config = {names[name]: given for name, given in body["Config"].items()}
    attributes = {
        "name": one.name,
        "type": body["Type"],
        "token_locality": body["TokenLocality"],
        "max_token_ttl": f"{body['MaxTokenTTL'] // 10**9}s",
    }
    return attributes, (block(["config"], config),)


def _binding_rule(one: Object, made: _Made) -> _Parts:
    body: Any = one.body
    kinds = {"policy": Kind.POLICY, "role": Kind.NOMAD_ROLE}
    bound = {"bind_name": made.name(kinds[body["BindType"]], body["BindName"])} if body["BindName"] else {}
    attributes: dict[str, Value] = {
        "auth_method": made.name(Kind.AUTH_METHOD, body["AuthMethod"]),
        "description": body["Description"],
        "selector": body["Selector"],
        "bind_type": body["BindType"],
        **bound,
    }
    return attributes, ()


def _engine(one: Object, made: _Made) -> _Parts:
    """Write the mount, its access and its lease: they are one resource."""
    if one.body["type"] != "nomad":
        raise InputError(
            f"The engine at `{one.name}` is the plugin {one.body['type']}, and Terraform's vault_nomad_secret_backend "
            "mounts one named `nomad` alone.",
            fix="Register the plugin by that name, and leave `plugin` out of the file: bao plugin register "
            f"-sha256=SHA256 -command={one.body['type']} secret nomad",
        )
    access = made.get(Kind.ACCESS, one.name)
    lease: Any = made.get(Kind.LEASE, one.name).body
    body: Any = access.body
    key: dict[str, Value] = {}
    if access.key_file:
        key = {"client_key_wo": in_module(access.key_file), "client_key_wo_version": 1}
    attributes: dict[str, Value] = {
        "backend": one.name,
        "description": str(one.body["description"]),
        **{name: given for name, given in body.items() if given},
        "token_wo": Raw(f"var.access_tokens[{string(one.name)}]"),
        "token_wo_version": 1,
        **key,
        **lease,
    }
    return attributes, ()


def _engine_role(one: Object, made: _Made) -> _Parts:
    body: Any = one.body
    mount, _, name = one.name.rpartition("/")
    policies = {"policies": body["policies"]} if body["policies"] else {}
    attributes: dict[str, Value] = {
        "backend": made.name(Kind.ENGINE, mount, "backend"),
        "role": name,
        "type": body["type"],
        **policies,
        "global": body["global"],
    }
    return attributes, ()


def _vault_policy(one: Object, _made: _Made) -> _Parts:
    return {"name": one.name, "policy": Document(str(one.body["policy"]))}, ()


def _auth_mount(one: Object, made: _Made) -> _Parts:
    """Write the mount and its configuration: they are one resource."""
    config: Any = made.get(Kind.AUTH_CONFIG, one.name).body
    attributes = {"path": one.name, "type": "jwt", "description": str(one.body["description"])}
    attributes |= {name: given for name, given in config.items() if given}
    return attributes, ()


def _login_role(one: Object, made: _Made) -> _Parts:
    body: Any = one.body
    mount, _, name = one.name.rpartition("/")
    # The provider has a claim's values in one text, with commas between.
    claims = body["bound_claims"]
    apart = {
        claim: [each for each in values if "," in each or each != each.strip()] for claim, values in claims.items()
    }
    if difficult := next((name for name, values in apart.items() if values), ""):
        raise InputError(
            f"The claim `{difficult}` of role `{name}` has a value with a comma in it or a space at its end, "
            "which Terraform's vault_jwt_auth_backend_role can't say.",
            fix="Use another --format for this file.",
        )
    attributes: dict[str, Value] = {
        "backend": made.name(Kind.AUTH_MOUNT, mount, "path"),
        "role_name": name,
        **body,
        "bound_claims": {claim: ",".join(values) for claim, values in claims.items()},
        "token_policies": [made.name(Kind.VAULT_POLICY, name) for name in body["token_policies"]],
    }
    return attributes, ()


_RESOURCES: Final[Mapping[Kind, tuple[str, Callable[[Object, _Made], _Parts]]]] = {
    Kind.POLICY: ("nomad_acl_policy", _policy),
    Kind.NOMAD_ROLE: ("nomad_acl_role", _nomad_role),
    Kind.AUTH_METHOD: ("nomad_acl_auth_method", _auth_method),
    Kind.BINDING_RULE: ("nomad_acl_binding_rule", _binding_rule),
    Kind.ENGINE: ("vault_nomad_secret_backend", _engine),
    Kind.ENGINE_ROLE: ("vault_nomad_secret_role", _engine_role),
    Kind.VAULT_POLICY: ("vault_policy", _vault_policy),
    Kind.AUTH_MOUNT: ("vault_jwt_auth_backend", _auth_mount),
    Kind.LOGIN_ROLE: ("vault_jwt_auth_backend_role", _login_role),
}
"""An access and a lease are the engine's, and a configuration is that of its mount."""
