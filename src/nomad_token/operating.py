"""What an operator's commands work with: the servers that the inputs name, and the operator's own tokens.

The tokens are found where Vault's and Nomad's own tools find them; they are no inputs of a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import READ_SECONDS, Own, Place
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.connecting import ConnectionInputs, NomadConnection, VaultConnection
from nomad_token.errors import Error, InputError, Refused
from nomad_token.inputs import InputGroup
from nomad_token.order import connected
from nomad_token.outside import Outside
from nomad_token.places import NomadInputs, VaultInputs
from nomad_token.platforms.base import Platform
from nomad_token.said import FromNomad
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.unreachable import no_answer

_FILE_OF_VAULT: Final = ".vault-token"
"""Where `vault login` and `bao login` keep a token, below the home folder (their token helper's documentation)."""
_MANAGEMENT: Final = "management"
_Place = TypeVar("_Place", bound=Place)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who operates: the platform that is asked for inputs, and what of the environment holds the tokens."""

    platform: Platform
    outside: Outside
    environ: Mapping[str, str] = field(repr=False)
    prefix: str = ""
    """What variables begin with that are read before those that don't."""
    nomad_token_file: str = ""

    @property
    def has_vault(self) -> bool:
        """Whether a Vault is named."""
        return self._is_given(VaultInputs, "vault-addr")

    @property
    def has_nomad(self) -> bool:
        """Whether a Nomad is named."""
        return self._is_given(NomadInputs, "nomad-addr")

    def _is_given(self, kind: type[InputGroup], name: str) -> bool:
        return self.platform.lookup(next(one for one in kind.declared() if one.name == name)) is not None

    def vault(self) -> VaultOperator:
        """Return the Vault that `vault-addr` names, with the operator's token. Raises `InputError`."""
        place = VaultInputs.read(self.platform.lookup).vault()
        reached = self._reached(place, VaultConnection)
        return VaultOperator(self.outside.connect(reached), reached, self.vault_token())

    def mount(self) -> str:
        """Return where the Nomad secrets engine is mounted. Raises `InputError`."""
        return VaultInputs.read(self.platform.lookup).vault_mount

    def nomad(self) -> NomadOperator:
        """Return the Nomad that `nomad-addr` names, with a token that it says is of management type.

        Raises `InputError`, `Refused`, `Temporary`.
        """
        nomad = self.nomad_with(self.nomad_token())
        prove(nomad, self.platform.unreachable(nomad.address))
        return nomad

    def nomad_with(self, token: SecretStr | None) -> NomadOperator:
        """Return the Nomad that `nomad-addr` names, asked with *token* or as nobody. Raises `InputError`."""
        inputs = NomadInputs.read(self.platform.lookup)
        if not inputs.nomad_addr:
            raise InputError(
                "`nomad-addr` is missing: give it, or set NOMAD_ADDR.", why="It says which Nomad is meant."
            )
        place = NomadPlace(address=inputs.nomad_addr, region=inputs.nomad_region)
        reached = self._reached(place, NomadConnection)
        return NomadOperator(self.outside.connect(reached), reached, token)

    def vault_token(self) -> SecretStr:
        """Find the token of Vault's operator: VAULT_TOKEN, else what `vault login` kept. Raises `InputError`."""
        if found := self._variable("VAULT_TOKEN"):
            return self._masked(found)
        if kept := _text_of(Path(self._variable("HOME") or "~").expanduser() / _FILE_OF_VAULT):
            return self._masked(kept)
        raise InputError(
            "There is no token of Vault's operator.",
            why=f"It is read from VAULT_TOKEN, else from ~/{_FILE_OF_VAULT}, where `vault login` keeps it.",
            fix="vault login",
        )

    def nomad_token(self) -> SecretStr:
        """Find the token of Nomad's operator. Raises `InputError`.

        It is --nomad-token-file, else NOMAD_MANAGEMENT_TOKEN, else NOMAD_TOKEN.
        """
        if self.nomad_token_file:
            kept = _text_of(Path(self.nomad_token_file))
            if kept is None:
                raise InputError(f"--nomad-token-file: {shown(self.nomad_token_file)} can't be read, or is empty.")
            return self._masked(kept)
        for name in ("NOMAD_MANAGEMENT_TOKEN", "NOMAD_TOKEN"):
            if found := self._variable(name):
                return self._masked(found)
        raise InputError(
            "There is no token of Nomad's operator.",
            why="It is read from --nomad-token-file, else from NOMAD_MANAGEMENT_TOKEN, else from NOMAD_TOKEN.",
            fix="A new cluster has none yet: nomad-token bootstrap makes the first.",
        )

    def _reached(self, place: _Place, kind: type[ConnectionInputs]) -> _Place:
        """Return *place* with its TLS, and bring along what is to be brought there. Raises `InputError`."""
        own: dict[Place, Own] = {}
        reached = connected(place, kind, self.platform, own) or place
        for each, brought in own.items():
            self.outside.connect.bring(each, brought)
        return reached

    def _variable(self, name: str) -> str:
        return self.environ.get(self.prefix + name, "").strip() or self.environ.get(name, "").strip()

    def _masked(self, text: str) -> SecretStr:
        secret = SecretStr(text)
        self.platform.mask(secret)
        return secret


def prove(nomad: NomadOperator, advice: str) -> None:
    """Use a token for nothing until Nomad says that it is of management type: it may be a job's.

    *advice* is the platform's on Nomad's address. Raises `Refused`, `Temporary`.
    """
    token = nomad.token or SecretStr("")
    try:
        known = nomad.token_self(token, read_seconds=READ_SECONDS)
    except Failure as failure:
        raise not_managing(failure, advice) from None
    if known.accessor_id == FromNomad.ACLS_DISABLED:
        raise acls_are_off(nomad.address)
    if known.type != _MANAGEMENT:
        raise Refused(
            f"The token {known.accessor_id} is of type {known.type}, and was used for nothing.",
            why="Tokens, policies and roles of Nomad are an operator's to write, with a management token.",
            fix="Give one in NOMAD_MANAGEMENT_TOKEN, which is read before NOMAD_TOKEN.",
        )


def acls_are_off(address: str) -> Error:
    """Say that a Nomad has no ACLs."""
    return Refused(
        f"Nomad at {address} says: {FromNomad.NO_ACLS}",
        why="Without ACLs there are no tokens, and everybody may do everything.",
        fix="Set `acl { enabled = true }` in the configuration of each server and each client, restart them, and then: "
        "nomad-token bootstrap",
    )


def not_managing(failure: Failure, advice: str) -> Error:
    """Explain why Nomad did not say what a token is."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    if FromNomad.NO_ACLS in failure.said:
        return acls_are_off(failure.address)
    return Refused(
        f"Nomad at {failure.address} does not know the operator's token: {shown(failure.said)}",
        why="It has ended, or it is another cluster's, or a local one of another region than `nomad-region`.",
        fix="Compare with: nomad acl token self",
    )


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() or None
    except (OSError, ValueError):
        return None
