"""Publishing: live rows stay, late constituents join them, and two writers publish once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.scoring.score import score
from tests import models
from tests.steps.scored_market import (
    END,
    HISTORY,
    HOURLY,
    HOURS,
    SYMBOLS,
    all_rows,
    build_market,
    create_source,
    rows_of,
    write_bars,
)
from tests.steps.scoring.test_score import (
    CLOSED,
    LAST,
    SOON,
    forget,
    lake,
    promote_model,
    registry,
    score_source,
)

__all__ = ["lake", "registry"]  # fixtures


def test_what_is_live_stays_and_late_constituents_join_it(lake: Lake, registry: Registry) -> None:
    late = [row for row in build_market() if (row["symbol"], row["ts"]) == (SYMBOLS[0], LAST)]
    source = create_source(lake, [row for row in build_market() if row not in late])
    model = promote_model(lake, registry, source)
    first = score_source(lake, registry, source, now=SOON)
    assert (first.written, first.live) == (6, 6)
    assert first.not_scored["no_bar"][SYMBOLS[0]] == 1
    published = all_rows(lake, source)
    assert score_source(lake, registry, source, now=SOON).written == 0, "a retry changes nothing"
    assert all_rows(lake, source) == published

    write_bars(lake, source, late)
    # Another model by then: the constituents published keep what was said of them.
    other_model = replace(model, version=9, challengers={})
    models.decide(lake, HOURLY, source, other_model, CLOSED - timedelta(hours=1))
    again = score_source(lake, registry, source, now=SOON + timedelta(minutes=1))
    assert (again.written, again.published, again.signals) == (1, 3, 0)
    predictions, signals, parts = all_rows(lake, source)
    assert [row for row in predictions if row["model_version"] == 1] == published[0]
    assert (signals, parts) == (published[1], published[2])

    models.decide(lake, HOURLY, source, model, CLOSED - timedelta(minutes=1))
    before = all_rows(lake, source, live=True)
    report = score_source(lake, registry, source, end=CLOSED, now=END + timedelta(days=3))
    assert (report.written, report.live, report.signals) == (8, 0, 2)
    assert all_rows(lake, source, live=True) == before
    assert [signal.live for signal in report.newest] == [True, True], (
        "the published signals are reported"
    )


def test_a_clock_set_back_makes_nothing_live(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    report = score_source(lake, registry, source, now=HOURS[-3] + timedelta(minutes=1))
    assert (report.bars, report.scored, report.live) == (1, 4, 0)


def test_two_at_once_publish_one_result(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    start, barrier = HISTORY, Barrier(2)

    def score_in_thread(_: int) -> None:
        with open_lake(lake.config) as own_lake:
            barrier.wait()
            score(own_lake, registry, HOURLY, source, start=start, end=END, now=SOON)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(score_in_thread, range(2)))
    twice = all_rows(lake, source)
    forget(lake, source)
    score_source(lake, registry, source, start=start, end=END, now=SOON)
    assert all_rows(lake, source) == twice
    assert len(rows_of(lake, source, live=True)) == 8
