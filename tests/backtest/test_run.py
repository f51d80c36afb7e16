"""A backtest combines what its forecast combines, at the bars that had members."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.backtest import run
from pipelines.core.errors import InvalidRequest
from tests.backtest import small_backtest


def test_a_universe_that_is_not_combined_is_refused_with_those_that_are() -> None:
    forecast = small_backtest.FORECAST
    assert run.find_combination(forecast, "qqq").universe == "qqq"
    with pytest.raises(InvalidRequest, match="combination of nasdaq100_hourly") as refused:
        run.find_combination(forecast, "qq")
    assert "qqq" in refused.value.hint


def test_a_session_without_members_bars_has_no_bar_of_the_index_either() -> None:
    scored = small_backtest._scored_rows()
    market = small_backtest._market(scored, small_backtest.WEIGHTS)
    is_index = np.arange(market.bars.num_rows) % len(small_backtest.MEMBERS.symbols) == 0
    own = market.bars.filter(pa.array(is_index))
    last = market.bars["session"].to_numpy() == scored.rows.session.max()
    market = replace(market, bars=market.bars.filter(pa.array(~last)), own=own)
    path, weights, known, source = run._index_path(market, small_backtest.MEMBERS, scored)
    assert source == "QQQ's own bars"
    assert path.session.max() < scored.rows.session.max()
    assert len(path) == len(weights) == known.sum()
