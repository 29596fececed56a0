"""What the judgements are about: each fact is asked for once, when a link wants it, with the token that may see it.

A fact that can't be had is an `Unseen`, or the `Failure` that asking for it met.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import origin
from nomad_token.clients.nomad import Nomad
from nomad_token.clock import Deadline
from nomad_token.credential import Credential
from nomad_token.doctor.at_nomad import AtNomad
from nomad_token.doctor.at_vault import AtVault
from nomad_token.doctor.finding import Unseen
from nomad_token.doctor.given import PROBE_SECONDS, tried
from nomad_token.doctor.shapes import mapping, mappings, names
from nomad_token.errors import Error
from nomad_token.issuers.base import Unclear
from nomad_token.issuers.nomad_login import NomadLogin
from nomad_token.issuers.nomad_management import NomadManagement, names_of
from nomad_token.secret import SecretStr
from nomad_token.vault_auth.jwt import IdToken
from nomad_token.verify import Unverified, wait_until_accepted


class Facts(AtVault, AtNomad):
    """Of one chain: what both servers tell, and what a probe shows."""

    @property
    def audience(self) -> str:
        """What the id token would be asked for."""
        inputs = self.order.issuer if isinstance(self.order.issuer, IdToken) else self.issuer.auth
        server = self.order.vault or self.place
        return (inputs.audience if isinstance(inputs, IdToken) else "") or origin(server.address)

    @property
    def id_token(self) -> SecretStr | None:
        """The one that is given as an input."""
        inputs = self.order.issuer if isinstance(self.order.issuer, IdToken) else self.issuer.auth
        return inputs.id_token if isinstance(inputs, IdToken) else None

    @property
    def why_not_minted(self) -> str:
        """Why no probe is minted, empty where one is."""
        if not self.mints:
            return "It was not tried: --mint makes a token, and revokes it."
        issuer = self.order.issuer
        if isinstance(issuer, NomadLogin) and issuer.lent()[1] is None:
            return "A login's token can't be revoked without `nomad-management-token`, so none was made."
        return ""

    @cached_property
    def minted(self) -> tuple[Credential, ...] | Error:
        """The probe, which is in custody and undone at the end; or why there is none."""
        means, name = self.minting.means(), self.order.job.env_name
        try:
            if self.order.vault is not None:
                if isinstance(self.access, Error):
                    return self.access
                return self.issuer.read_with(self.access, name, means)
            return self.order.issuer.issue(name, means)
        except Unclear as unclear:
            return unclear.error
        except Error as error:
            return error

    @property
    def probes(self) -> tuple[Credential, ...]:
        """What was minted; nothing where no probe was wanted, or none could be made."""
        if self.why_not_minted or isinstance(self.minted, Error):
            return ()
        return self.minted

    @cached_property
    def accepted(self) -> Error | None:
        """Why Nomad does not accept a probe; None where it accepts each."""
        nomad = Nomad(self.outside.connect(self.place), self.place)
        for each in self.probes:
            deadline = Deadline(self.outside.clock, PROBE_SECONDS)
            try:
                wait_until_accepted(
                    nomad,
                    each,
                    clock=self.outside.clock,
                    deadline=deadline,
                    advice=self.advice(self.place.address),
                )
            except Unverified as unverified:
                return unverified.error
            except Error as error:
                return error
        return None

    @cached_property
    def granted_policies(self) -> list[str] | Unseen | Failure:
        """The policies that the token gets: a probe's own, or what its makers say."""
        if self.probes:
            return self._of_probes(lambda nomad, secret: nomad.token_self(secret, read_seconds=PROBE_SECONDS).policies)
        if isinstance(self.order.issuer, NomadManagement):
            roles = self.acl_roles
            if isinstance(roles, Unseen | Failure):
                return roles
            of_roles = [
                str(one.get("Name")) for role in roles.values() for one in mappings(mapping(role).get("Policies"))
            ]
            return list(dict.fromkeys([*names_of(self.order.issuer.policies), *of_roles]))
        if self.order.vault is None:
            return Unseen("which ones a login gives is told by its binding rules.")
        if isinstance(self.roles, Unseen | Failure):
            return self.roles
        return list(
            dict.fromkeys(name for role in self.roles.values() for name in names(mapping(role).get("policies")))
        )

    @cached_property
    def acl_roles(self) -> Mapping[str, dict[str, Any] | None] | Unseen | Failure:
        """The roles of Nomad's that `nomad-roles` names; None for one that is not there."""
        found: dict[str, dict[str, Any] | None] = {}
        issuer = self.order.issuer
        for name in names_of(issuer.nomad_roles) if isinstance(issuer, NomadManagement) else ():
            role = self.at_nomad(f"acl/role/name/{name}")
            if isinstance(role, Unseen | Failure):
                return role
            found[name] = role if isinstance(role, dict) else None
        return found

    @cached_property
    def known_policies(self) -> list[str] | Unseen | Failure:
        """Those that Nomad has, or that a probe has of them."""
        if self.probes:
            return self._of_probes(lambda nomad, secret: nomad.policies(secret, read_seconds=PROBE_SECONDS))
        listed = self.at_nomad("acl/policies")
        if isinstance(listed, Unseen | Failure):
            return listed
        return [str(one.get("Name")) for one in mappings(listed)]

    def _of_probes(self, ask: Callable[[Nomad, SecretStr], Iterable[str]]) -> list[str] | Failure:
        """Ask Nomad something of each probe, and return all names that it tells, each once."""
        nomad, names = self.with_token(None), dict[str, None]()
        try:
            for each in self.probes:
                names |= dict.fromkeys(ask(nomad, each.secret))
        except Failure as failure:
            return failure
        return list(names)

    @property
    def makes_managers(self) -> bool:
        """Whether what is minted is a management token."""
        if isinstance(self.order.issuer, NomadManagement):
            return self.order.issuer.type == "management"
        if self.order.vault is None or isinstance(self.roles, Unseen | Failure):
            return False
        return any(role and role.get("type") == "management" for role in self.roles.values())

    @cached_property
    def rules(self) -> Mapping[str, Mapping[str, Any]] | Unseen | Failure | None:
        """What each policy of the token says, as Nomad reads it; None for a management token."""
        if self.makes_managers:
            return None
        # A probe holds those of its roles too, which are not among its own names.
        names = self.known_policies if self.probes else self.granted_policies
        if isinstance(names, Unseen | Failure):
            return names
        asker = self.with_token(self.probes[0].secret) if self.probes else self.nomad_operator
        if isinstance(asker, Unseen):
            return asker
        found: dict[str, Mapping[str, Any]] = {}
        for name in names:
            policy = tried(partial(asker.read, f"acl/policy/{name}"))
            if isinstance(policy, Refusal):
                continue  # one that is not there
            if isinstance(policy, Failure):
                return policy
            if policy is not None:
                read = policy.get("RulesJSON") if isinstance(policy, dict) else None
                found[name] = read if isinstance(read, dict) else {}
        return found

    @cached_property
    def namespaces(self) -> list[str] | Unseen | Failure:
        """Nomad's, as far as whoever asks sees them."""
        asker = self.with_token(self.probes[0].secret) if self.probes else self.nomad_operator
        if isinstance(asker, Unseen):
            return asker
        listed = tried(lambda: asker.read("namespaces"))
        if isinstance(listed, Failure):
            return listed
        if not isinstance(listed, list):
            return Unseen("this Nomad lists none.")
        return [str(one.get("Name")) for one in mappings(listed)]
