"""The roads to a token: each issuer and auth method, made ready in a lab."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import Authority
from fakes import FakeClock
from faults.doors import ActionDoor, Door, RunDoor, ShellDoor
from jobs import in_a_pod, quick_start
from nomad_token.secret import SecretStr
from nomad_token_lab import Lab, Member, logins
from nomad_token_lab.clock import of_machine
from nomad_token_lab.faults import ServerName
from nomad_token_lab.logins import Inputs
from nomad_token_lab.memory import InMemory
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from nomad_token_lab.trust import written
from nomad_token_lab.vault.state import Dialect

_SECRET: Final = "canary-of-a-password"
_LONG_LIVED: Final = (
    "vault-token",
    "vault-secret-id",
    "vault-password",
    "vault-github-token",
    "vault-auth-payload",
    "vault-client-key",
    "nomad-management-token",
)


@dataclass(frozen=True)
class Arranged:
    """A lab that is ready for one road; `with` it ends."""

    lab: Lab
    servers: InMemory
    clock: FakeClock
    inputs: Inputs
    environ: Mapping[str, str]

    @property
    def long_lived(self) -> list[str]:
        """The secrets among the inputs, none of which may be saved."""
        given = [self.inputs[name] for name in _LONG_LIVED if name in self.inputs]
        return [*given, self.lab.github.request_token.get_secret_value()]


Prepare = Callable[[Lab, InMemory, Path], Inputs]


@dataclass(frozen=True)
class Road:
    """A way to a token."""

    name: str
    prepare: Prepare
    door: type[Door] = ActionDoor
    dialect: Dialect = Dialect.VAULT
    tokens: int = 1
    """How many it makes."""
    like: str = ""
    """The road that it is like from its login on."""
    is_lent: bool = False
    """Whether the Vault token is the user's, and not ended."""
    is_apart: bool = False
    """Whether the login is in another namespace, so that its end ends no lease."""
    grants_by_login: bool = False
    """Whether Nomad grants tokens to a login."""
    is_managed: bool = False
    """Whether a management token is lent to delete them with."""
    is_strict: bool = False
    """Whether the post-step fails where a token is left: the action's with `on-revoke-failure: fail`, a shell's."""
    needs_tls: bool = False
    """Whether the login is the certificate that a client shows."""
    locks_out: bool = False
    """Whether a few failed logins lock the user out, so that one is tried twice at most."""

    @property
    def makes_once(self) -> bool:
        """Whether a lost answer can't be undone, so that it must not be asked for twice."""
        return self.is_lent or self.is_apart or self.grants_by_login

    def arrange(self, folder: Path, addresses: Mapping[ServerName, str] | None = None) -> Arranged:
        """Make the lab ready; files go into *folder*. At *addresses* its time is the machine's."""
        clock = FakeClock()
        lab = Lab(trust=True, now=of_machine if addresses else clock.now, dialect=self.dialect)
        servers = lab.start_in_memory(addresses)
        inputs = self.prepare(lab, servers, folder)
        lab.mark()
        environ = {**lab.github.environ(), "GITHUB_WORKSPACE": str(folder)}
        return Arranged(lab, servers, clock, inputs, environ)


