"""Retries of requests to a provider: random, growing waits, and an end to them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipelines.core.errors import SourceError, SourceUnavailable

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")


class Busy(Exception):
    """The provider did not answer this time; another try may succeed."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait  # seconds that the provider told us to wait


class NotAnAnswer(SourceError):
    """The body is no answer at all: cut off, or a web page. The next try may succeed."""


@dataclass(frozen=True)
class Patience:
    """Limits of the retries: how often and how long, in seconds."""

    tries: int = 5
    first: float = 1.0  # the longest first wait; it doubles with each try
    longest: float = 60.0
    deadline: float = 300.0
    timeout: float = 20.0  # of one HTTP request


def retry(
    ask: Callable[[], T],
    provider: str,
    subject: str,
    patience: Patience,
    advice: str = "",
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Retry until there is an answer; the waits grow and are random, as others wait, too.

    `advice` is what else to do about a provider that gives none.
    """
    # The API imports the sources, and asks nobody.
    from tenacity import Retrying, retry_if_exception_type

    began = clock()
    spent = 0.0

    def wait(state: RetryCallState) -> float:
        spread = min(patience.longest, patience.first * 2 ** (state.attempt_number - 1))
        return max(random.uniform(0, spread), _busy(state).wait)  # noqa: S311 - not a secret

    def is_over(state: RetryCallState) -> bool:
        nonlocal spent
        spent = clock() - began
        too_late = spent + state.upcoming_sleep > patience.deadline
        return state.attempt_number >= patience.tries or too_late

    def give_up(state: RetryCallState) -> T:
        busy, tries = _busy(state), state.attempt_number
        times = f"{tries} times" if tries > 1 else "once"
        wait_note = f"it asked to wait {busy.wait:.0f} s; " if busy.wait else ""
        raise SourceUnavailable(
            f"{provider} gave no answer for {subject}: tried {times} in {spent:.0f} s, "
            f"at last: {busy.reason}",
            f"{wait_note}run this again later, what was stored is not asked for again"
            f"{advice and f'; {advice}'}",
        ) from busy

    retrying = Retrying(
        retry=retry_if_exception_type(Busy),
        wait=wait,
        stop=is_over,
        sleep=sleep,
        retry_error_callback=give_up,
    )
    return retrying(ask)


def _busy(state: RetryCallState) -> Busy:
    busy = state.outcome.exception() if state.outcome else None
    assert isinstance(busy, Busy)
    return busy
