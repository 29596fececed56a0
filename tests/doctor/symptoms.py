"""The symptoms (api-contract 5), as a table: how each is provoked, by whom it is asked about, and what names it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from nomad_token_lab import Answer, Fault, Lab
from refusals import claims, fault, jwt_role, switch, write

Arrange = Callable[[Lab], None]
Who = Literal["job", "desk", "both"]
QUICK: Final = ("--role", "deployer", "--vault-auth-role", "deploy-app")
HOUR: Final = 3630.0
"""Seconds by which a clock is off, and half a minute more: what is told in hours is told without seconds."""
DENIED: Final = Answer(403, "Permission denied", content_type="text/plain")


def deleted(server: str, path: str) -> Arrange:
    """Delete something, as an operator."""

    def arrange(lab: Lab) -> None:
        with lab.vault_client() if server == "vault" else lab.nomad_client() as client:
            client.delete(f"/v1/{path}").raise_for_status()

    return arrange


def off(server: str, seconds: float) -> Arrange:
    """Put a server's clock off."""

    def arrange(lab: Lab) -> None:
        getattr(lab, server).clock.offset += seconds

    return arrange


def rules(text: str) -> Arrange:
    """Write the policy `deployer` of Nomad anew."""

    def arrange(lab: Lab) -> None:
        with lab.nomad_client() as nomad:
            nomad.put("/v1/acl/policy/deployer", json={"Name": "deployer", "Rules": text}).raise_for_status()

    return arrange


def all_of(*each: Arrange) -> Arrange:
    """Do one after the other."""

    def arrange(lab: Lab) -> None:
        for one in each:
            one(lab)

    return arrange


@dataclass(frozen=True)
class Symptom:
    """What is wrong, and the link that must name it."""

    name: str
    arrange: Arrange
    link: str
    says: tuple[str, ...]
    code: int
    who: Who = "job"
    argv: tuple[str, ...] = ()
    verdict: str = "broken"
    environ: dict[str, str] = field(default_factory=dict)
    quick: tuple[str, ...] = QUICK
    hides_the_server: bool = False
    """Whether nothing tells Vault from OpenBao."""


ALLOWING_ALL: Final = write(
    "sys/policies/acl/nomad-deployer", policy='path "*" { capabilities = ["read", "update", "sudo"] }'
)

