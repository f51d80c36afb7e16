"""Rejected rows are in quarantine once each, and leave it when they are acquitted."""

from __future__ import annotations

from pipelines.lake import Lake
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)


def test_unreadable_rows_are_counted_and_kept(lake: Lake) -> None:
    name = next(fresh_name)
    reject = {"symbol": "A", "ts": None, "row": 7, "reason": "unparsable", "detail": "no number"}
    source = Scripted(
        bars_table(clean("A")), name=name, rejects=[reject | {"original": '{"x": 1}'}]
    )
    for _ in range(2):
        report = ingest(lake, source)
        assert_nothing_vanished(report)
        assert report.counts["quarantined"] == 1
    assert [(r[2], r[3]) for r in quarantine(lake, name)] == [("unparsable", '{"x": 1}')]


def test_a_leap_is_acquitted_when_the_bars_before_it_are_corrected(lake: Lake) -> None:
    name = next(fresh_name)
    rows = [bar_row("A", ts, 100.0 if i < 40 else 14.0) for i, ts in enumerate(HOURS[:45])]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert dict(report.landed.reasons) == {"missed_split": 5}
    assert len(quarantine(lake, name)) == 5
    corrections = [bar_row("A", ts, 14.0) for ts in HOURS[:40]]
    assert_nothing_vanished(ingest(lake, Scripted(bars_table(corrections), name=name)))
    assert quarantine(lake, name) == []
    assert [row[7] for row in silver(lake, name)] == [14.0] * 45
