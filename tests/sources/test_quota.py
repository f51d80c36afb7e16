"""Quotas hold over all processes, over a kill -9, and over a clock that is set back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, SourceUnavailable
from pipelines.core.state_folder import open_state
from pipelines.sources.quota import (
    FILE,
    SCHEMA,
    Limit,
    Quota,
    QuotaSpent,
    has_counts,
    read_limits,
    read_usages,
)
from tests.sources.news_requests import Clock

DAY = Limit(25, 86_400)


def quota(*limits: Limit, clock: Clock | None = None, source: str = "wire") -> Quota:
    clock = clock or Clock()
    return Quota(source, limits, clock.sleep, clock.seconds)


def test_limits_are_read_from_text() -> None:
    limits = read_limits("X", "60/minute, 30/second 25/day")
    assert limits == (Limit(60, 60), Limit(30, 1), DAY)
    assert [str(limit) for limit in limits] == ["60/minute", "30/second", "25/day"]
    assert read_limits("X", "") == ()
    for text in ("25", "25/week", "0/day", "-1/day", "a/day"):
        with pytest.raises(InvalidRequest, match="X has"):
            read_limits("X", text)


def test_the_calls_of_a_day_are_refused_beyond_the_limit_and_return_a_day_later() -> None:
    clock = Clock()
    for _ in range(25):
        quota(DAY, clock=clock).take()
    with pytest.raises(QuotaSpent, match=r"25/day(.|\n)*2026-11-21 22:00:00") as caught:
        quota(DAY, clock=clock).take()
    assert isinstance(caught.value, SourceUnavailable)
    assert "bullion status" in caught.value.hint
    quota(DAY, clock=clock, source="other").take()
    clock.sleep(86_400)
    quota(DAY, clock=clock).take()


def test_a_short_window_is_waited_for() -> None:
    clock = Clock()
    shared = quota(Limit(3, 60), Limit(2, 1), clock=clock)
    for _ in range(4):
        shared.take()
    assert clock.slept == pytest.approx([1, 59])


def test_a_window_slides() -> None:
    clock = Clock()
    shared = quota(Limit(2, 60), clock=clock)
    shared.take()
    clock.sleep(50)
    shared.take()
    clock.sleep(15)  # the first is over, the second is not
    shared.take()
    assert shared.usage()[0].used == 2


def test_what_is_used_and_left_is_told_without_making_a_file(tmp_path: Path) -> None:
    shared = quota(DAY, Limit(2, 1))
    assert [(u.used, u.left, u.resets_at) for u in shared.usage()] == [(0, 25, None), (0, 2, None)]
    assert not (tmp_path / "lake").exists()
    shared.take()
    day, second = shared.usage()
    assert (day.used, day.left, day.resets_at) == (1, 24, datetime(2026, 11, 21, 22, tzinfo=UTC))
    assert (second.used, second.left) == (1, 1)


def test_a_clock_that_was_set_back_does_not_give_more_calls() -> None:
    clock = Clock()
    for _ in range(25):
        quota(DAY, clock=clock).take()
    clock.sleep(-3600)
    with pytest.raises(QuotaSpent):
        quota(DAY, clock=clock).take()


def test_old_calls_are_forgotten() -> None:
    clock = Clock()
    shared = quota(Limit(5, 60), clock=clock)
    for _ in range(20):
        shared.take()
        clock.sleep(30)
    with open_state(FILE, SCHEMA) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM calls")
    assert count <= 2


def test_no_limits_are_no_limits(tmp_path: Path) -> None:
    quota().take()
    assert quota().usage() == []
    assert not (tmp_path / "lake").exists()


def test_threads_together_stay_inside() -> None:
    taken: list[int] = []

    def take_all() -> None:
        try:
            while True:
                quota(DAY).take()
                taken.append(1)
        except QuotaSpent:
            pass

    threads = [threading.Thread(target=take_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 25
    assert quota(DAY).usage()[0].left == 0


def test_the_limits_of_every_source_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_ALPHAVANTAGE_LIMITS", "25/day 1/second")
    assert not has_counts()
    before = {(usage.source, str(usage.limit)): usage.used for usage in read_usages()}
    assert before["alphavantage", "25/day"] == before["alphavantage", "1/second"] == 0
    assert not has_counts()
    Quota("alphavantage", [DAY]).take()
    assert has_counts()
    after = {(usage.source, str(usage.limit)): usage.used for usage in read_usages()}
    assert after["alphavantage", "25/day"] == 1
