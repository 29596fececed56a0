"""The refusals that the road can meet, as a table: what is wrong, and what the program must say of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nomad_token_lab import CLOSE, Answer, Close, Dialect, Fault, Lab
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust

Arrange = Callable[[Lab], None]


def write(path: str, **body: object) -> Arrange:
    """Write to Vault as its operator."""

    def arrange(lab: Lab) -> None:
        with lab.vault_client() as vault:
            vault.post(f"/v1/{path}", json=body).raise_for_status()

    return arrange


def jwt_role(**changed: object) -> Arrange:
    """Write the login's role once more, with something *changed*."""

    def arrange(lab: Lab) -> None:
        with lab.vault_client() as vault:
            role = vault.get("/v1/auth/jwt/role/deploy-app").raise_for_status().json()["data"]
            vault.post("/v1/auth/jwt/role/deploy-app", json=role | changed).raise_for_status()

    return arrange


def switch(server: str, name: str, *, on: bool) -> Arrange:
    """Turn a switch of one of the lab's servers."""
    return lambda lab: setattr(getattr(lab, server), name, on)


def fault(server: str, method: str, path: str, answer: Answer | Close, times: int | None = None) -> Arrange:
    """Have a server answer otherwise."""
    return lambda lab: lab.faults.append(Fault(server, method, path, answer, times=times))  # type: ignore[arg-type]


def claims(**changed: str) -> Arrange:
    """Have the job's id token say otherwise."""
    return lambda lab: lab.github.claims.update(changed)


@dataclass(frozen=True)
class Refusal:
    """What is wrong, and what the program must say of it."""

    name: str
    fact: str
    code: int
    says: tuple[str, ...]
    arrange: Arrange = lambda _: None
    inputs: dict[str, str] = field(default_factory=dict)
    dialect: Dialect = Dialect.VAULT
    regions: tuple[str, ...] = ("global",)


def trusted_by_nomad(lab: Lab) -> None:
    """Have Nomad itself trust a deploy, for its own address."""
    with lab.nomad_client() as nomad:
        nomad_trust(NomadTrust(lab.github.addr, lab.nomad.addr), nomad)


def without_rules(lab: Lab) -> None:
    """Have Nomad trust a deploy, and give it nothing."""
    trusted_by_nomad(lab)
    lab.nomad.binding_rules.clear()


def skewed(lab: Lab) -> None:
    """Put Vault's clock an hour back, and half a minute: what is told in hours is told without seconds."""
    lab.vault.clock.offset -= 3630


