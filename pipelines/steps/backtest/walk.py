"""Backtest a forecast on one snapshot. Nothing is published, and no model is registered."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from pipelines.backtest.market import BacktestRequest, Market, day, micros
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import Backtest, build_backtest
from pipelines.backtest.traded import check_policy, find_combination
from pipelines.backtest.walk import (
    Progress,
    Window,
    count_comparison_sessions,
    find_earliest_session,
    find_shortage,
    score_windows,
    select_known,
    walk,
    windows,
    with_candidates,
)
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, View
from pipelines.lake.index_weights import read_weights
from pipelines.lake.series import series_calendar
from pipelines.modeling.required import Minimums
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.rows import (
    build_rows,
    instants,
    read_feature_table,
    select_members,
)
from pipelines.steps.models.index_bars import read_index_bars

BARS = "symbol, ts, closes_at, session, open, high, low, close"


def _silent(what: str, done: int, total: int) -> None: ...


def backtest(
    lake: Lake,
    forecast: TargetForecast,
    source: str,
    request: BacktestRequest,
    policy: Policy | None = None,
    progress: Progress = _silent,
    minimums: Minimums | None = None,
) -> Backtest:
    """Train before each window on what was known, score the window, and measure the result.

    Features are refreshed as before a training; nothing else in the lake changes.
    """
    forecast, minimums = with_candidates(forecast, request.candidates), minimums or Minimums()
    find_combination(forecast, request.universe)
    check_policy(forecast, policy)
    progress("features", 0, 1)
    refresh_features(lake, forecast.forecast, source)
    with lake.view() as view:
        market = read_market(view, forecast, source, request)
    cut = cut_windows(forecast, source, market, request, minimums)
    scorers = list(walk(forecast, market, cut, request, minimums, progress))
    progress("measure", len(cut), len(cut))
    scored = score_windows(forecast, market, scorers)
    return build_backtest(forecast, source, market, scorers, scored, request, policy)


def cut_windows(
    forecast: TargetForecast,
    source: str,
    market: Market,
    request: BacktestRequest,
    minimums: Minimums,
) -> list[Window]:
    """Cut the span into windows; refuse it where too little is known before the first."""
    in_span = rows_in_span(market, request)
    cut = windows(market.rows.take(in_span), market.ts[in_span], request)
    if not cut:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} in the span",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval}",
        )
    shortage = find_shortage(
        forecast, select_known(market.rows, cut[0].as_of, request.history), minimums
    )
    if shortage:
        first = find_earliest_session(forecast, market, request, minimums)
        sessions = len(np.unique(market.rows.session[market.ts < cut[0].as_of]))
        raise InvalidRequest(
            f"{sessions} sessions before {day(cut[0].first)} are too few to train on: {shortage}",
            f"begin with --from {first}"
            if not np.isnat(first)
            else f"about {count_needed_sessions(forecast, market, minimums)} sessions are needed "
            "before the first day: ingest a longer span",
        )
    return cut


def count_needed_sessions(forecast: TargetForecast, market: Market, minimums: Minimums) -> int:
    """Count the sessions that a comparison needs, with as many bars a session as there are."""
    sessions = max(1, len(np.unique(market.rows.session)))
    bars = max(1.0, len(market.rows) / sessions / len(np.unique(market.rows.symbol)))
    lost = int(np.ceil(forecast.look_back / bars))
    return count_comparison_sessions(
        forecast.split, minimums, max(1, len(market.rows) // sessions), lost
    )


def rows_in_span(market: Market, request: BacktestRequest) -> np.ndarray:
    """Mark the rows of the span."""
    in_span: np.ndarray = market.ts < micros(request.end)
    return in_span if request.start is None else in_span & (market.ts >= micros(request.start))


def read_market(
    view: View, forecast: TargetForecast, source: str, request: BacktestRequest
) -> Market:
    """Read all that a backtest uses: the rows of a training, and those without an outcome yet."""
    members = universe(request.universe)
    since = request.start - request.history - timedelta(days=2) if request.start else None
    condition = "ts < ? AND (CAST(? AS TIMESTAMPTZ) IS NULL OR closes_at > ?)"
    parameters = [request.end, since, since]
    features_table = read_feature_table(view, forecast, source, condition, parameters)
    if not features_table.num_rows:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} before {request.end:%Y-%m-%d}",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval} --start A --end B",
        )
    series = series_calendar(
        view, source, forecast.interval, members.symbols, forecast.schedule.calendar
    )
    return Market(
        rows=build_rows(forecast, features_table),
        ts=instants(features_table, "ts"),
        bars=select_members(
            _bars(view, forecast, source, request, members.symbols), request.universe
        ),
        own=_bars(view, forecast, source, request, (members.fund,)),
        weights=read_weights(view, source, members),
        indexes=read_index_bars(view, forecast, source, since, request.end),
        calendar=series.calendar,
        snapshot=view.snapshot,
    )


def _bars(
    view: View,
    forecast: TargetForecast,
    source: str,
    request: BacktestRequest,
    symbols: tuple[str, ...],
) -> pa.Table:
    return view.sql(
        f"""SELECT {BARS} FROM silver.bars
            WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
            AND ts < ? AND (CAST(? AS TIMESTAMPTZ) IS NULL OR ts >= ?) ORDER BY ts, symbol""",
        [source, forecast.interval, list(symbols), request.end, request.start, request.start],
    )
