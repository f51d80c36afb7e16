"""A backtest: walk forward over one snapshot. Nothing is published, and no model is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.backtest.market import Asked, Market, day
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import Backtest, combination_of, finish
from pipelines.backtest.walk import (
    Progress,
    Window,
    chosen,
    earliest,
    known,
    lacking,
    score,
    sessions_needed,
    walk,
    windows,
)
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, View
from pipelines.modeling.required import Fewest
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.rows import build_rows, instants, read_feature_table

BARS = "symbol, ts, closes_at, session, open, high, low, close"


def _silent(what: str, done: int, total: int) -> None: ...


def backtest(
    lake: Lake,
    forecast: TargetForecast,
    source: str,
    asked: Asked,
    policy: Policy | None = None,
    progress: Progress = _silent,
    fewest: Fewest | None = None,
) -> Backtest:
    """Train before each window on what was known, score the window, and tell what came of it.

    Features are brought up to date as a training does; nothing else of the lake changes.
    """
    forecast, fewest = chosen(forecast, asked.candidates), fewest or Fewest()
    combination_of(forecast, asked.universe)
    progress("features", 0, 1)
    refresh_features(lake, forecast.forecast, source)
    with lake.view() as view:
        market = market_of(view, forecast, source, asked)
    cut = span(forecast, source, market, asked, fewest)
    scorers = list(walk(forecast, market, cut, asked, fewest, progress))
    progress("measure", len(cut), len(cut))
    scored = score(forecast, market, scorers)
    return finish(forecast, source, market, scorers, scored, asked, policy)


def span(
    forecast: TargetForecast, source: str, market: Market, asked: Asked, fewest: Fewest
) -> list[Window]:
    """The windows; refused where too little is known before the first."""
    at = inside(market, asked)
    cut = windows(market.rows.take(at), market.ts[at], asked)
    if not cut:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} in the span",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval}",
        )
    lacks = lacking(forecast, known(market.rows, cut[0].as_of, asked.history), fewest)
    if lacks:
        first = earliest(forecast, market, asked, fewest)
        found = len(np.unique(market.rows.session[market.ts < cut[0].as_of]))
        raise InvalidRequest(
            f"{found} sessions before {day(cut[0].first)} are too few to train on: {lacks}",
            f"begin with --from {first}"
            if not np.isnat(first)
            else f"about {needed(forecast, market, fewest)} sessions are needed before the first "
            "day: ingest a longer span",
        )
    return cut


def needed(forecast: TargetForecast, market: Market, fewest: Fewest) -> int:
    """How many sessions a comparison needs, with as many bars a session as there are."""
    sessions = max(1, len(np.unique(market.rows.session)))
    bars = max(1.0, len(market.rows) / sessions / len(np.unique(market.rows.symbol)))
    lost = int(np.ceil(forecast.look_back / bars))
    return sessions_needed(forecast.split, fewest, max(1, len(market.rows) // sessions), lost)


def inside(market: Market, asked: Asked) -> np.ndarray:
    """The rows of the span."""
    made: np.ndarray = market.ts < _us(asked.end)
    return made if asked.start is None else made & (market.ts >= _us(asked.start))


def _us(at: datetime) -> np.datetime64:
    return np.datetime64(at.replace(tzinfo=None), "us")


def market_of(view: View, forecast: TargetForecast, source: str, asked: Asked) -> Market:
    """All that a backtest looks at. Rows are those of a training, and those not yet settled."""
    of = universe(asked.universe)
    since = asked.start - asked.history - timedelta(days=2) if asked.start else None
    condition = "ts < ? AND (CAST(? AS TIMESTAMPTZ) IS NULL OR closes_at > ?)"
    found = read_feature_table(view, forecast, source, condition, [asked.end, since, since])
    if not found.num_rows:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} before {asked.end:%Y-%m-%d}",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval} --start A --end B",
        )
    named = view.rows(
        """SELECT DISTINCT calendar FROM silver.series
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))""",
        [source, forecast.interval, list(of.symbols)],
    )
    return Market(
        rows=build_rows(forecast, found),
        ts=instants(found, "ts"),
        bars=_bars(view, forecast, source, asked, of.symbols),
        own=_bars(view, forecast, source, asked, (of.index,)),
        weights=view.sql(
            """SELECT symbol, effective, known_at, weight FROM silver.weights
               WHERE source = ? AND "index" = ? ORDER BY effective, symbol""",
            [source, of.index],
        ),
        calendar=named[0][0] if named else forecast.schedule.calendar,
        snapshot=view.snapshot,
    )


def _bars(
    view: View, forecast: TargetForecast, source: str, asked: Asked, symbols: tuple[str, ...]
) -> pa.Table:
    return view.sql(
        f"""SELECT {BARS} FROM silver.bars
            WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
            AND ts < ? AND (CAST(? AS TIMESTAMPTZ) IS NULL OR ts >= ?) ORDER BY ts, symbol""",
        [source, forecast.interval, list(symbols), asked.end, asked.start, asked.start],
    )
