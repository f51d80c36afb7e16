"""Closed minutes reach bronze and silver, and give way to the source's own bars."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.calendar import interval_of
from pipelines.forecasts import forecast
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.data.due import missing_since
from pipelines.stream.journal import Journal
from pipelines.stream.landing import MinuteLander
from pipelines.stream.minutes import MINUTE, MinuteBar, MinuteBuilder
from pipelines.stream.sample import SamplePrices

OPEN = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
NOW = OPEN + timedelta(hours=2)
COUNT = 6
SECOND = timedelta(seconds=1)


def minute_bars(count: int = COUNT) -> list[MinuteBar]:
    """The first minutes of a session, as the stream builds them."""
    now = [OPEN]
    feed = SamplePrices(
        ("ES",),
        start=OPEN,
        clock=lambda: now[0],
        sleep=lambda s: now.append(now.pop() + s * SECOND),
    )
    builder, bars = MinuteBuilder(), list[MinuteBar]()
    for message in feed.connect():
        bars += builder.take(message)
        if len(bars) == count:
            return bars
    raise AssertionError


def build_feed(start: datetime = OPEN) -> SamplePrices:
    return SamplePrices(("ES",), 60, start, clock=lambda: NOW)


def land(path: Path, *groups: Sequence[MinuteBar]) -> tuple[MinuteLander, list[MinuteBar]]:
    """Land groups of minutes by one process; return it, and what it called new."""
    fresh: list[MinuteBar] = []
    lander = MinuteLander(build_feed(), Journal(path), fresh.extend, lambda: {"reconnects": 3})
    lander.start()
    for bars in groups:
        lander.add(bars)
    lander.stop()
    return lander, fresh


def bring_candles(lake: Lake, count: int = COUNT) -> str:
    """Ingest the sample's own bars; return what the run says."""
    end = OPEN + count * MINUTE
    report = ingest(lake, Sample(), ("ES",), interval_of("1m"), OPEN, end, as_of=NOW)
    report.enforce()
    return report.summary()


def bronze(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("SELECT batch, count(*) FROM bronze.bars GROUP BY ALL ORDER BY ALL")


def silver(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows(
        """SELECT ts, open, high, low, close, volume, bid, ask, built_from FROM silver.bars
           ORDER BY ts"""
    )


def test_minutes_are_marked_until_the_candles_settle_them(lake: Lake, tmp_path: Path) -> None:
    bars = minute_bars()
    wrong = replace(bars[2], close=bars[2].close + 0.25)
    lander, fresh = land(tmp_path / "j", bars[:2], [wrong], bars[4:])
    assert fresh == [*bars[:2], wrong, *bars[4:]]
    assert (lander.bars, lander.newest_bar, lander.waiting) == (5, OPEN + COUNT * MINUTE, 0)
    assert {row[-1] for row in silver(lake)} == {"stream"}
    ((missing,),) = lake.rows("SELECT missing_ts FROM silver.gaps")
    assert bars[3].ts in [ts.astimezone(UTC) for ts in missing]
    ((step, counts),) = lake.rows("SELECT step, counts FROM gold.runs")
    assert (step, '"accepted": 5' in counts, '"reconnects": 3' in counts) == ("stream", True, True)
    # The candle is the truth: it stands, the difference is counted, the missed minute is there.
    summary = bring_candles(lake)
    assert "5 bars built from the stream were settled, 1 of them had other prices" in summary
    candles = silver(lake)
    assert [row[0].astimezone(UTC) for row in candles] == [bar.ts for bar in bars]  # type: ignore[attr-defined]
    assert {row[-1] for row in candles} == {None}
    assert candles[2][4] == bars[2].close
    assert lake.rows(
        """SELECT passed, kind, rows_checked, offenders FROM gold.checks
           WHERE "check" = 'stream_agreement'"""
    ) == [(False, "warning", 5, 1)]
    assert lake.rows(
        "SELECT counts->>'settled', counts->>'differing' FROM gold.runs WHERE step = 'ingest'"
    ) == [("5", "1")]
    # Every version stays in bronze, and a repeated candle settles nothing again.
    assert lake.rows(
        "SELECT built_from, count(*) FROM bronze.bars GROUP BY ALL ORDER BY ALL NULLS LAST"
    ) == [("stream", 5), (None, COUNT)]
    assert "settled" not in bring_candles(lake)


def test_a_minute_that_comes_after_its_candle_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    bring_candles(lake)
    before = silver(lake)
    bars = [replace(bar, high=bar.high + 1) for bar in minute_bars()]
    _, fresh = land(tmp_path / "j", bars)
    assert fresh == []
    assert silver(lake) == before
    assert lake.rows("SELECT count(*) FROM bronze.bars WHERE built_from = 'stream'") == [(COUNT,)]


def test_the_same_minutes_again_repeat_nothing(lake: Lake, tmp_path: Path) -> None:
    bars = minute_bars()
    land(tmp_path / "j", bars)
    before = bronze(lake), silver(lake)
    # A killed process left them in its journal, as it did not come to forget them.
    Journal(tmp_path / "j").append(bars)
    _, fresh = land(tmp_path / "j")
    assert fresh == []
    assert (
        lake.rows("SELECT batch, count(*) FROM bronze.bars GROUP BY ALL"),
        silver(lake),
    ) == before
    assert Journal(tmp_path / "j").read() == []


def test_what_a_killed_process_had_closed_is_committed_by_the_next(
    lake: Lake, tmp_path: Path
) -> None:
    bars = minute_bars()
    Journal(tmp_path / "j").append(bars)
    _, fresh = land(tmp_path / "j")
    assert fresh == bars


def test_minutes_wait_while_the_lake_cannot_be_written(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "3")
    bars = minute_bars()
    lander = MinuteLander(build_feed(), Journal(tmp_path / "j"))
    lander.start()
    has_failed = threading.Event()
    commit = lander._commit
    monkeypatch.setattr(lander, "_commit", lambda *a: (has_failed.set(), commit(*a))[1])
    with lake.write("something long"):
        for bar in bars:
            lander.add([bar])
        assert has_failed.wait(20)
        # A kill here would lose none, though a commit has waited since the first of them.
        deadline = time.monotonic() + 20
        while Journal(tmp_path / "j").read() != bars and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Journal(tmp_path / "j").read() == bars
        assert lander.waiting == COUNT
    lander.stop()
    assert Journal(tmp_path / "j").read() == []
    assert [row[0].astimezone(UTC) for row in silver(lake)] == [bar.ts for bar in bars]  # type: ignore[attr-defined]


def test_a_clock_behind_the_provider_s_loses_no_minute(lake: Lake, tmp_path: Path) -> None:
    (bar,) = minute_bars(1)
    slow = SamplePrices(("ES",), 60, OPEN, clock=lambda: OPEN)
    lander = MinuteLander(slow, Journal(tmp_path / "j"))
    lander.start()
    lander.add([bar])
    lander.stop()
    assert (lander.bars, lander.delay_seconds) == (1, 0.0)


def test_candles_are_asked_for_from_the_last_own_bar_on(lake: Lake, tmp_path: Path) -> None:
    bring_candles(lake, 2)
    land(tmp_path / "j", minute_bars()[4:])
    declared = forecast("sp500_intraday")
    series = (lake, declared, "sample", ("ES",), NOW, timedelta(days=1), "ES")
    missing = missing_since(*series, only_new=True)
    assert missing.since == OPEN + 2 * MINUTE
