"""A bar that breaks a rule is rejected, by the first rule that names its fault."""

from __future__ import annotations

import json

import pytest

from pipelines.contracts.silver import SILVER_BARS
from pipelines.lake import Lake
from pipelines.quality.checks import contract_checks
from tests.scripted import VALUES, Scripted, bars_table, hours
from tests.steps.data.ingest_helpers import (
    SPOILS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
)


@pytest.mark.parametrize("reason", SPOILS)
def test_an_impossible_bar_is_quarantined_with_its_reason(lake: Lake, reason: str) -> None:
    name = next(fresh_name)
    rows = clean("A")
    rows[20].update(SPOILS[reason])
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert_nothing_vanished(report)
    assert dict(report.landed.reasons) == {reason: 1}
    ((_, ts, _, original),) = quarantine(lake, name)
    assert ts == rows[20]["ts"]
    assert set(json.loads(str(original))) == set(VALUES), "the original values are kept"
    gap = lake.rows("SELECT missing, missing_ts[1] FROM silver.gaps WHERE source = ?", [name])
    assert gap == [(1, rows[20]["ts"])]


@pytest.mark.parametrize("pair", [(1e-308, 1e308), (5e-324, 1.7e308), (1e308, 1e-300)])
def test_prices_at_the_ends_of_floats_are_judged(lake: Lake, pair: tuple[float, float]) -> None:
    opens = hours("2026-06-01", "2026-06-09")
    rows = [
        {"symbol": "A", "ts": ts}
        | dict.fromkeys(("open", "high", "low", "close"), pair[i % 2])
        | {"volume": 1.0}
        for i, ts in enumerate(opens)
    ]
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(rows), name=name), start="2026-06-01")
    assert report.counts["received"] == len(rows)
    assert_nothing_vanished(report)
    with lake.view() as view:
        assert all(v.passed for v in contract_checks(view.connection, SILVER_BARS, "silver.bars"))
