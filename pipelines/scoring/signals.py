"""From the constituents' actions to an index's signal, bar by bar, by the weights known then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.errors import unknown
from pipelines.core.universes import Universe, universe
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.modeling.answers import answer_of
from pipelines.scoring.weights import BarWeights, Weights, find_age_warning
from pipelines.scoring.wss import (
    check_weight,
    combine_scores,
    contributions,
    index_share,
    signals_of,
)

SIGNALS = pa.schema(
    [
        ("universe", pa.string()),
        ("index", pa.string()),
        ("instrument", pa.string()),
        ("ts", UTC_TYPE),
        ("closes_at", UTC_TYPE),
        ("timestamp_next", UTC_TYPE),
        ("wss", pa.float64()),
        ("expected_wss", pa.float64()),
        ("signal", pa.string()),
        ("reason", pa.string()),
        ("coverage", pa.float64()),
        ("index_share", pa.float64()),
        ("weights_effective", pa.date32()),
        ("weights_partial", pa.bool_()),
        ("model_version", pa.int64()),
        ("proven", pa.bool_()),
        ("unproven_reason", pa.string()),
        ("instead_of", pa.string()),
    ]
)
# Columns that a signal copies from its constituents' rows.
COPIED_COLUMNS = (
    "ts", "closes_at", "timestamp_next", "model_version", "proven", "unproven_reason", "instead_of",
)  # fmt: skip
CONTRIBUTIONS = pa.schema(
    [
        ("universe", pa.string()),
        ("ts", UTC_TYPE),
        ("symbol", pa.string()),
        ("weight", pa.float64()),
        ("share", pa.float64()),
        ("action", pa.string()),
        ("score", pa.float64()),
        ("contribution", pa.float64()),
    ]
)


@dataclass(eq=False)
class CombinedSignals:
    """Signals, the contributions they are made of, and why some bars have none."""

    signals: pa.Table
    contributions: pa.Table
    no_signal: dict[str, Counter[str]] = field(default_factory=dict)  # universe -> reason -> bars
    unweighed: dict[str, set[str]] = field(default_factory=dict)  # universe -> members


def concat_signals(parts: Sequence[CombinedSignals]) -> CombinedSignals:
    """Concatenate the combined signals of several targets."""
    signals = CombinedSignals(
        pa.concat_tables([SIGNALS.empty_table(), *(part.signals for part in parts)]),
        pa.concat_tables([CONTRIBUTIONS.empty_table(), *(part.contributions for part in parts)]),
    )
    for part in parts:
        signals.no_signal |= part.no_signal
        signals.unweighed |= part.unweighed
    return signals


def combine_predictions(
    forecast: TargetForecast, rows: pa.Table, weights: Mapping[str, Weights]
) -> CombinedSignals:
    """Make the signals of one target from a champion's predictions, ordered by bar.

    A class is what it is; a value counts by its sign, as buy, sell or hold.
    """
    actions = answer_of(forecast.label.kind).signal_actions(rows)
    place = rows.schema.get_field_index("action")
    return combine_actions(
        forecast.combinations, rows.set_column(place, "action", actions), weights
    )


def combine_actions(
    rules: Sequence[ComponentWeighted], rows: pa.Table, weights: Mapping[str, Weights]
) -> CombinedSignals:
    """Make the signal of every bar in `rows`, a champion's predictions ordered by bar.

    A member whose weight is not known is left out and reported: what a source with partial
    weights has is combined, and `index_share` tells how much of the index that is.
    """
    if not rows.num_rows:
        return concat_signals(())
    bars = _bars(rows)
    return concat_signals([_combine(rule, bars, weights) for rule in rules])


@dataclass(frozen=True, eq=False)
class _Bars:
    """The rows of a champion, and the bars that they are of."""

    symbols: list[str]  # of each row
    actions: list[str]
    expected_scores: np.ndarray
    bar_of_row: np.ndarray
    closes_at: np.ndarray  # of each bar
    session: np.ndarray
    copied: pa.Table  # the columns that a bar's signal copies from its rows


def _bars(rows: pa.Table) -> _Bars:
    """Group rows by bar. Where models differ, the least proven speaks for the bar."""
    ts, closes_at, session, version, proven = (
        rows[name].to_numpy() for name in ("ts", "closes_at", "session", "model_version", "proven")
    )
    is_first = np.append(True, ts[1:] != ts[:-1])
    first, bar = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    least_proven = np.lexsort((-version, proven, bar))[first]
    return _Bars(
        rows["symbol"].to_pylist(),
        rows["action"].to_pylist(),
        rows["expected_score"].to_numpy(),
        bar,
        closes_at[first].astype("datetime64[us]"),
        session[first].astype("datetime64[D]"),
        rows.select(COPIED_COLUMNS).take(pa.array(least_proven)),
    )


def _combine(
    rule: ComponentWeighted, bars: _Bars, weights: Mapping[str, Weights]
) -> CombinedSignals:
    """Make the signals of one universe."""
    members = universe(rule.universe)
    symbols = sorted(members.symbols)
    index_weights = weights[members.index]
    at_bars = index_weights.at_bars(bars.closes_at, bars.session)
    # By symbol, and only of those who were members on the date of the bar's session.
    by_name = np.argsort(np.array(members.symbols, dtype=object))
    is_member = members.membership(bars.session)[:, by_name]
    weight = np.where(is_member, at_bars.of_members(symbols), np.nan)
    codes, expected = _member_scores(rule, bars, symbols, np.isfinite(weight))
    has_set = np.array([weight_set is not None for weight_set in at_bars.sets])[at_bars.set_of_bar]
    is_scored = (codes >= 0).any(axis=1)
    with_signal = np.flatnonzero(has_set & is_scored)
    _check_weights(symbols, weight[with_signal])
    reasons = Counter(
        {
            index_weights.missing_reason: int((~has_set).sum()),
            "no member that has a weight was scored": int((has_set & ~is_scored).sum()),
        }
    )
    without_weight = (np.isnan(weight) & is_member)[has_set].any(axis=0)
    unweighed = {symbols[place] for place in np.flatnonzero(without_weight).tolist()}
    return CombinedSignals(
        *_tables(
            rule, members, symbols, bars, at_bars, codes, expected, weight, is_member, with_signal
        ),
        {rule.universe: +reasons} if +reasons else {},
        {rule.universe: unweighed} if unweighed else {},
    )


def _member_scores(
    rule: ComponentWeighted, bars: _Bars, symbols: Sequence[str], has_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the members' actions and their expected scores, a row for each bar.

    They are -1 and NaN where a member has no action or no weight.
    """
    column_of = {symbol: column for column, symbol in enumerate(symbols)}
    code_of = {action: code for code, action in enumerate(rule.actions)}
    column = np.array([column_of.get(symbol, -1) for symbol in bars.symbols], np.int64)
    code = np.array([code_of.get(action, -1) for action in bars.actions], np.int64)
    rows = np.flatnonzero((column >= 0) & has_weight[bars.bar_of_row, column])
    for row in rows[code[rows] < 0].tolist():
        raise unknown(f"action of {bars.symbols[row]}", bars.actions[row], rule.actions)
    codes, expected = np.full(has_weight.shape, -1), np.full(has_weight.shape, np.nan)
    codes[bars.bar_of_row[rows], column[rows]] = code[rows]
    expected[bars.bar_of_row[rows], column[rows]] = bars.expected_scores[rows]
    return codes, expected