SYMPTOMS: Final = [
    Symptom(
        "nothing listens at Vault's address",
        lambda _: None,
        "vault address",
        ("Nothing listens at that port",),
        75,
        argv=("--vault-addr", "http://127.0.0.1:1"),
    ),
    Symptom(
        "TLS where there is none",
        lambda _: None,
        "vault tls",
        ("There is no TLS at that port",),
        75,
        argv=("--vault-addr", "https://127.0.0.1:PORT"),
    ),
    Symptom("Vault is sealed", switch("vault", "sealed", on=True), "seal", ("operator unseal",), 75, who="both"),
    Symptom(
        "a page of a proxy's in the place of Vault",
        fault("vault", "GET", "/v1/sys/health", Answer(502, "<html>bad gateway</html>", content_type="text/html")),
        "seal",
        ("a proxy may stand before it",),
        75,
        hides_the_server=True,
    ),
    Symptom(
        "Vault's clock is an hour behind",
        off("vault", -HOUR),
        "login",
        ("not yet valid", "The clocks of Vault and of the id token's issuer disagree", "Vault's clock is 1 h behind"),
        75,
    ),
    Symptom(
        "Vault's clock is an hour behind, seen from a desk",
        off("vault", -HOUR),
        "vault clock",
        ("Vault's clock is 1 h behind",),
        0,
        who="desk",
        verdict="warning",
    ),
    Symptom("Nomad's clock is ahead", off("nomad", HOUR), "nomad clock", ("1 h ahead",), 0, verdict="warning"),
    Symptom(
        "another audience",
        lambda _: None,
        "login",
        ("audience claim does not match", "bound_audiences"),
        4,
        argv=("--audience", "https://other.example.com"),
    ),
    Symptom(
        "another audience, seen from a desk",
        lambda _: None,
        "claims",
        ("is not one of bound_audiences", "bound_audiences +="),
        4,
        who="desk",
        argv=("--audience", "https://other.example.com"),
    ),
    Symptom("another repository", claims(repository_id="666"), "login", ("repository_id", "bound_claims"), 4),
    Symptom(
        "the login's role is not there, seen from a desk",
        lambda _: None,
        "claims",
        ("knows no role `nobody`",),
        5,
        who="desk",
        argv=("--vault-auth-role", "nobody"),
    ),
    Symptom(
        "the login's role is for browsers, seen from a desk",
        jwt_role(role_type="oidc", allowed_redirect_uris=["http://localhost/x"]),
        "claims",
        ("role_type=oidc",),
        4,
        who="desk",
    ),
    Symptom(
        "the jwt method is not mounted",
        deleted("vault", "sys/auth/jwt"),
        "login",
        ("No auth method is mounted there", "auth list"),
        4,
    ),
    Symptom("the login gives a batch token", jwt_role(token_type="batch"), "login", ("token_type=service",), 4),
    Symptom("the login gives a token for one use", jwt_role(token_num_uses=1), "login", ("token_num_uses",), 4),
    Symptom(
        "permission denied (i): Vault's policy",
        write("sys/policies/acl/nomad-deployer", policy='path "other/*" { capabilities = ["read"] }'),
        "policy",
        ('path "nomad/creds/deployer" { capabilities = ["read"] }',),
        4,
    ),
    Symptom(
        "a wrong mount, to a job's token",
        lambda _: None,
        "policy",
        ("there is no mount `nomad2`", "secrets list"),
        4,
        argv=("--vault-mount", "nomad2"),
    ),
    Symptom(
        "a wrong mount, seen from a desk",
        lambda _: None,
        "engine",
        ("No secrets engine is mounted at `nomad2`", "secrets enable"),
        5,
        who="desk",
        argv=("--vault-mount", "nomad2"),
    ),
    Symptom(
        "Vault's policy is not there, seen from a desk",
        deleted("vault", "sys/policies/acl/nomad-deployer"),
        "policy",
        ("the policy `nomad-deployer`, which is not there", "policy write nomad-deployer"),
        4,
        who="desk",
    ),
    Symptom(
        "the engine is not enabled",
        deleted("vault", "sys/mounts/nomad"),
        "engine",
        ("No secrets engine is mounted at `nomad`",),
        5,
        who="desk",
    ),
    Symptom(
        "config/access was never written",
        deleted("vault", "nomad/config/access"),
        "access",
        ("`nomad/config/access` was never written", "config/access address="),
        5,
        who="desk",
    ),
    Symptom(
        "config/access leads elsewhere, seen from a desk",
        write("nomad/config/access", address="http://127.0.0.1:1"),
        "access",
        ("Vault mints at http://127.0.0.1:1, and the job deploys to", "--mint"),
        0,
        who="desk",
        verdict="unknown",
    ),
    Symptom(
        "max_token_name_length is more than Nomad takes",
        write("nomad/config/access", max_token_name_length=300),
        "access",
        ("max_token_name_length=256",),
        0,
        who="desk",
        verdict="warning",
    ),
    Symptom(
        "config/lease was never set",
        deleted("vault", "nomad/config/lease"),
        "lease",
        ("768 h", "config/lease ttl=30m max_ttl=1h"),
        0,
        who="desk",
        verdict="warning",
    ),
    Symptom(
        "config/lease is long",
        write("nomad/config/lease", ttl="48h", max_ttl="72h"),
        "lease",
        ("A lease is 2 d",),
        0,
        who="desk",
        verdict="warning",
    ),
    Symptom(
        "token invalid at once: the login ends before the lease",
        jwt_role(token_ttl="20s", token_max_ttl="20s"),
        "lease",
        ("takes the lease along", "token_ttl"),
        0,
        verdict="warning",
    ),
    Symptom(
        "nomad/roles/NAME in the place of nomad/role/NAME, seen from a desk",
        deleted("vault", "nomad/role/deployer"),
        "role",
        ("There is nothing at `nomad/role/deployer`", "`nomad/roles/…` went nowhere", "list nomad/role"),
        5,
        who="desk",
    ),
    Symptom(
        "nomad/roles/NAME in the place of nomad/role/NAME, by a mint",
        deleted("vault", "nomad/role/deployer"),
        "mint",
        ('role "deployer" not found', "`nomad/roles/…` went nowhere"),
        5,
        argv=("--mint",),
    ),
    Symptom(
        "a role of management tokens",
        write("nomad/role/deployer", type="management", policies=""),
        "role",
        ("makes management tokens", "type=client"),
        0,
        who="desk",
        verdict="warning",
    ),
    Symptom(
        "nothing listens at Nomad's address",
        lambda _: None,
        "nomad address",
        ("Nothing listens at that port",),
        75,
        argv=("--nomad-addr", "http://127.0.0.1:1"),
    ),
    Symptom("no cluster leader", switch("nomad", "leader", on=False), "leader", ("server members",), 75),
    Symptom(
        "ACL support disabled, by the Nomad that the job deploys to",
        switch("nomad", "acl_enabled", on=False),
        "acls",
        ("ACL support disabled", "acl { enabled = true }", "The servers decide"),
        4,
        who="both",
    ),
    Symptom(
        "ACL support disabled, by the Nomad that Vault mints at",
        fault("nomad", "PUT", "/v1/acl/token$", Answer(400, "ACL support disabled", content_type="text/plain")),
        "mint",
        ("Nomad refused Vault: ACL support disabled",),
        4,
        argv=("--mint",),
    ),
    Symptom(
        "a region that is none",
        lambda _: None,
        "region",
        ("Nomad knows no region `eu`: it has global",),
        5,
        argv=("--nomad-region", "eu"),
    ),
    Symptom(
        "Permission denied (ii): Nomad refuses Vault's token",
        write("nomad/config/access", token="11111111-2222-3333-4444-555555555555"),
        "mint",
        ("Nomad refused Vault: Permission denied", "nomad acl token create"),
        4,
        argv=("--mint",),
    ),
    Symptom(
        "Vault can't reach Nomad",
        write("nomad/config/access", address="http://127.0.0.1:1"),
        "mint",
        ("Vault can't reach Nomad", "config/access"),
        75,
        argv=("--mint", "--timeout", "3s"),
    ),
    Symptom(
        "Permission denied (iii): Nomad refuses the job's token",
        lambda lab: lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", DENIED, times=None)),
        "verify",
        ("does not accept the token", "another Nomad"),
        75,
        argv=("--mint",),
    ),
    Symptom(
        "policy not found, of the token",
        deleted("nomad", "acl/policy/deployer"),
        "policies",
        ("Nomad knows no policy `deployer`", "nomad acl policy apply deployer"),
        5,
        argv=("--mint",),
    ),
    Symptom(
        "policy not found, seen from a desk",
        deleted("nomad", "acl/policy/deployer"),
        "policies",
        ("Nomad knows no policy `deployer`",),
        5,
        who="desk",
    ),
    Symptom(
        "a policy that does not let deploy",
        rules('namespace "default" { policy = "read" }'),
        "namespace",
        ("allows submit-job in the namespace `default`", "submit-job"),
        4,
        argv=("--mint", "--namespace", "default"),
    ),
    Symptom(
        "another namespace than the policy's, seen from a desk",
        rules('namespace "apps-*" { policy = "write" }'),
        "namespace",
        ("allows submit-job in the namespace `prod`", "Nomad has no namespace `prod`"),
        4,
        who="desk",
        argv=("--namespace", "prod"),
    ),
    Symptom(
        "a namespace that is not there",
        rules('namespace "*" { policy = "write" }'),
        "namespace",
        ("Nomad has no namespace `prod`", "nomad namespace apply prod"),
        5,
        who="desk",
        argv=("--namespace", "prod"),
    ),
    Symptom(
        "a login that can't be revoked",
        all_of(
            jwt_role(token_no_default_policy=True),
            write(
                "sys/policies/acl/nomad-deployer",
                policy='path "nomad/creds/deployer" { capabilities = ["read"] } '
                'path "sys/capabilities-self" { capabilities = ["update"] } '
                'path "auth/token/revoke-self" { capabilities = ["read"] }',
            ),
        ),
        "revoke",
        ("may revoke neither the lease nor itself", "auth/token/revoke-self"),
        0,
        verdict="warning",
    ),
]

