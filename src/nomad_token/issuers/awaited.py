"""Sending what makes something: an answer that is under way is awaited, even when the job is cancelled."""

from collections.abc import Callable
from typing import TypeVar

from nomad_token.issuers.base import Means
from nomad_token.retry import of_making, patiently
from nomad_token.signals import ANSWER_WITHIN

_Result = TypeVar("_Result")


def awaited(make: Callable[[], _Result], means: Means, *, tries: int | None = None) -> _Result:
    """Return what *make* returns, which sends a request and takes what it makes into custody in one go."""

    def whole() -> _Result:
        with means.signals.held(ANSWER_WITHIN):
            return make()

    return patiently(whole, of_making, clock=means.clock, deadline=means.deadline, tries=tries)
