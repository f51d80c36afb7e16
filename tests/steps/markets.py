"""Build rows of the sample market as training reads them, without a lake.

tests/steps/models/test_skill_on_markets.py checks that they are the rows of `train`.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import Calendar, Grid, calendar
from pipelines.features import feature_matrix
from pipelines.features.companions import NO_COMPANIONS, Companion, Companions
from pipelines.features.panel import PRICES, build_panel
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.modeling.dataset import Rows
from pipelines.sources.base import Request
from pipelines.sources.sample import Sample
from tests.models import target_of


def bars_of(
    source: Sample,
    symbols: tuple[str, ...],
    forecast: Forecast | TargetForecast,
    start: datetime,
    end: datetime,
) -> pa.Table:
    """The bars of the source, ordered by symbol and ts."""
    request = Request(symbols, forecast.bar, start, end, end)
    bars = pa.concat_tables([source.parse(answer).bars for answer in source.fetch(request)])
    return bars.sort_by([("symbol", "ascending"), ("ts", "ascending")])


def rows_of(
    source: Sample,
    symbols: tuple[str, ...],
    forecast: Forecast | TargetForecast,
    start: datetime,
    end: datetime,
) -> Rows:
    """A row for each bar whose outcome was known at the end, in the order of training."""
    bars = bars_of(source, symbols, forecast, start, end)
    declared = forecast.forecast if isinstance(forecast, TargetForecast) else forecast
    companions = {
        ("bars", symbol): _companion_of(bars_of(source, (symbol,), forecast, start, end), forecast)
        for symbol in declared.companions
    }
    return rows_from(bars, forecast, companions=Companions(companions))


def _companion_of(bars: pa.Table, forecast: Forecast | TargetForecast) -> Companion:
    market = calendar("XNYS")
    bars = _with_opens(bars, forecast, market)
    ts = bars["ts"].to_numpy().astype("datetime64[us]")
    sessions = market.whole_sessions(forecast.bar, ts.min(), ts.max())
    closes = sessions.closes_at[np.searchsorted(sessions.ts, ts)].astype("datetime64[us]")
    columns = {name: bars[name].to_numpy().astype(np.float64) for name in PRICES}
    return Companion(closes, closes, columns)


def rows_from(
    bars: pa.Table,
    forecast: Forecast | TargetForecast,
    grid: Grid = "session",
    companions: Companions = NO_COMPANIONS,
) -> Rows:
    market = calendar("XNYS")
    bars = _with_opens(bars, forecast, market)
    ts = bars["ts"].to_numpy().astype("datetime64[us]")
    grid_bars = market.whole_sessions(forecast.bar, ts.min(), ts.max(), grid)
    closes = grid_bars.closes_at[np.searchsorted(grid_bars.ts, ts)].astype("datetime64[us]")
    declared = forecast.forecast if isinstance(forecast, TargetForecast) else forecast
    aligned = companions.align(declared.references, closes)
    panel = build_panel(bars, market, forecast.bar, grid, aligned)
    sessions = market.whole_sessions(
        forecast.bar, bars["ts"].to_numpy().min(), bars["ts"].to_numpy().max(), grid
    )
    at = panel.arrays["ordinal"]
    closes_at = sessions.closes_at[at].astype("datetime64[us]")
    names = bars["symbol"].to_pylist()
    codes = {symbol: code for code, symbol in enumerate(forecast.symbols)}
    symbol = np.array([codes[name] for name in names], dtype=np.int64)
    rows = Rows(
        features=np.column_stack([feature_matrix(forecast.features, panel), symbol]).astype(
            np.float32
        ),
        outcome=target_of(forecast).label.outcome(panel),
        symbol=symbol,
        closes_at=closes_at,
        known_at=np.roll(closes_at, -target_of(forecast).label.horizon),
        session=sessions.session[at].astype("datetime64[D]"),
        place=panel.arrays["place"].astype(np.int64),
    )
    known = np.flatnonzero(np.isfinite(rows.outcome))
    return rows.take(known[np.argsort(rows.closes_at[known], kind="stable")])


def _with_opens(bars: pa.Table, forecast: Forecast | TargetForecast, market: Calendar) -> pa.Table:
    """Name daily and longer bars by their opens, as silver does; sources name them by their day."""
    if forecast.bar.intraday:
        return bars
    days = bars["ts"].to_numpy().astype("datetime64[D]")
    sessions = market.whole_sessions(forecast.bar, days.min(), days.max() + 1)
    at = np.searchsorted(sessions.session.astype("datetime64[D]"), days)
    opens = pa.array(sessions.ts[at]).cast(bars.schema.field("ts").type)
    return bars.set_column(bars.schema.get_field_index("ts"), "ts", opens)
