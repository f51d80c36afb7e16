"""Read signals and predictions with what came after them, and compute their performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import Calendar
from pipelines.forecasts import TargetForecast
from pipelines.gates.intervals import Figure, drawdown, number
from pipelines.lake import View
from pipelines.monitoring import performance
from pipelines.monitoring.kinds import monitor_of
from pipelines.monitoring.performance import CalibrationGroup, FollowedSignals, HitRate

DIRECTIONS = {"BUY": 1, "HOLD": 0, "SELL": -1}
DAY = "CAST(t.ts AT TIME ZONE 'UTC' AS DATE)"
Span = tuple[datetime, datetime]


def read_signals(
    view: View, forecast: str, source: str, universe: str, live: bool, span: Span
) -> pa.Table:
    """Read the signals of a universe, the oldest first; next_return is null while unknown."""
    return view.sql(
        f"""SELECT t.ts, t.closes_at, t.timestamp_next, {DAY} AS session, t.signal, t.wss,
                   t.expected_wss, o.next_return, t.model_version, t.proven
            FROM gold.index_signals t
            LEFT JOIN (FROM gold.index_outcomes
                       WHERE forecast = ? AND source = ? AND universe = ? AND ts >= ? AND ts < ?) o
              USING (forecast, source, universe, "interval", ts)
            WHERE t.forecast = ? AND t.source = ? AND t.universe = ? AND t.live = ?
              AND t.ts >= ? AND t.ts < ?
            ORDER BY t.ts""",
        [forecast, source, universe, *span, forecast, source, universe, live, *span],
    )


def follow(signals: pa.Table) -> FollowedSignals:
    """Return the arrays of signals as read_signals reads them."""
    return FollowedSignals(
        signals["session"].to_numpy().astype("datetime64[D]"),
        np.array([DIRECTIONS[name] for name in signals["signal"].to_pylist()], np.int64),
        *(
            signals[name].to_numpy().astype(np.float64)
            for name in ("wss", "expected_wss", "next_return")
        ),
    )


def summary_table(signals: pa.Table) -> pa.Table:
    """Return a row for each figure of performance."""
    return pa.Table.from_pylist(
        [
            {"figure": row.name, "meaning": row.meaning, "unit": row.unit}
            | row.figure.as_dict()
            | {"signals": row.signals}
            for row in performance.summarise(follow(signals))
        ]
    )


def curve_table(signals: pa.Table) -> pa.Table:
    """Return the signals, the newest first, with what following them had earned by then."""
    followed = follow(signals)
    columns = {"earned": followed.earned + 0.0}  # no minus zero of a HOLD before a fall
    for suffix, returns in (("", followed.earned), ("_long", followed.next_return)):
        curve = np.nancumsum(returns)
        columns |= {f"cumulative{suffix}": curve, f"drawdown{suffix}": drawdown(curve)}
    for name, values in columns.items():
        signals = signals.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return signals.take(pa.array(np.arange(len(signals))[::-1]))


def read_predictions(
    view: View, target: TargetForecast, source: str, live: bool, span: Span
) -> pa.Table:
    """Read what a target's serving models predicted, where the outcome is known."""
    name = target.forecast.name
    return view.sql(
        f"""SELECT {DAY} AS session, t.symbol, t.ts, t.closes_at, t.action, t.score,
                   t.probabilities, t.value, t.value_low, t.value_high, o.outcome, o.actual
            FROM gold.predictions t
            JOIN (FROM gold.outcomes
                  WHERE forecast = ? AND target = ? AND source = ? AND ts >= ? AND ts < ?) o
              USING (forecast, target, source, symbol, "interval", ts, model_version)
            WHERE t.forecast = ? AND t.target = ? AND t.source = ? AND t.role = 'champion'
              AND t.live = ? AND t.ts >= ? AND t.ts < ?
            ORDER BY t.ts, t.symbol""",
        [
            *(name, target.label.name, source, *span),
            *(name, target.label.name, source, live, *span),
        ],
    )


def hits_by_signal(signals: pa.Table, groups: np.ndarray) -> list[HitRate]:
    """Return the hit rates of signals by group."""
    followed = follow(signals)
    return performance.hit_rates(groups, followed.is_hit, followed.is_judged, followed.session)


def strengths(signals: pa.Table) -> np.ndarray:
    """Return the group of each signal's strength."""
    return performance.strength_groups(follow(signals).wss)


def hours(signals: pa.Table, market: Calendar) -> np.ndarray:
    """Return the hour of each signal's close in the exchange's time zone, such as 15:00."""
    import pandas as pd

    closes = pd.DatetimeIndex(signals["closes_at"].to_numpy(), tz="UTC").tz_convert(market.tz)
    return np.array([f"{hour:02d}:00" for hour in closes.hour], dtype=object)


def hits_by_symbol(predictions: pa.Table) -> list[HitRate]:
    """Return the hit rate of each symbol: a score or a value has the side of its sign."""
    scores, values, outcome = (
        predictions[name].to_numpy().astype(np.float64) for name in ("score", "value", "outcome")
    )
    side = np.sign(np.where(np.isfinite(scores), scores, values))
    symbols = np.array(predictions["symbol"].to_pylist(), dtype=object)
    is_judged = np.isfinite(side) & (side != 0) & np.isfinite(outcome) & (outcome != 0)
    session = predictions["session"].to_numpy().astype("datetime64[D]")
    return performance.hit_rates(symbols, side * outcome > 0, is_judged, session)


def hits_table(rates: list[HitRate]) -> pa.Table:
    """Return hit rates as rows."""
    names = ("group", "signals", "hits", "rate", "low", "high")
    rows = [(rate.group, rate.signals, rate.hits, *_numbers(rate.rate)) for rate in rates]
    kinds = (pa.string(), pa.int64(), pa.int64(), *[pa.float64()] * 3)
    return _table(names, kinds, rows)


def calibration_table(target: TargetForecast, predictions: pa.Table) -> pa.Table:
    """Return what live predictions promised, and what came."""
    monitor = monitor_of(target.label.kind)
    outputs, predicted, truth = monitor.read_arrays(target.label, predictions)
    is_judged = monitor.is_comparable(predicted, truth) & np.isfinite(outputs).all(axis=1)
    session = predictions["session"].to_numpy().astype("datetime64[D]")
    groups: list[CalibrationGroup] = []
    if is_judged.any():
        groups = monitor.calibration(
            target.label, outputs[is_judged], truth[is_judged], session[is_judged]
        )
    names = ("name", "promised", "came", "low", "high", "row_count")
    rows = [(group.name, group.promised, *_numbers(group.came), group.rows) for group in groups]
    return _table(names, (pa.string(), *[pa.float64()] * 4, pa.int64()), rows)


def _numbers(figure: Figure) -> tuple[float | None, ...]:
    return tuple(number(value) for value in astuple(figure))


def _table(
    names: tuple[str, ...], kinds: tuple[pa.DataType, ...], rows: Sequence[tuple[object, ...]]
) -> pa.Table:
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