def _jwt(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    return quick_start(lab)


def _several(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    return quick_start(lab, role="deployer | FIRST_TOKEN, deployer | SECOND_TOKEN")


def _without_nomad(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    plain = quick_start(lab)
    del plain["nomad-addr"]
    return plain


def _strict(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    return quick_start(lab, verify="required", on_revoke_failure="fail")


def _in_a_shell(prepare: Prepare) -> Prepare:
    """Give an id token, which a shell has none of."""

    def prepared(lab: Lab, servers: InMemory, folder: Path) -> Inputs:
        inputs = prepare(lab, servers, folder)
        token = lab.github.id_token(inputs.get("vault-addr", lab.nomad.addr))
        return inputs | {"id-token": token.get_secret_value()}

    return prepared


def _below(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    """Have the engine in a namespace below that of the login, where no lease ends with it."""
    within = {"X-Vault-Namespace": "team"}
    with lab.vault_client() as vault, lab.nomad_client() as nomad:
        written(vault, "sys/namespaces/team", {})
        access = written(nomad, "acl/token", {"Name": "vault-below", "Type": "management"}).json()["SecretID"]
        vault.headers.update(within)
        written(vault, "sys/mounts/nomad", {"type": "nomad"})
        written(vault, "nomad/config/access", {"address": lab.nomad.addr, "token": access})
        written(vault, "nomad/config/lease", {"ttl": "30m", "max_ttl": "1h"})
        written(vault, "nomad/role/deployer", {"policies": "deployer", "type": "client"})
        del vault.headers["X-Vault-Namespace"]
        written(vault, "sys/policies/acl/nomad-deployer", {"policy": _BELOW})
    return quick_start(lab, vault_namespace="team", vault_auth_namespace="root")


_BELOW: Final = """
path "team/nomad/creds/deployer" { capabilities = ["read"] }
path "team/sys/leases/revoke" { capabilities = ["update"] }
"""


def _lent_several(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        given = logins.token(vault, ttl="24h")
    return _with_a_login(lab, given | {"role": "deployer | FIRST_TOKEN, deployer | SECOND_TOKEN"})


def _with_a_login(lab: Lab, given: Inputs) -> Inputs:
    plain = quick_start(lab)
    del plain["vault-auth-role"]
    return plain | given


def _token(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        return _with_a_login(lab, logins.token(vault, ttl="24h"))


def _approle(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        return _with_a_login(lab, logins.approle(vault))


def _few_uses(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        return _with_a_login(lab, logins.approle(vault, token_num_uses=2))


def _userpass(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        return _with_a_login(lab, logins.userpass(vault, password=_SECRET))


def _ldap(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        given = logins.ldap(vault, password=_SECRET, url="ldap://directory.invalid")
    lab.vault.directory[given["vault-username"]] = given["vault-password"]
    return _with_a_login(lab, given)


def _github(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    lab.members.by_token[_SECRET] = Member("octocat")
    with lab.vault_client() as vault:
        return _with_a_login(lab, logins.github(vault, personal_token=_SECRET, base_url=lab.github.addr))


def _kubernetes(lab: Lab, _servers: InMemory, folder: Path) -> Inputs:
    return _with_a_login(lab, in_a_pod(lab, folder))


def _cert(lab: Lab, servers: InMemory, folder: Path) -> Inputs:
    authority = Authority(folder)
    own = authority.client("ci")
    shown = x509.load_pem_x509_certificate(own.certificate.read_bytes())
    servers.certificate = shown.public_bytes(Encoding.DER)
    with lab.vault_client() as vault:
        given = logins.cert(vault, authority=authority.certificate.read_text("ascii"))
    pair = {"vault-client-cert": own.certificate.read_text("ascii"), "vault-client-key": own.key.read_text("ascii")}
    return _with_a_login(lab, given | pair)


def _custom(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    with lab.vault_client() as vault:
        given = logins.approle(vault, mount="robots")
    payload = f'{{"role_id": "{given["vault-role-id"]}", "secret_id": "{given["vault-secret-id"]}"}}'
    own = {"vault-auth-method": "custom", "vault-auth-path": "robots", "vault-auth-payload": payload}
    return _with_a_login(lab, own)


def _trusting(lab: Lab) -> SecretStr:
    with lab.nomad_client() as nomad:
        settings = NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr)
        return nomad_trust(settings, nomad).management_token


def _nomad_login(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    _trusting(lab)
    return {"nomad-addr": lab.nomad.addr, "nomad-auth-method": "github"}


def _nomad_login_managed(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    manager = _trusting(lab).get_secret_value()
    return {"nomad-addr": lab.nomad.addr, "nomad-auth-method": "github", "nomad-management-token": manager}


def _nomad_management(lab: Lab, _servers: InMemory, _folder: Path) -> Inputs:
    manager = _trusting(lab).get_secret_value()
    return {"nomad-addr": lab.nomad.addr, "policies": "deployer", "nomad-management-token": manager}


_ALL: Final = (
    Road("vault-jwt", _jwt),
    Road("vault-jwt-several", _several, tokens=2),
    Road("vault-jwt-without-nomad", _without_nomad, like="vault-jwt"),
    Road("vault-jwt-strict", _strict, like="vault-jwt", is_strict=True),
    Road("vault-token", _token, is_lent=True),
    Road("vault-approle", _approle, like="vault-jwt"),
    Road("vault-approle-few-uses", _few_uses),
    Road("vault-userpass", _userpass, like="vault-jwt", locks_out=True),
    Road("vault-ldap", _ldap, like="vault-jwt", locks_out=True),
    Road("vault-github", _github, like="vault-jwt"),
    Road("vault-kubernetes", _kubernetes, like="vault-jwt"),
    Road("vault-cert", _cert, like="vault-jwt", needs_tls=True),
    Road("vault-custom", _custom, like="vault-jwt"),
    Road("nomad-login", _nomad_login, grants_by_login=True),
    Road("nomad-login-managed", _nomad_login_managed, grants_by_login=True, is_managed=True),
    Road("nomad-management", _nomad_management),
    Road("openbao-jwt", _jwt, dialect=Dialect.OPENBAO, like="vault-jwt"),
    Road("openbao-namespaces", _below, dialect=Dialect.OPENBAO, is_apart=True),
    Road("vault-token-several", _lent_several, tokens=2, like="vault-token", is_lent=True),
    Road("shell-vault-jwt", _in_a_shell(_jwt), ShellDoor, like="vault-jwt", is_strict=True),
    Road("shell-vault-token", _token, ShellDoor, like="vault-token", is_lent=True, is_strict=True),
    Road(
        "shell-nomad-login",
        _in_a_shell(_nomad_login),
        ShellDoor,
        like="nomad-login",
        grants_by_login=True,
        is_strict=True,
    ),
    Road("shell-nomad-management", _nomad_management, ShellDoor, like="nomad-management", is_strict=True),
    Road("run-vault-jwt", _in_a_shell(_jwt), RunDoor),
    Road("run-vault-token", _token, RunDoor, like="vault-token", is_lent=True),
    Road("run-nomad-login", _in_a_shell(_nomad_login), RunDoor, like="nomad-login", grants_by_login=True),
    Road("run-nomad-management", _nomad_management, RunDoor, like="nomad-management"),
)
ROADS: Final = {road.name: road for road in _ALL}
OF_THE_ACTION: Final = [road.name for road in _ALL if road.door is ActionDoor]
"""For what has doors of its own."""
