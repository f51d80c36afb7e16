"""A missing input is named with its symbol, since when, its features, and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipelines.lake import Lake
from pipelines.steps.data.missing_inputs import describe_missing_inputs
from tests.steps.data.companion_market import BESIDE, companion_lake
from tests.steps.forecast_market import HOURS, market_rows, write_bars

FIRST, LAST = datetime(2026, 8, 3, tzinfo=UTC), datetime(2026, 9, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with companion_lake(tmp_path_factory.mktemp("lake")) as lake:
        write_bars(lake, "alone", market_rows(("AAPL",)))
        write_bars(lake, "late", market_rows(("AAPL",)) + market_rows(("QQQ",), HOURS[70:]))
        august = [
            ts
            for ts in HOURS
            if not datetime(2026, 8, 12, tzinfo=UTC) < ts < datetime(2026, 8, 22, tzinfo=UTC)
        ]
        write_bars(lake, "hole", market_rows(("AAPL",)) + market_rows(("QQQ",), august))
        yield lake


def describe(lake: Lake, source: str, first: datetime = FIRST, last: datetime = LAST) -> list[str]:
    with lake.view() as view:
        return describe_missing_inputs(view, BESIDE, source, first, last)


def test_a_companion_that_never_came_is_missing_from_the_first_bar_on(lake: Lake) -> None:
    qqq, mood = sorted(describe(lake, "alone"), key=lambda text: "QQQ" not in text)
    assert "beside_hourly on alone: QQQ.log_close missing at all 210 bars" in qqq
    assert "first at the close of 2026-08-03 14:30 UTC" in qqq
    assert "qqq_relative_3, qqq_correlation_5: no value, and the rows are not scored" in qqq
    assert "spread, has_qqq_log_close: the stated neutral value" in qqq
    assert "moods(oil).mood missing" in mood
    assert "no value" not in mood


def test_a_companion_that_came_late_or_has_a_hole_is_missing_there(lake: Lake) -> None:
    assert any("QQQ.log_close missing at 70 of 210 bars" in text for text in describe(lake, "late"))
    hole = next(text for text in describe(lake, "hole") if "QQQ" in text)
    assert "first at the close of 2026-08-1" in hole
    assert "within 4 days before" in hole


def test_bars_that_its_features_look_back_at_count_and_later_ones_do_not(lake: Lake) -> None:
    at = HOURS[70 + BESIDE.look_back + 1]
    assert not [text for text in describe(lake, "late", at) if "QQQ" in text]
    assert [text for text in describe(lake, "late", HOURS[71]) if "QQQ" in text]
    assert describe(
        lake, "late", datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    )
    assert describe(lake, "nowhere") == []
