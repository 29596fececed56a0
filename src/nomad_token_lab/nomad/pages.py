"""Lists in pages, filtered and turned round (`per_page`, `next_token`, `filter`, `reverse`; api-contract 2.1, 2.3)."""

import operator
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

from nomad_token_lab.nomad import selectors
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.profile import PAGES_BY_NUMBER, Release


def page(
    stubs: list[dict[str, Any]], query: Mapping[str, str], release: Release, *, indexed: bool
) -> tuple[list[dict[str, Any]], str]:
    """Return the token *stubs* of the page that *query* asks for, and the token of the next page ("" after the last).

    They are ordered by the index of their creation where they are *indexed*, else by their accessors. Where the page
    begins is found by words up to 1.10.0: there 243 is before 8 (hashicorp/nomad#25792).

    Raises:
        NomadError: 400, a filter that can't be read, or that asks for a field that there is none of.
    """

    def token_of(stub: Mapping[str, Any]) -> str:
        return f"{stub['CreateIndex']}.{stub['AccessorID']}" if indexed else str(stub["AccessorID"])

    def rank(token: str) -> tuple[int, str]:
        index, _, _ = token.partition(".")
        return (int(index) if indexed and index.isdecimal() and release >= PAGES_BY_NUMBER else 0, token)

    def order(stub: Mapping[str, Any]) -> tuple[int, str]:
        return (stub["CreateIndex"] if indexed else 0, stub["AccessorID"])

    backwards = query.get("reverse", "") in {"1", "t", "T", "TRUE", "true", "True"}
    ordered = sorted(_filtered(stubs, query.get("filter", "")), key=order, reverse=backwards)
    if start := query.get("next_token", ""):
        passed = operator.gt if backwards else operator.lt
        ordered = list(dropwhile(lambda stub: passed(rank(token_of(stub)), rank(start)), ordered))
    size = int(query.get("per_page", "")) if query.get("per_page", "").isdecimal() else 0
    if not size or len(ordered) <= size:
        return ordered, ""
    return ordered[:size], token_of(ordered[size])


def _filtered(stubs: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if not text:
        return stubs
    try:
        test = selectors.parse(text)
    except ValueError as error:
        unread = f"failed to read filter expression: {error}"
        raise NomadError(400, f"failed to create result paginator: {unread}") from error
    try:
        # To Go, a list that JSON shows as null is an empty one.
        return [
            stub for stub in stubs if test({**stub, **{name: stub.get(name) or [] for name in ("Policies", "Roles")}})
        ]
    except ValueError as error:
        raise NomadError(400, f"failed to read result page: {error}") from error
