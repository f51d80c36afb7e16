"""Rows that were withdrawn: the lake is as if they had never come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.landing.withdrawal import Selection, withdraw_rows
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import HOURS, clean, fresh_name, gaps, ingest, silver

REASON = "the file was of another market"
FEW = HOURS[:60]
Rows = list[tuple[str, int, float]]  # symbol, place of its hour, close


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def newest_batch(lake: Lake, name: str) -> int:
    return int(lake.rows("SELECT max(batch) FROM bronze.bars WHERE source = ?", [name])[0][0])


def withdraw_batch(lake: Lake, name: str) -> None:
    with lake.write("withdraw") as writer:
        withdraw_rows(writer, Selection(name, batch=newest_batch(lake, name)), REASON)


bars = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(range(len(FEW))),
        st.sampled_from([100.0, 101.0, 400.0, -1.0]),  # the last two are questioned, and refused
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


@law(8)
@given(first=bars, mistake=bars, split=st.booleans())
def test_a_withdrawn_batch_leaves_the_lake_as_if_it_had_never_come(
    lake: Lake,
    first: Rows,
    mistake: Rows,
    split: bool,
) -> None:
    def bring(name: str, rows: Rows, **more: object) -> None:
        table = bars_table([bar_row(symbol, FEW[place], close) for symbol, place, close in rows])
        source = Scripted(table, name=name, split_adjusted=False, **more)  # type: ignore[arg-type]
        ingest(lake, source, start="2026-09-01", end="2026-09-16")

    plain, mended = next(fresh_name), next(fresh_name)
    for name in (plain, mended):
        bring(name, [("A", place, 100.0) for place in range(0, 50, 2)])
        bring(name, first)
    before = lake.snapshot
    action = {"symbol": "A", "date": date(2026, 9, 8), "kind": "split", "value": 4.0}
    bring(mended, mistake, actions=[action] if split else [])
    if newest_batch(lake, mended) <= before:
        return  # it said nothing new
    withdraw_batch(lake, mended)
    assert silver(lake, mended) == silver(lake, plain)
    assert gaps(lake, mended) == gaps(lake, plain)


def test_a_series_of_which_nothing_is_left_is_forgotten(lake: Lake) -> None:
    name = next(fresh_name)
    ingest(lake, Scripted(bars_table(clean("A")), name=name))
    ingest(lake, Scripted(bars_table(clean("B")[:20]), name=name))
    withdraw_batch(lake, name)
    series = lake.rows("SELECT symbol FROM silver.series WHERE source = ?", [name])
    assert series == [("A",)]
    assert {row[0] for row in silver(lake, name)} == {"A"}
    assert gaps(lake, name) == []


def test_a_selection_says_what_it_names() -> None:
    selection = Selection("files", "1m", ("A", "B"), utc("2026-09-01"), None, 7)
    assert str(selection) == "1m A,B from 2026-09-01 00:00:00+00:00 to the last batch 7"
    condition, parameters = selection.condition
    assert condition.count("?") == len(parameters) == 5
    assert Selection("files").condition == ("source = ?", ["files"])
