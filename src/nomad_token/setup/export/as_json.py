"""`json`: the objects as HTTP requests, in their order."""

from collections.abc import Iterator, Sequence

from nomad_token.platforms.base import in_json
from nomad_token.setup.export.base import Namespaces, token_name
from nomad_token.setup.objects import Kind, Object


def written(objects: Sequence[Object], namespaces: Namespaces) -> str:
    """Write *objects* as `{"requests": [...]}`.

    A field of a body that is a secret has a placeholder, which Nomad refuses, and stands in `secrets` with where it
    comes from: the answer to an earlier request, by its `id`, or a file. It is never left out, since an access that is
    written without a token makes Vault bootstrap Nomad's ACLs (api-contract 1.2).
    """
    return in_json({"requests": list(_requests(objects, namespaces))}, indent=2) + "\n"


def _requests(objects: Sequence[Object], namespaces: Namespaces) -> Iterator[dict[str, object]]:
    for one in objects:
        request: dict[str, object] = {"server": one.server, "method": "POST", "path": f"/v1/{one.path}"}
        if one.server == "vault":
            request["namespace"] = namespaces.of(one)
        if one.kind is not Kind.ACCESS:
            yield {**request, "body": one.body}
            continue
        made = f"access {one.name}"
        body = {"Name": token_name(one), "Type": "management", "Global": True}
        yield {"id": made, "server": "nomad", "method": "POST", "path": "/v1/acl/token", "body": body}
        secrets: dict[str, dict[str, str]] = {"token": {"answer": made, "field": "SecretID"}}
        if one.key_file:
            secrets["client_key"] = {"file": one.key_file}
        yield {**request, "body": {**one.body, **dict.fromkeys(secrets, "to be filled in")}, "secrets": secrets}
