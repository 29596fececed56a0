"""`auth/token/…`: what a token can do about itself, and making others (api-contract 3.2)."""

from nomad_token_lab.vault import fields, policies
from nomad_token_lab.vault.backend import DONE, Call, Operation, Path, Reply
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.tokens import Terms, TokenType, end_of


class TokenAuth:
    """The auth method that is always there."""

    type = "token"

    def __init__(self, vault: Vault) -> None:
        """Serve *vault*'s tokens."""
        self._vault = vault
        read, update = Operation.READ, Operation.UPDATE
        self.paths = (
            Path("lookup-self", {read: self._lookup, update: self._lookup}),
            Path("renew-self", {update: self._renew}),
            Path("revoke-self", {update: self._revoke}),
            Path("create", {update: self._create}),
            Path("create-orphan", {update: self._create_orphan}, sudo=True),
        )

    def _lookup(self, call: Call) -> Reply:
        return Reply(call.caller.as_data(self._vault.clock()))

    def _renew(self, call: Call) -> Reply:
        token, now = call.caller, self._vault.clock()
        if token.type == "batch":
            raise Refusal(400, "batch tokens cannot be renewed")
        if not token.renewable:
            raise Refusal(400, "lease is not renewable")
        age = int((now - token.created).total_seconds())
        granted, warnings = token.terms.granted(fields.seconds(call.data, "increment"), age)
        token.expires, token.granted = end_of(now, granted), granted
        return Reply(token=token, warnings=warnings)

    async def _revoke(self, call: Call) -> Reply:
        if call.caller.type == "batch":
            raise Refusal(400, "batch tokens cannot be revoked")
        self._vault.revoke_token(call.caller)
        await self._vault.settle_soon()
        return DONE

    def _create_orphan(self, call: Call) -> Reply:
        return self._made(call, orphan=True)

    def _create(self, call: Call) -> Reply:
        return self._made(call, orphan=fields.flag(call.data, "no_parent"))

    def _made(self, call: Call, *, orphan: bool) -> Reply:
        parent, data = call.caller, call.data
        wanted = fields.strings(data, "policies") or parent.terms.policies
        is_root = policies.ROOT in parent.policies
        if not is_root and not set(wanted) <= set(parent.policies):
            raise Refusal(400, "child policies must be subset of parent")
        terms = Terms(
            policies=wanted,
            ttl=fields.seconds(data, "ttl"),
            explicit_max_ttl=fields.seconds(data, "explicit_max_ttl"),
            num_uses=fields.number(data, "num_uses"),
            type=_type(fields.text(data, "type")),
            no_default_policy=fields.flag(data, "no_default_policy"),
            renewable=fields.flag(data, "renewable", default=True),
            period=fields.seconds(data, "period"),
        )
        _check(terms)
        if terms.period and not self._vault.acl(parent).is_sudo(call.namespace + call.path):
            raise Refusal(400, "root or sudo privileges required to create periodic token")
        name = fields.text(data, "display_name").replace(" ", "-")
        return self._vault.child(call, terms, name, orphan=orphan)


def _type(value: str) -> TokenType:
    match value:
        case "" | "default" | "service":
            return "service"
        case "batch":
            return "batch"
        case _:
            raise Refusal(400, "invalid 'token_type' value")


def _check(terms: Terms) -> None:
    if terms.num_uses < 0:
        raise Refusal(400, "number of uses cannot be negative")
    if terms.type == "service":
        return
    if policies.ROOT in terms.policies:
        raise Refusal(400, "batch tokens cannot be root tokens")
    for name in ("explicit_max_ttl", "num_uses", "period"):
        if getattr(terms, name):
            raise Refusal(400, f'batch tokens cannot have "{name}" set')
