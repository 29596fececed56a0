"""Wrong inputs: exit code 2, the input's name as it was typed, and not a single request."""

import pytest

from nomad_token_lab import Lab
from nomad_token_lab.runner import Step


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"role": ""}, ["`role` is missing", "nomad/creds/ROLE"]),
        ({"role": "   "}, ["`role` is missing"]),
        ({"vault-addr": ""}, ["`vault-addr` is missing", "VAULT_ADDR"]),
        ({"role": "", "vault-addr": ""}, ["`role` is missing", "`vault-addr` is missing"]),
        ({"vault-adr": "x"}, ["`vault-adr` is not an input", "did you mean `vault-addr`?"]),
        ({"vault_addr": "x"}, ["`vault_addr` is not an input", "did you mean `vault-addr`?"]),
        ({"url": "x"}, ["`url` is vault-action's name", "`vault-addr`"]),
        ({"method": "jwt"}, ["`vault-auth-method`"]),
        ({"path": "jwt"}, ["`vault-auth-path`"]),
        ({"namespace": "x"}, ["`vault-namespace`"]),
        ({"jwtGithubAudience": "x"}, ["`audience`"]),
        ({"exportEnv": "true"}, ["`export-env`"]),
        ({"outputToken": "true"}, ["`export-output`"]),
        ({"secrets": "nomad/creds/deployer secret_id"}, ["`role`", "`vault-mount`"]),
        ({"role": "nomad/creds/deployer"}, ["`role`", "`vault-mount`"]),
        ({"role": "deploy er"}, ["`role`", "is not a role's name"]),
        ({"role": "deployer."}, ["`role`", "is not a role's name"]),
        ({"vault-addr": "vault.example.com"}, ["`vault-addr`", "write https://vault.example.com"]),
        ({"vault-addr": "ftp://vault.example.com"}, ["`vault-addr`", "is not an address"]),
        ({"vault-addr": "https://me:hunter2@vault.example.com"}, ["`vault-addr`", "a user or a password"]),
        ({"vault-addr": "https://vault.example.com:99999"}, ["`vault-addr`", "port"]),
        ({"vault-addr": "https://"}, ["`vault-addr`", "is not an address"]),
        ({"nomad-addr": "nomad:4646"}, ["`nomad-addr`", "write https://nomad:4646"]),
        ({"vault-mount": "../sys"}, ["`vault-mount`", "is not a mount path"]),
        ({"vault-auth-path": "a b"}, ["`vault-auth-path`", "is not a mount path"]),
        ({"vault-auth-method": "oidc"}, ["`vault-auth-method`", "is not one of jwt, token, approle"]),
        ({"vault-auth-method": "approle"}, ["`vault-auth-role` is read with", "`approle` here"]),
        ({"vault-auth-method": "approle", "vault-auth-role": ""}, ["`vault-role-id` is missing"]),
        ({"vault-token": "x"}, ["`vault-token` is read with `vault-auth-method: token` alone", "`jwt` here"]),
        ({"vault-headers": "no header"}, ["`vault-headers`: a line is not"]),
        ({"vault-headers": "X-Vault-Token: x"}, ["`vault-headers`: X-Vault-Token is set by this program"]),
        (
            {"vault-addr": "https://vault.example.com", "vault-ca-cert": "no-such-file.pem"},
            ["`vault-ca-cert`", "no-such-file.pem", "can't be read"],
        ),
        ({"env-name": "GITHUB_TOKEN"}, ["`env-name`", "would steer the runner"]),
        ({"env-name": "LD_PRELOAD"}, ["`env-name`", "would steer"]),
        ({"env-name": "2nd"}, ["`env-name`", "is not a variable's name"]),
        ({"export-env": "yes"}, ["`export-env`", "is not one of auto, true, false"]),
        ({"verify": "maybe"}, ["`verify`", "is not one of auto, required, off"]),
        ({"timeout": "soon"}, ["`timeout`", "is not a duration"]),
        ({"timeout": "0"}, ["`timeout`"]),
        ({"revoke": "maybe"}, ["`revoke`"]),
        ({"on-revoke-failure": "ignore"}, ["`on-revoke-failure`", "is not one of warn, fail"]),
    ],
    ids=lambda value: " ".join(f"{name}={value[name]}" for name in value) if isinstance(value, dict) else "",
)
def test_wrong_input(lab: Lab, step: Step, inputs: dict[str, str], says: list[str]) -> None:
    """A wrong input is named as it was typed, with what is right, before any request."""
    good = {"role": "deployer", "vault-addr": lab.vault.addr, "vault-auth-role": "deploy-app"}
    main = step.main(good | inputs)

    assert main.code == 2
    assert "hunter2" not in main.log
    assert [text for text in says if text not in main.log] == []
    assert lab.requests == []
    assert (main.variables, main.outputs, main.state) == ({}, {}, {})


def test_an_empty_input_is_an_unset_one(lab: Lab, step: Step) -> None:
    """The runner hands over every declared input; empty ones have their defaults."""
    road = {"role": "deployer", "vault-addr": lab.vault.addr, "vault-auth-role": "deploy-app"}
    empty = dict.fromkeys(["vault-mount", "vault-auth-path", "id-token", "timeout", "revoke", "verify", "env-name"], "")
    main = step.main(empty | road)
    step.post()

    assert main.code == 0
    assert main.variables["NOMAD_TOKEN"]
    assert not lab.nomad.live_tokens()
