"""The bars and weights that an index's signal is judged by, as a training reads them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.core.intervals import interval_of
from pipelines.core.universes import universe
from pipelines.forecasts import AAPL_DAILY, NASDAQ100_HOURLY
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, ingest_weights
from pipelines.steps.models.index_bars import read_index_bars

FORECAST = NASDAQ100_HOURLY.target_forecast()
START, END = utc("2026-09-01"), utc("2026-09-05")


@pytest.fixture
def filled_lake(lake: Lake) -> Lake:
    symbols = (*universe("qqq").symbols[:3], *NASDAQ100_HOURLY.funds)
    ingest(lake, Sample(), symbols, interval_of("1h"), START, END)
    ingest_weights(lake, Sample(), "qqq", as_of=END)
    return lake


def test_the_fund_says_what_the_index_did_and_the_members_have_their_weights(
    filled_lake: Lake,
) -> None:
    with filled_lake.view() as view:
        qqq, nasdaq100 = read_index_bars(view, FORECAST, "sample", START, END)
        closes = view.rows(
            """SELECT close FROM silver.bars
               WHERE symbol = 'QQQ' AND "interval" = '1h' ORDER BY ts"""
        )
    assert (qqq.universe.name, nasdaq100.universe.name) == ("qqq", "nasdaq100")
    fund = np.array([close for (close,) in closes])
    np.testing.assert_allclose(qqq.next_return[:-1], np.log(fund[1:] / fund[:-1]))
    assert np.isnan(qqq.next_return[-1]), "nothing is known after the last bar"
    assert len(qqq.closes_at) == 4 * 7
    assert np.isfinite(qqq.weights).all(), "a weight needs no bar"
    np.testing.assert_allclose(qqq.next_return, nasdaq100.next_return)


def test_nothing_after_the_end_is_read(filled_lake: Lake) -> None:
    end = START + timedelta(days=1)
    with filled_lake.view() as view:
        qqq, _ = read_index_bars(view, FORECAST, "sample", START, end)
    assert len(qqq.closes_at) == 7
    assert qqq.closes_at.max() <= np.datetime64(end.replace(tzinfo=None))
    assert np.isnan(qqq.next_return[-1])


def test_a_target_without_a_combination_needs_none(lake: Lake) -> None:
    with lake.view() as view:
        assert read_index_bars(view, AAPL_DAILY.target_forecast("risk"), "sample", START, END) == ()


def test_without_bars_and_weights_there_is_nothing_to_judge(lake: Lake) -> None:
    with lake.view() as view:
        bars = read_index_bars(view, FORECAST, "sample", START, END)
    assert [len(part.closes_at) for part in bars] == [0, 0]
