"""The policies that come with the program: examples to start from, each with the least rights that work."""

from importlib.resources import files
from typing import Final

ABOUT: Final = {
    "readonly": "looks at jobs and nodes",
    "deploy": "runs jobs from CI",
    "ns-admin": "manages jobs in its namespaces",
}
"""Their names, and what each is for: the policy's description in Nomad."""


def file_name(name: str) -> str:
    """Return the name of the file that holds the rules of the policy *name*."""
    return f"{name}.policy.hcl"


def rules(name: str) -> str:
    """Return the rules of the shipped policy *name*."""
    return files("nomad_token.setup").joinpath("policies", file_name(name)).read_text("utf-8")
