"""Bronze has every version that a source sent, and the splits that adjust them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from tests.scripted import Scripted, bar_row, bars_table, hours
from tests.steps.data.ingest_helpers import (
    END,
    HOURS,
    START,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    silver,
)


def test_raw_answers_are_kept_whole(lake: Lake) -> None:
    name = next(fresh_name)
    source = Scripted(bars_table(clean()), name=name)
    ingest(lake, source)
    parts = lake.rows(
        "SELECT body, bytes, sha256 FROM bronze.answers WHERE source = ? ORDER BY part", [name]
    )
    codec = pa.Codec("zstd")
    body = b"".join(codec.decompress(part, parts[0][1], asbytes=True) for part, _, _ in parts)
    assert pa.ipc.open_stream(body).read_all().equals(bars_table(clean()))


def test_a_split_readjusts_history_and_keeps_the_prices_as_they_came(lake: Lake) -> None:
    name = next(fresh_name)
    before, after = hours(START, "2026-09-16"), hours("2026-09-16", END)
    old = bars_table([bar_row("A", ts, 400.0) for ts in before])
    first = Scripted(old, name=name, received_at=datetime(2026, 9, 15, 22, tzinfo=UTC))
    ingest(lake, first, end="2026-09-16")
    snapshot = lake.snapshot
    split = {"symbol": "A", "date": date(2026, 9, 16), "kind": "split", "value": 4.0}
    later = Scripted(
        bars_table([bar_row("A", ts, 100.0) for ts in after]), actions=[split], name=name
    )
    report = ingest(lake, later, start="2026-09-16")
    assert_nothing_vanished(report)
    assert report.counts["revised"] == len(before)
    rows = silver(lake, name)
    assert {row[7] for row in rows} == {100.0}
    assert [row[8] for row in rows] == [4000.0] * len(before) + [1000.0] * len(after)
    with lake.view(snapshot) as view:
        assert view.one("SELECT max(close) FROM silver.bars WHERE source = ?", [name]) == 400.0
    assert ingest(lake, later, start="2026-09-16").counts["revised"] == 0


def test_prices_never_adjusted_are_adjusted_for_every_split(lake: Lake) -> None:
    name = next(fresh_name)
    rows = [bar_row("A", ts, 400.0 if ts < utc("2026-09-16") else 100.0) for ts in HOURS]
    split = {"symbol": "A", "date": date(2026, 9, 16), "kind": "split", "value": 4.0}
    source = Scripted(bars_table(rows), actions=[split], split_adjusted=False, name=name)
    assert ingest(lake, source).counts["accepted"] == len(HOURS)
    assert {row[7] for row in silver(lake, name)} == {100.0}


@pytest.mark.parametrize("ratio", [1e308, 1e-308, 1e7])
def test_a_split_of_an_impossible_ratio_changes_nothing(lake: Lake, ratio: float) -> None:
    opens = hours("2026-06-01", "2026-06-03")
    declaration = [
        {"symbol": "A", "date": datetime(2026, 6, 2).date(), "kind": "split", "value": ratio}
    ]
    name = next(fresh_name)
    bars = bars_table([bar_row("A", ts, 100.0) for ts in opens])
    ingest(lake, Scripted(bars, actions=declaration, name=name), start="2026-06-01")
    assert {row[-1] for row in silver(lake, name)} == {1.0}
    assert lake.rows("SELECT count(*) FROM bronze.actions WHERE source = ?", [name]) == [(0,)]
