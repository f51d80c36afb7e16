"""The tables of a backtest: predictions, signals, and summaries by window and by symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.backtest.judged_rows import JUDGED_KINDS, JudgedRows, summarise_rows
from pipelines.backtest.path import Path
from pipelines.backtest.policy import BarReturns
from pipelines.backtest.tune import WindowThresholds
from pipelines.backtest.walk import ScoredRows, Scorer
from pipelines.core.calendar import UTC_TYPE
from pipelines.forecasts import TargetForecast
from pipelines.labels.base import Label
from pipelines.labels.sides import SIGN_SIDES
from pipelines.modeling.answers import VALUES, answer_of


def summarise_windows(
    forecast: TargetForecast,
    scorers: Sequence[Scorer],
    scored: ScoredRows,
    judged_rows: JudgedRows,
    window_of_bar: np.ndarray,
    bar_returns: Mapping[str, BarReturns],
    tuned: Sequence[WindowThresholds],
) -> list[dict[str, Any]]:
    """Summarise the predictions and the returns of each window."""
    kind = forecast.label.kind
    window_of_judged = scored.window[JUDGED_KINDS[kind].is_judged(scored.actual)]
    thresholds_of = {row.window: row.thresholds for row in tuned}
    rows = []
    for scorer in scorers:
        window, bars = scorer.window, window_of_bar == scorer.window.number
        row: dict[str, Any] = {
            "window": window.number,
            "first_session": str(window.first),
            "last_session": str(window.last),
            "model": scorer.candidate,
            **({"model_version": scorer.version} if scorer.version is not None else {}),
            "trained_as_of": f"{window.as_of}Z",
            "training_rows": scorer.training_rows,
            **summarise_rows(judged_rows.take(window_of_judged == window.number), kind),
            "net": round(float(bar_returns["signal"].net[bars].sum()), 10),
            "proven": scorer.proven,
            "reason": scorer.reason,
        }
        if window.number in thresholds_of:
            thresholds = thresholds_of[window.number]
            row |= {"buy_at": thresholds.buy_at, "sell_at": thresholds.sell_at}
            if thresholds.least_confidence is not None:
                row["least_confidence"] = thresholds.least_confidence
            row["net_tuned"] = round(float(bar_returns["tuned"].net[bars].sum()), 10)
        rows.append(row)
    return rows


def summarise_symbols(
    forecast: TargetForecast, scored: ScoredRows, judged_rows: JudgedRows
) -> list[dict[str, Any]]:
    """Summarise the predictions of each symbol."""
    kind = forecast.label.kind
    code_of_row = scored.rows.symbol[JUDGED_KINDS[kind].is_judged(scored.actual)]
    rows = [
        {
            "symbol": forecast.symbols[code],
            **summarise_rows(judged_rows.take(code_of_row == code), kind),
        }
        for code in np.unique(code_of_row)
    ]
    return sorted(rows, key=lambda row: str(row["symbol"]))


def build_predictions(
    forecast: TargetForecast, scored: ScoredRows, scorers: Sequence[Scorer]
) -> pa.Table:
    """Build a row for each scored row, with all that its score follows from."""
    label, rows = forecast.label, scored.rows
    versions = {scorer.window.number: scorer.version for scorer in scorers}
    score, expected = answer_of(label.kind).signal_scores(
        label.scores, scored.outputs, scored.predicted
    )
    columns: dict[str, Any] = {
        "symbol": [forecast.symbols[code] for code in rows.symbol.tolist()],
        "ts": pa.array(scored.ts).cast(UTC_TYPE),
        "closes_at": pa.array(rows.closes_at).cast(UTC_TYPE),
        "session": pa.array(rows.session),
        "place": rows.place,
        "window": scored.window,
        "model_version": pa.array([versions[n] for n in scored.window.tolist()], pa.int64()),
        "action": _name_actions(label, scored.predicted),
        "score": score,
        "expected_score": expected,
        **OUTPUT_COLUMNS[label.kind](label, scored),
        "outcome": pa.array(rows.outcome, from_pandas=True),
        "actual": pa.array(_name_actions(label, scored.actual), pa.string()),
        "known_at": pa.array(rows.known_at).cast(UTC_TYPE),
    }
    return pa.table(columns)


def _name_actions(label: Label, predictions: np.ndarray) -> list[str | None]:
    """Name the class of each place, or the side of each value; None where it is not known."""
    names, places = label.classes, predictions
    if not names:
        names, signs = SIGN_SIDES[0], np.sign(predictions)
        places = np.where(np.isfinite(signs), signs + 1, -1).astype(np.int64)
    return [names[place] if place >= 0 else None for place in places.tolist()]


def _class_columns(label: Label, scored: ScoredRows) -> dict[str, Any]:
    columns = {"confidence": scored.outputs[np.arange(len(scored)), scored.predicted]}
    for column, name in enumerate(label.classes):
        columns[f"probability_{name}"] = scored.outputs[:, column]
    return columns


def _value_columns(label: Label, scored: ScoredRows) -> dict[str, Any]:
    return {name: scored.outputs[:, column] for column, name in enumerate(VALUES)}


OUTPUT_COLUMNS = {"classes": _class_columns, "value": _value_columns}


def build_signals(
    path: Path,
    window_of_bar: np.ndarray,
    scores: Mapping[str, np.ndarray],
    tuned_columns: Mapping[str, Any],
    bar_returns: Mapping[str, BarReturns],
) -> pa.Table:
    """Build a row for each bar: its signal, and the position and return of each way of trading."""
    columns: dict[str, Any] = {
        "ts": pa.array(path.ts).cast(UTC_TYPE),
        "closes_at": pa.array(path.closes_at).cast(UTC_TYPE),
        "session": pa.array(path.session),
        "window": window_of_bar,
        **scores,
        **tuned_columns,
        "index_close": path.close,
        "over_night": path.over_night,
    }
    for name, returns in bar_returns.items():
        prefix = "" if name == "signal" else f"{name}_"
        columns |= {f"{prefix}position": returns.position, f"{prefix}gross": returns.gross}
        columns |= {f"{prefix}cost": returns.cost, f"{prefix}net": returns.net}
        if name == "policy":
            columns["policy_exit"] = returns.exits
    return pa.table(columns)