OF_NOMAD: Final = [
    Symptom(
        "cannot find role",
        lambda _: None,
        "policies",
        ("Nomad has no ACL role `nobody`", "nomad acl role list"),
        5,
        argv=("--nomad-roles", "nobody"),
        environ={"NOMAD_MANAGEMENT_TOKEN": "MANAGER"},
        quick=(),
    ),
    Symptom(
        "auth-method not found",
        lambda _: None,
        "auth method",
        ("no auth method `nobody`", "nomad acl auth-method list"),
        5,
        argv=("--nomad-auth-method", "nobody"),
        quick=(),
    ),
    Symptom(
        "another audience at Nomad",
        lambda _: None,
        "claims",
        ("BoundAudiences",),
        4,
        who="desk",
        argv=("--nomad-auth-method", "github", "--audience", "https://other.example.com"),
        quick=(),
    ),
    Symptom(
        "no role or policy bindings matched",
        lambda lab: lab.nomad.binding_rules.clear(),
        "binding rules",
        ("No binding rule is of `github`", "nomad acl binding-rule list"),
        4,
        who="desk",
        argv=("--nomad-auth-method", "github", "--audience", "AUDIENCE"),
        quick=(),
    ),
    Symptom(
        "not a management token",
        lambda _: None,
        "management token",
        ("operator's token",),
        4,
        argv=("--policies", "deployer"),
        environ={"NOMAD_MANAGEMENT_TOKEN": "11111111-2222-3333-4444-555555555555"},
        quick=(),
    ),
    Symptom(
        "policy not found, of nomad-management",
        lambda _: None,
        "policies",
        ("knows no policy `nobody`",),
        5,
        argv=("--policies", "nobody"),
        environ={"NOMAD_MANAGEMENT_TOKEN": "MANAGER"},
        quick=(),
    ),
]
