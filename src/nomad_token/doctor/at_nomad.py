"""What Nomad tells: to anybody, and to an operator."""

from functools import cached_property

from msgspec.structs import replace

from nomad_token.clients.failures import Failure
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.doctor.finding import Unseen
from nomad_token.doctor.given import Given, Heard, tried
from nomad_token.doctor.shapes import names
from nomad_token.errors import Error
from nomad_token.operating import prove
from nomad_token.secret import SecretStr


class AtNomad(Given):
    """In a chain whose job reaches Nomad."""

    @property
    def place(self) -> NomadPlace:
        """Where Nomad is."""
        if self.order.nomad is None:
            raise AssertionError("a chain without Nomad asks it nothing")
        return self.order.nomad

    @cached_property
    def leader(self) -> Heard:
        """Nomad's, of the agent's own region."""
        nomad = self._nobody()
        return self.heard(lambda: nomad.leader(read_seconds=self.probe_seconds))

    def _nobody(self) -> NomadOperator:
        place = replace(self.place, region="")
        return NomadOperator(self.outside.connect(self.place), place, None)

    @cached_property
    def listed_policies(self) -> object:
        """What anybody is told of Nomad's policies: a list, which may be empty, where there are ACLs."""
        return tried(lambda: self._nobody().read("acl/policies", read_seconds=self.probe_seconds))

    @cached_property
    def regions(self) -> list[str] | Failure:
        """Nomad's."""
        found = tried(lambda: self._nobody().read("regions", read_seconds=self.probe_seconds))
        return found if isinstance(found, Failure) else names(found)

    @cached_property
    def auth_methods(self) -> object:
        """Nomad's, as anybody may list them; None where the version has none."""
        return tried(lambda: self._nobody().read("acl/auth-methods", read_seconds=self.probe_seconds))

    @cached_property
    def manager_refused(self) -> Error | None:
        """Why `nomad-management-token` is none; None where it is."""
        try:
            prove(self.with_token(self.order.issuer.lent()[1]), self.advice(self.place.address))
        except Error as error:
            return error
        return None

    def with_token(self, token: SecretStr | None) -> NomadOperator:
        """Return Nomad, asked with *token* or as nobody."""
        return NomadOperator(self.outside.connect(self.place), self.place, token)

    @cached_property
    def nomad_operator(self) -> NomadOperator | Unseen:
        """Nomad, asked with a token that it says is of management type."""
        if self.nomad_place is None:
            return Unseen("`nomad-addr` is not given.")
        lent = self.order.issuer.lent()[1] if self.order.vault is None else None
        if lent is not None:
            return Unseen(self.manager_refused.what) if self.manager_refused else self.with_token(lent)
        if self.operator is None:
            return Unseen("that takes a management token of Nomad's.", fix="Run nomad-token doctor at a desk.")
        try:
            return self.operator.nomad()
        except Error as error:
            return Unseen(error.what, fix=error.why)

    def at_nomad(self, path: str) -> object:
        """Return what an operator reads at *path*; None where nothing is there."""
        nomad = self.nomad_operator
        if isinstance(nomad, Unseen):
            return nomad
        self.asked_with["Nomad's operator"] = None
        return tried(lambda: nomad.read(path))
