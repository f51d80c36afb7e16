"""Bringing bars: faults of a source stop a run, and leave the lake as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import jobs
from pipelines.core.errors import (
    BullionError,
    CheckFailed,
    LakeError,
    NothingToDo,
    SourceError,
    SourceUnavailable,
)
from pipelines.core.intervals import utc
from pipelines.core.settings import Settings
from pipelines.forecasts import SPY_NEXT_DAY
from pipelines.forecasts.target import Schedule
from pipelines.steps import refresh_features
from pipelines.steps.lake import open_lake
from tests.dated_universe import write_universe
from tests.jobs.run_requests import (
    BARS,
    NAME,
    NEWEST,
    SYMBOLS,
    bring_and_score,
    request,
    use_faulty_source,
)
from tests.recent import HOURLY, rows_of, run_notes


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [("down", SourceError, "does not answer"), ("silent", CheckFailed, "no rows at all")],
)
def test_a_source_without_an_answer_ends_the_run_and_the_lake_stays(
    trained: Settings,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: type[Exception],
    words: str,
) -> None:
    bring_and_score(request("yesterday", BARS[-8]))
    use_faulty_source(monkeypatch, fault=fault)
    with open_lake() as lake:
        before = lake.sql("FROM silver.bars ORDER BY ALL")
        with pytest.raises(error, match=words):
            jobs.bring_bars(NAME, request("today"))
        assert lake.sql("FROM silver.bars ORDER BY ALL").equals(before)
    [(step, status, message)] = run_notes(trained, "today")
    assert (step, status) == ("ingest", "failed")
    assert words in message


def test_a_bar_that_the_source_does_not_have_yet_fails_the_run(
    trained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_faulty_source(monkeypatch, until=NEWEST[0])
    with pytest.raises(SourceUnavailable, match="has no bar yet that closed after"):
        jobs.bring_bars(NAME, request("early"))
    assert "no bar yet" in run_notes(trained, "early")[-1][2]


def test_symbols_that_came_later_get_their_history_too(trained: Settings) -> None:
    jobs.bring_bars(NAME, request("few", BARS[-2], symbols=SYMBOLS[:2]))
    counts = jobs.bring_bars(NAME, request("more"))
    assert counts["accepted"] == 2, "of those that were there the newest bar alone"
    with open_lake(read_only=True) as lake:
        bars_of = lake.rows("SELECT symbol, count(*) FROM silver.bars GROUP BY 1 ORDER BY 1")
    assert [symbol for symbol, *_ in bars_of] == sorted((*SYMBOLS, *HOURLY.funds))
    assert all(count > HOURLY.look_back for *_, count in bars_of)


def test_of_many_runs_a_day_each_brings_what_is_new_and_the_one_after_the_session_looks_back(
    trained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.bring_bars(NAME, request("before", BARS[-3]))
    every_hour = Schedule(every=timedelta(hours=1))
    monkeypatch.setattr(
        "pipelines.jobs.bars.forecast", lambda _: replace(HOURLY, schedule=every_hour)
    )
    counts = jobs.bring_bars(NAME, request("many"))
    assert counts["received"] == counts["accepted"] == 2 * len(SYMBOLS)
    counts = jobs.bring_bars(NAME, request("once"), history=True)
    assert counts["received"] > counts["unchanged"] > 6 * len(SYMBOLS)


def test_a_symbol_that_the_source_lacks_stops_nothing(
    trained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = HOURLY.symbols[:12]  # too many missing ones would stop it
    use_faulty_source(monkeypatch, lacks=symbols[0])
    bring_and_score(request("first", BARS[-2], symbols=symbols))
    bring_and_score(request("next", symbols=symbols))
    assert {row["symbol"] for row in rows_of(trained, "predictions")} == set(symbols[1:])


def test_a_fund_that_the_source_lacks_is_reported_once_and_stops_nothing(
    trained: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    use_faulty_source(monkeypatch, lacks=HOURLY.funds[0])
    bring_and_score(request("first", BARS[-2]))
    assert caplog.text.count("no bars of the fund QQQ came from sample") == 1
    assert len(rows_of(trained, "predictions")) == len(SYMBOLS)


def test_the_error_of_a_locked_lake_names_its_writer(
    trained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "0.2")
    with (
        open_lake() as lake,
        lake.write("a long one"),
        pytest.raises(LakeError, match="held by a long one"),
    ):
        jobs.bring_bars(NAME, request("run"))


def test_a_run_asks_only_for_those_who_were_members_in_its_span(
    trained: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{SYMBOLS[0]},,,", f"{SYMBOLS[1]},,,2020-01-02", "NOWHERE,,,"]
    for name in ("nasdaq100", "qqq"):  # the second is a part of the first
        write_universe(tmp_path / "mine", monkeypatch, name, *lines)
    symbols = (SYMBOLS[0], SYMBOLS[1], "NOWHERE")
    jobs.bring_bars(NAME, request("dated", symbols=symbols))
    with open_lake(read_only=True) as lake:
        assert lake.rows("SELECT DISTINCT symbol FROM silver.bars") == [(SYMBOLS[0],)]
    [(_, _, message)] = run_notes(trained, "dated")
    assert "1 of 2 members had bars; without bars: NOWHERE" in message
    with pytest.raises(NothingToDo, match=f"{SYMBOLS[1]}: no member of nasdaq100 from"):
        jobs.bring_bars(NAME, request("left", symbols=symbols[1:2]))


def test_a_misspelt_symbol_is_named_with_what_it_might_mean(trained: Settings) -> None:
    with pytest.raises(BullionError, match="NVDIA") as refused:
        jobs.bring_bars(NAME, request("misspelt", symbols=("NVDIA",)))
    assert "did you mean NVDA" in str(refused.value)


SPY_RUN = {"symbols": SPY_NEXT_DAY.symbols, "fill": False}
LAST_DAY = (utc("2026-09-14"), utc("2026-09-15"))


def test_companions_come_with_as_many_bars_as_features_look_back_at(
    lake_settings: Settings,
) -> None:
    jobs.bring_bars(SPY_NEXT_DAY.name, request("day", LAST_DAY, **SPY_RUN))
    with open_lake(read_only=True) as lake:
        counts = dict(lake.rows("SELECT symbol, count(*) FROM silver.bars GROUP BY 1"))
        spans = lake.rows("SELECT DISTINCT min(ts), max(ts) FROM silver.bars GROUP BY symbol")
    assert set(counts) == {"SPY", *SPY_NEXT_DAY.companions}
    assert min(counts.values()) > SPY_NEXT_DAY.look_back
    assert len(spans) == 1, "all over the same span"


def test_a_companion_that_the_source_lacks_is_reported_with_the_features_that_read_it(
    lake_settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    use_faulty_source(monkeypatch, lacks="TLT")
    jobs.bring_bars(SPY_NEXT_DAY.name, request("day", LAST_DAY, **SPY_RUN))
    assert "no bars of the companion TLT came from sample" in caplog.text
    assert "features of spy_next_day that read it have no value: tlt_relative_1," in caplog.text
    assert "TLT.log_close missing at all" in caplog.text
    assert "the rows are not scored" in caplog.text
    assert "GLD" not in caplog.text.split("missing at")[-1]
    with open_lake() as lake:
        refresh_features(lake, SPY_NEXT_DAY, "sample")
        missing = lake.rows(
            "SELECT count(*) FILTER (WHERE tlt_return_1 IS NULL AND vix_level IS NOT NULL) - "
            "count(*) FROM gold.features_spy_next_day"
        )
    assert missing == [(0,)]
