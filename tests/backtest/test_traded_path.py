"""The traded bars are those of the sessions in which a member has bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipelines.backtest.traded_path import build_traded_path, member_scores
from tests.backtest import small_backtest


def test_a_session_without_members_bars_has_no_bar_of_the_index_either() -> None:
    scored = small_backtest._scored_rows()
    market = small_backtest._market(scored, small_backtest.WEIGHTS)
    is_index = np.arange(market.bars.num_rows) % len(small_backtest.MEMBERS.symbols) == 0
    own = market.bars.filter(pa.array(is_index))
    last = market.bars["session"].to_numpy() == scored.rows.session.max()
    market = replace(market, bars=market.bars.filter(pa.array(~last)), own=own)
    path, weights, known, source = build_traded_path(market, small_backtest.MEMBERS, scored)
    assert source == "QQQ's own bars"
    assert path.session.max() < scored.rows.session.max()
    assert len(path) == len(weights) == known.sum()


def test_a_member_has_its_score_at_its_bars_and_none_elsewhere() -> None:
    scored = small_backtest._scored_rows()
    market = small_backtest._market(scored, small_backtest.WEIGHTS)
    members = small_backtest.MEMBERS
    path = build_traded_path(market, members, scored)[0]
    place = np.arange(len(scored), dtype=float)
    is_first = scored.rows.symbol == small_backtest.FORECAST.symbols.index(members.symbols[0])
    part = replace(
        scored, rows=scored.rows.take(is_first), ts=scored.ts[is_first],
        window=scored.window[is_first],
    )  # fmt: skip
    scores = member_scores(small_backtest.FORECAST, members, part, path, place[is_first])
    assert scores.shape == (len(path), len(members.symbols))
    np.testing.assert_array_equal(scores[:, 0], place[is_first])
    assert np.isnan(scores[:, 1:]).all()