WITHOUT_VAULT = {"role": "", "vault-addr": "", "vault-auth-role": ""}
REFUSALS = [
    Refusal(
        "wrong_audience",
        "The value to add to bound_audiences is printed, with a line that adds it.",
        4,
        (
            "audience claim does not match",
            "aud: https://other.example.com",
            "bound_audiences",
            "vault write auth/jwt/role/deploy-app -",
        ),
        inputs={"audience": "https://other.example.com"},
    ),
    Refusal(
        "other_repository",
        "A claim that the role does not bind shows what the id token says, marked unverified.",
        4,
        ("repository_id", "not verified", "bound_claims", "vault read auth/jwt/role/deploy-app"),
        arrange=claims(repository_id="666"),
    ),
    Refusal(
        "unknown_login_role",
        "An unknown role of the login is told apart from one of the engine.",
        5,
        ('role "nobody" could not be found', "vault-auth-role", "role of the Nomad engine"),
        inputs={"vault-auth-role": "nobody"},
    ),
    Refusal(
        "no_login_role",
        "Without a role and a default_role, the login's role is asked for.",
        5,
        ("missing role", "default_role", "vault-auth-role"),
        inputs={"vault-auth-role": ""},
    ),
    Refusal(
        "unmounted_auth",
        "Vault answers 403 to a login where nothing is mounted, and the text says so.",
        4,
        ("auth/github/login", "No auth method is mounted", "vault-auth-path", "vault auth list"),
        inputs={"vault-auth-path": "github"},
    ),
    Refusal(
        "unknown_role",
        "An unknown role of the engine names the slip nomad/roles, and vault-action's `role`.",
        5,
        ('role "reader" not found', "nomad/roles", "vault-auth-role", "vault list nomad/role"),
        arrange=write("sys/policies/acl/nomad-deployer", policy='path "nomad/creds/*" { capabilities = ["read"] }'),
        inputs={"role": "reader"},
    ),
    Refusal(
        "policy_denies",
        "A policy without the read gets the rule to add.",
        4,
        ("by policy", 'path "nomad/creds/deployer" { capabilities = ["read"] }', "vault-mount"),
        arrange=write("sys/policies/acl/nomad-deployer", policy='path "other/*" { capabilities = ["read"] }'),
    ),
    Refusal(
        "wrong_mount",
        "A wrong mount looks like a policy to a job's token, and both are said.",
        4,
        ("nomad2/creds/deployer", "there is no mount `nomad2`", "vault secrets list"),
        inputs={"vault-mount": "nomad2"},
    ),
    Refusal(
        "wrong_mount_seen",
        "A token that may read anything is told that nothing is mounted there.",
        5,
        ("No secrets engine is mounted at `nomad2`", "vault secrets list"),
        arrange=write("sys/policies/acl/nomad-deployer", policy='path "*" { capabilities = ["read", "update"] }'),
        inputs={"vault-mount": "nomad2"},
    ),
    Refusal(
        "management_token_wrong",
        "Nomad's refusal of Vault is not taken for Vault's refusal of the job.",
        4,
        ("Nomad refused Vault", "Permission denied", "nomad/config/access", "nomad acl token create"),
        arrange=write("nomad/config/access", token="11111111-2222-3333-4444-555555555555"),
    ),
    Refusal(
        "acl_disabled",
        "Nomad without ACLs is named, with the lines that turn them on.",
        4,
        ("ACL support disabled", "acl { enabled = true }", "nomad acl bootstrap"),
        arrange=switch("nomad", "acl_enabled", on=False),
    ),
    Refusal(
        "nomad_unreachable_for_vault",
        "The address that Vault uses is told apart from the job's.",
        75,
        ("Vault can't reach Nomad", "connection refused", "vault read nomad/config/access"),
        arrange=write("nomad/config/access", address="http://127.0.0.1:1"),
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "name_too_long",
        "A name that Nomad finds too long names the setting.",
        4,
        ("token name too long", "max_token_name_length"),
        arrange=fault(
            "nomad",
            "PUT",
            "/v1/acl/token$",
            Answer(400, "token 0 invalid: 1 error occurred:\n\t* token name too long\n\n", content_type="text/plain"),
        ),
    ),
    Refusal(
        "nomad_overloaded",
        "Nomad's connection limit is worth another try, and is tried again until the time is up.",
        75,
        ("too many concurrent connections", "http_max_conns_per_client"),
        arrange=fault(
            "nomad",
            "PUT",
            "/v1/acl/token$",
            Answer(
                429,
                "Your IP is issuing too many concurrent connections, please rate limit your calls\n",
                content_type="text/plain",
            ),
        ),
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "nomad_hangs_up",
        "A connection of Vault's that Nomad cuts off is told as that, with its usual cause.",
        75,
        ("Vault had no answer from Nomad", "EOF", "http_max_conns_per_client = 1000"),
        arrange=fault("nomad", "PUT", "/v1/acl/token$", CLOSE),
        inputs={"timeout": "20s"},
    ),
    Refusal(
        "no_leader",
        "A Nomad without a leader is a temporary trouble.",
        75,
        ("No cluster leader", "nomad server members"),
        arrange=switch("nomad", "leader", on=False),
        inputs={"timeout": "20s"},
    ),
    Refusal(
        "sealed",
        "A sealed Vault is named.",
        75,
        ("sealed", "vault operator unseal"),
        arrange=switch("vault", "sealed", on=True),
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "rate_limited",
        "A quota is waited out as long as the time allows, and then named.",
        75,
        ("limits the rate", "quota"),
        arrange=fault(
            "vault",
            "GET",
            "/v1/nomad/creds/",
            Answer(429, {"errors": ['request path "nomad/creds/deployer": rate limit quota exceeded']}),
        ),
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "last_use",
        "A login for a single use is refused before anything is read with it.",
        4,
        ("for one use", "token_num_uses"),
        arrange=jwt_role(token_num_uses=1),
    ),
    Refusal(
        "batch_token",
        "A batch token, which can't be revoked, is refused before anything is read with it.",
        4,
        ("batch token", "token_type=service"),
        arrange=jwt_role(token_type="batch"),
    ),
    Refusal(
        "standby",
        "A standby's redirect to another host is not followed, since it would take secrets along.",
        4,
        ("redirects to http://10.0.0.9:8200", "not followed", "vault-addr"),
        arrange=fault(
            "vault", "POST", "/login$", Answer(307, "", headers={"location": "http://10.0.0.9:8200/v1/auth/jwt/login"})
        ),
    ),
    Refusal(
        "proxy_page",
        "An answer that isn't Vault's is said to be none.",
        75,
        ("502", "proxy"),
        arrange=fault("vault", "POST", "/login$", Answer(502, "<html>bad gateway</html>", content_type="text/html")),
        inputs={"timeout": "20s"},
    ),
    Refusal(
        "namespace",
        "OpenBao names a namespace that it does not know.",
        5,
        ("no namespace `teams/x`", "vault-namespace"),
        arrange=fault("vault", "POST", "/login$", Answer(404, {"errors": ["namespace not found"]})),
        inputs={"vault-namespace": "teams/x"},
        dialect=Dialect.OPENBAO,
    ),
    Refusal(
        "verify_refused",
        "A token that Nomad does not accept in time is undone.",
        75,
        ("does not accept the token", "nomad-region", "another Nomad"),
        arrange=fault(
            "nomad", "GET", "/v1/acl/token/self", Answer(403, "Permission denied", content_type="text/plain")
        ),
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "clock_skew",
        "A clock that is off is named by what it makes of the id token, and measured.",
        75,
        ("not yet valid", "The clocks of Vault", "Vault's clock is 1 h behind this machine's."),
        arrange=skewed,
        inputs={"timeout": "3s"},
    ),
    Refusal(
        "other_region",
        "A local token is told to be another region's, with what would make it global.",
        4,
        ("is not known in the region `eu`", "global=true"),
        inputs={"nomad-region": "eu"},
        regions=("global", "eu"),
    ),
    Refusal(
        "nomad_unknown_method",
        "An auth method that Nomad does not have is named, with the line that lists them.",
        5,
        ('auth-method "nobody" not found', "nomad acl auth-method list"),
        arrange=trusted_by_nomad,
        inputs=WITHOUT_VAULT | {"nomad-auth-method": "nobody"},
    ),
    Refusal(
        "nomad_no_rule",
        "A login that no binding rule fits shows what the id token says.",
        4,
        ("no role or policy bindings matched", "not verified", "nomad acl binding-rule list"),
        arrange=without_rules,
        inputs=WITHOUT_VAULT | {"nomad-auth-method": "github"},
    ),
    Refusal(
        "nomad_acl_disabled",
        "Without Vault it is Nomad's own answer.",
        4,
        ("ACL support disabled", "acl { enabled = true }"),
        arrange=switch("nomad", "acl_enabled", on=False),
        inputs=WITHOUT_VAULT | {"nomad-auth-method": "github"},
    ),
    Refusal(
        "nomad_management_token_wrong",
        "A token that may not make tokens is told apart from one of Vault's.",
        4,
        ("Nomad refused to make a token: Permission denied", "`nomad-management-token` is not a management token"),
        inputs=WITHOUT_VAULT
        | {"policies": "deployer", "nomad-management-token": "11111111-2222-3333-4444-555555555555"},
    ),
]
