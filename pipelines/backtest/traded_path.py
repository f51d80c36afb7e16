"""The bars that are traded over the scored sessions, and the members' weights at each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.backtest.market import Market, day
from pipelines.backtest.members import member_weights
from pipelines.backtest.path import PRICES, Path, path_of_index
from pipelines.backtest.walk import ScoredRows
from pipelines.core.calendar import calendar
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import Universe
from pipelines.forecasts import TargetForecast


def build_traded_path(
    market: Market, members: Universe, scored: ScoredRows
) -> tuple[Path, np.ndarray, np.ndarray, str]:
    """Return the path, the members' weights, where any was known, and whose bars these are."""
    first, last = scored.rows.session.min(), scored.rows.session.max()
    bars, own_bars = (_within(table, first, last) for table in (market.bars, market.own))
    if not bars.num_rows:
        raise InvalidRequest(
            f"no member of {members.name} has bars in the span",
            "name another universe, or ingest the bars of its members",
        )
    # A session without a member makes no signal, whatever the index does in it.
    in_session = np.isin(own_bars["session"].to_numpy(), bars["session"].to_numpy())
    own_bars = own_bars.filter(pa.array(in_session))
    ts, at = np.unique(_instants(bars, "ts"), return_index=True)
    closes_at = _instants(bars, "closes_at")[at]
    session = bars["session"].to_numpy().astype("datetime64[D]")[at]
    weights, known = member_weights(market.weights, members, closes_at, session)
    last_bar = _ends_session(market.calendar, closes_at, session)
    row = np.searchsorted(ts, _instants(bars, "ts"))
    places = {name: place for place, name in enumerate(members.symbols)}
    column = np.array([places[name] for name in bars["symbol"].to_pylist()])
    shape = (len(ts), len(members.symbols))
    prices = {n: _spread(bars[n].to_numpy(), row, column, shape) for n in PRICES}
    own_bars = own_bars.filter(pa.array(np.isin(_instants(own_bars, "ts"), ts)))
    own_row = np.searchsorted(ts, _instants(own_bars, "ts"))
    fund = {n: _spread(own_bars[n].to_numpy(), own_row, 0, (len(ts), 1))[:, 0] for n in PRICES}
    path = path_of_index(ts, closes_at, session, last_bar, fund, prices, weights)
    return path, weights, known, _describe_origin(members, int(own_bars.num_rows), len(ts))


def _describe_origin(members: Universe, own_bars: int, bars: int) -> str:
    """Say whose bars are those of the index: the fund's, its members', or both."""
    of_members = f"members' bars, by weight ({members.name}, {len(members.symbols)} members)"
    if not own_bars:
        return f"its {of_members}"
    if own_bars == bars:
        return f"{members.fund}'s own bars"
    return f"{members.fund}'s own bars at {own_bars:,} of {bars:,} bars, and else its {of_members}"


def _spread(
    values: np.ndarray, row: np.ndarray, column: np.ndarray | int, shape: tuple[int, int]
) -> np.ndarray:
    """Return a table with the values at their places, and NaN everywhere else."""
    table = np.full(shape, np.nan)
    table[row, column] = values
    return table


def _within(table: pa.Table, first: np.datetime64, last: np.datetime64) -> pa.Table:
    session = table["session"].to_numpy().astype("datetime64[D]")
    return table.filter(pa.array((session >= first) & (session <= last)))


def _instants(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy().astype("datetime64[us]"))


def _ends_session(name: str, closes_at: np.ndarray, session: np.ndarray) -> np.ndarray:
    """Mark the bars that end their session by the calendar."""
    market, days = calendar(name), np.unique(session)
    ends = [market.session_bounds(day(session_day))[1].replace(tzinfo=None) for session_day in days]
    closes = np.array(ends, dtype="datetime64[us]")
    ends_session: np.ndarray = closes_at >= closes[np.searchsorted(days, session)]
    return ends_session


def member_scores(
    forecast: TargetForecast,
    members: Universe,
    scored: ScoredRows,
    path: Path,
    scores: np.ndarray,
) -> np.ndarray:
    """Return the score of each member at each bar of the index; NaN where there is none."""
    codes = np.array([forecast.symbols.index(name) for name in members.symbols])
    place = np.full(len(forecast.symbols), -1)
    place[codes] = np.arange(len(codes))
    column = place[scored.rows.symbol]
    row = np.minimum(np.searchsorted(path.ts, scored.ts), len(path) - 1)
    matches = (column >= 0) & (path.ts[row] == scored.ts)
    return _spread(scores[matches], row[matches], column[matches], (len(path), len(codes)))