def _check_weights(symbols: Sequence[str], weight: np.ndarray) -> None:
    for bar, column in np.argwhere(~np.isnan(weight) & ~((weight > 0) & (weight <= 1)))[:1]:
        check_weight(symbols[column], float(weight[bar, column]))


def _tables(
    rule: ComponentWeighted,
    members: Universe,
    symbols: Sequence[str],
    bars: _Bars,
    at_bars: BarWeights,
    codes: np.ndarray,
    expected: np.ndarray,
    weight: np.ndarray,
    is_member: np.ndarray,
    with_signal: np.ndarray,
) -> tuple[pa.Table, pa.Table]:
    """Return the signals and the contributions of the bars that have a signal."""
    codes, weight = codes[with_signal], weight[with_signal]
    is_whole = (np.isfinite(weight) | ~is_member[with_signal]).all(axis=1)
    scores = np.array([*rule.scores, np.nan])[codes]
    combined = combine_scores(scores, weight)
    signal, reason = signals_of(rule, combined)
    sets = [at_bars.sets[place] for place in at_bars.set_of_bar[with_signal].tolist()]
    ages = [
        find_age_warning(members.index, weight_set.effective, day) if weight_set else ""
        for weight_set, day in zip(sets, bars.session[with_signal].tolist(), strict=True)
    ]
    known, copied = np.isfinite(weight), bars.copied.take(pa.array(with_signal))
    columns: dict[str, Any] = {
        "universe": [rule.universe] * len(with_signal),
        "index": [members.index] * len(with_signal),
        "instrument": [members.instrument] * len(with_signal),
        **{name: copied[name] for name in COPIED_COLUMNS},
        "wss": combined.wss,
        "expected_wss": combine_scores(expected[with_signal], weight).wss,
        "signal": signal,
        "reason": ["; ".join(filter(None, parts)) for parts in zip(reason, ages, strict=True)],
        "coverage": combined.coverage,
        "index_share": index_share(combined),
        "weights_effective": [weight_set.effective for weight_set in sets if weight_set],
        "weights_partial": [
            weight_set.partial or not whole
            for weight_set, whole in zip(sets, is_whole.tolist(), strict=True)
            if weight_set
        ],
    }
    bar, member = np.nonzero(known)
    names = np.array([*rule.actions, None], dtype=object)
    parts: dict[str, Any] = {
        "universe": [rule.universe] * len(bar),
        "ts": copied["ts"].take(pa.array(bar)),
        "symbol": [symbols[place] for place in member.tolist()],
        "weight": weight[known],
        "share": (weight / combined.weight[:, None])[known],
        "action": names[codes[known]],
        "score": pa.array(scores[known], from_pandas=True),
        "contribution": contributions(scores, weight, combined.weight)[known],
    }
    return _typed(columns, SIGNALS), _typed(parts, CONTRIBUTIONS)


def _typed(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.chunked_array(_array(columns[f.name], f.type)) for f in schema], schema)


def _array(values: Any, kind: pa.DataType) -> list[pa.Array]:
    """Return values as Arrow arrays of a type."""
    if isinstance(values, pa.ChunkedArray):
        return values.cast(kind).chunks or [pa.array([], kind)]
    return [pa.array(values, kind) if not isinstance(values, pa.Array) else values.cast(kind)]
