"""A lab on loopback: the parts of Vault's, Nomad's and GitHub's APIs that nomad-token touches."""

from nomad_token_lab import logins
from nomad_token_lab.faults import CLOSE, Answer, Close, Delay, Fault, Silence
from nomad_token_lab.http import Record
from nomad_token_lab.lab import Lab
from nomad_token_lab.members import Member
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.serve import Tls
from nomad_token_lab.trust import Trust, trust
from nomad_token_lab.vault.state import Dialect

__all__ = [
    "CLOSE",
    "Answer",
    "Close",
    "Delay",
    "Dialect",
    "Fault",
    "Lab",
    "Member",
    "Profile",
    "Record",
    "Silence",
    "Tls",
    "Trust",
    "logins",
    "trust",
]
