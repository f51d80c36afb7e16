"""Retries end, and say what was tried."""

from __future__ import annotations

import pytest

from pipelines.core.errors import SourceUnavailable
from pipelines.sources.transport.retries import Busy, Patience, retry


def test_an_answer_that_comes_at_last_is_returned() -> None:
    answers = iter([Busy("HTTP 503"), Busy("HTTP 429", 9.0), "answer"])
    slept: list[float] = []

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Busy):
            raise answer
        return str(answer)

    assert retry(ask, "wire", "AAPL", Patience(first=1.0), sleep=slept.append) == "answer"
    assert 0 <= slept[0] <= 1
    assert slept[1] == 9.0


def test_the_deadline_bounds_the_whole() -> None:
    clock = iter([0.0, 100.0, 290.0])

    def busy() -> None:
        raise Busy("HTTP 503", 20.0)

    with pytest.raises(SourceUnavailable, match="tried 2 times in 290 s") as caught:
        retry(
            busy, "wire", "AAPL", Patience(), "or call them",
            sleep=lambda _: None, clock=lambda: next(clock),
        )  # fmt: skip
    assert caught.value.message.startswith("wire gave no answer for AAPL")
    assert "asked to wait 20 s" in caught.value.hint
    assert caught.value.hint.endswith("; or call them")


def test_an_error_that_is_no_delay_is_raised_at_once() -> None:
    calls: list[int] = []

    def wrong() -> None:
        calls.append(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        retry(wrong, "wire", "AAPL", Patience())
    assert len(calls) == 1
