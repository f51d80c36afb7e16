"""Signals and predictions are read for performance: live or not, of one universe and source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.lake import Lake
from serving.http.paging import FIRST, LAST
from serving.state import performance
from tests.empty_lake import lake_of_a_module
from tests.steps.live_market import BARS, write_live, write_live_signals
from tests.steps.served import HOURLY

SPAN = (FIRST, LAST)
TARGET = HOURLY.target_forecast()
LIVE_DAYS, LATER_DAYS = 3, 2


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Three days that were live, and two others that were scored later."""
    with lake_of_a_module(tmp_path_factory) as lake:
        for live, day, sessions in ((True, 1, LIVE_DAYS), (False, 10, LATER_DAYS)):
            write_live(lake, HOURLY, 1, ic=0.5, sessions=sessions, day=day, symbols=2, live=live)
            write_live_signals(lake, HOURLY, 1, ic=0.5, sessions=sessions, day=day, live=live)
        yield lake


def predictions(lake: Lake, live: bool) -> pa.Table:
    with lake.view() as view:
        return performance.read_predictions(view, TARGET, "sample", live, SPAN)


def signals(lake: Lake, live: bool, universe: str = "qqq", source: str = "sample") -> pa.Table:
    with lake.view() as view:
        return performance.read_signals(view, HOURLY.name, source, universe, live, SPAN)


def test_live_rows_and_later_ones_are_never_mixed(lake: Lake) -> None:
    for live, days in ((True, LIVE_DAYS), (False, LATER_DAYS)):
        assert predictions(lake, live).num_rows == days * BARS * 2
        assert signals(lake, live).num_rows == days * BARS


def test_another_universe_or_source_has_none(lake: Lake) -> None:
    assert signals(lake, True, "nasdaq100").num_rows == 0
    assert signals(lake, True, source="yahoo").num_rows == 0


def test_a_challenger_counts_in_no_figure(lake: Lake) -> None:
    before = predictions(lake, True)
    with lake.write("challenger") as writer:
        writer.run(
            """CREATE TEMP TABLE copies AS
               SELECT * REPLACE ('challenger' AS role) FROM gold.predictions WHERE live"""
        )
        writer.append("gold.predictions", writer.connection.table("copies"))
    assert predictions(lake, True) == before


def test_a_signal_whose_next_bar_is_open_has_no_return_and_keeps_the_sum(lake: Lake) -> None:
    table = signals(lake, True)
    open_last = np.append(table["next_return"].to_numpy()[:-1], np.nan)
    place = table.schema.get_field_index("next_return")
    opened = table.set_column(place, "next_return", pa.array(open_last, from_pandas=True))
    newest, before = performance.curve_table(opened).slice(0, 2).to_pylist()
    assert newest["earned"] is None
    assert newest["cumulative"] == before["cumulative"]


def test_a_range_takes_bars_from_its_start_and_before_its_end(lake: Lake) -> None:
    table = signals(lake, True)
    first, last = table["ts"][0].as_py(), table["ts"][-1].as_py()
    with lake.view() as view:
        part = performance.read_signals(
            view, HOURLY.name, "sample", "qqq", True, (first + timedelta(seconds=1), last)
        )
    assert part.num_rows == table.num_rows - 2
