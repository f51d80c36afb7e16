"""What came in by mistake is taken out: the lake is then as if it had never come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import NASDAQ100_HOURLY as HOURLY
from pipelines.lake import Lake
from pipelines.landing.withdrawal import Selection
from pipelines.sources.base import WEIGHTS
from pipelines.steps import ingest_weights, refresh_features
from pipelines.steps.data.withdraw import withdraw
from tests.empty_lake import lake_of_a_module
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    clean,
    fresh_name,
    gaps,
    ingest,
    quarantine,
    silver,
)

REASON = "the file was of another market"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def test_an_interval_a_symbol_and_a_span_are_withdrawn_by_name(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("AB")), name=name))
    both = silver(lake, name)
    span = Selection(name, "1h", ("A",), HOURS[10], HOURS[20])
    withdrawn = withdraw(lake, span, REASON, run="test")
    assert (withdrawn.bars, withdrawn.removed, withdrawn.symbols) == (10, 10, 1)
    assert silver(lake, name) == [
        row for row in both if row[0] == "B" or row[1] not in HOURS[10:20]
    ]
    assert [ts for *_, missing in gaps(lake, name) for ts in missing] == HOURS[10:20]
    rejected = [(symbol, ts) for symbol, ts, why, _ in quarantine(lake, name) if why == "withdrawn"]
    assert rejected == [("A", ts) for ts in HOURS[10:20]]
    ((about, status, message, counts),) = lake.rows(
        """SELECT about, status, message, counts FROM gold.runs
           WHERE step = 'withdraw' AND source = ?""",
        [name],
    )
    assert "1h A from 2026-09-02" in about
    assert (status, message, json.loads(counts)["bars"]) == ("ok", REASON, 10)
    withdraw(lake, Selection(name, "1h", ("A",)), REASON)
    assert silver(lake, name) == [row for row in both if row[0] == "B"]
    assert gaps(lake, name) == []  # nothing more is expected of a symbol that never came
    answers = lake.rows("SELECT count(*) FROM bronze.answers WHERE source = ?", [name])
    assert answers == [(1,)]


def test_what_was_withdrawn_can_come_again(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    before = silver(lake, name)
    withdraw(lake, Selection(name, "1h"), REASON)
    assert silver(lake, name) == []
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    assert silver(lake, name) == before


def test_features_follow(lake: Lake) -> None:
    name, other = next(fresh_name), next(fresh_name)
    symbol = HOURLY.symbols[0]
    rows = [row | {"symbol": symbol} for row in clean("A")]
    for source in (name, other):
        good = rows if source == name else [r for r in rows if r["ts"] < HOURS[100]]
        ingest(lake, Scripted(bars_table(good), name=source))
        refresh_features(lake, HOURLY, source)
    withdraw(lake, Selection(name, "1h", start=HOURS[100]), REASON)
    refresh_features(lake, HOURLY, name)
    read = f"""SELECT * EXCLUDE (source, batch) FROM {HOURLY.table.full_name}
               WHERE source = ? ORDER BY ALL"""
    assert lake.rows(read, [name]) == lake.rows(read, [other])
    assert len(lake.rows(read, [name])) == 100


def test_weights_of_a_batch_go_and_the_earlier_ones_return(lake: Lake) -> None:
    name, at = next(fresh_name), utc("2026-09-01")

    class Weighing(Scripted):
        weight = 0.08

        def fetch_weights(self, universe, as_of):  # type: ignore[no-untyped-def]
            return self.fetch(None)  # type: ignore[arg-type]

        def parse_weights(self, answer):  # type: ignore[no-untyped-def]
            row = {"symbol": "NVDA", "weight": self.weight, "effective": at.date()}
            row |= {"known_at": at, "partial": True}
            return pa.Table.from_pylist([row], schema=WEIGHTS)

    source = Weighing(bars_table([]), name=name)
    ingest_weights(lake, source, "qqq")
    source.weight = 0.8
    ingest_weights(lake, source, "qqq")
    weights = "SELECT symbol, weight FROM silver.weights WHERE source = ?"
    assert lake.rows(weights, [name]) == [("NVDA", 0.8)]
    batch = lake.rows("SELECT max(batch) FROM bronze.weights WHERE source = ?", [name])[0][0]
    assert withdraw(lake, Selection(name, batch=batch), REASON).weights == 1
    assert lake.rows(weights, [name]) == [("NVDA", 0.08)]


def test_a_dry_run_counts_the_same_and_changes_nothing(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    snapshot, before = lake.snapshot, silver(lake, name)
    selection = Selection(name, "1h", start=HOURS[3])
    rehearsed = withdraw(lake, selection, REASON, dry_run=True)
    assert (lake.snapshot, silver(lake, name)) == (snapshot, before)
    assert withdraw(lake, selection, REASON) == rehearsed
    assert rehearsed.removed == len(HOURS) - 3


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"interval": None}, REASON, "neither interval nor batch"),
        ({}, " ", "no reason"),
        ({"interval": "5m"}, REASON, r"no rows of 5m.*1h \(\d+ rows, 2026-09-01 to 2026-09-30\)"),
        ({"symbols": ("ZZZ",)}, REASON, "no rows of 1h ZZZ"),
        ({"batch": 1}, REASON, r"batch 1\b.*its newest batches: \d+"),
        ({"start": HOURS[9], "end": HOURS[9] - timedelta(hours=1)}, REASON, "before it starts"),
    ],
)
def test_a_withdrawal_of_nothing_is_refused(
    lake: Lake, changes: dict[str, object], reason: str, message: str
) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    snapshot = lake.snapshot
    with pytest.raises(InvalidRequest) as caught:
        withdraw(lake, Selection(**{"source": name, "interval": "1h"} | changes), reason)  # type: ignore[arg-type]
    assert re.search(message, f"{caught.value.message} {caught.value.hint}")
    assert lake.snapshot == snapshot
