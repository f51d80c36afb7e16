"""Predictions of feature rows by the models of all targets, as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import next_closes, spans_night
from pipelines.modeling.answers import answer_of
from pipelines.scoring.predict import explanation_columns, score_rows
from serving.schemas.errors import InvalidField
from serving.state.kinds import KINDS, NO_FIELDS
from serving.state.model import Model, Models
from serving.state.times import instant

Row = dict[str, Any]
MOST_EXPLAINED = 100  # rows at a time: those of longer files have no contributions
NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class FeatureRow:
    """One row of features to be scored, and what its answer says about it."""

    symbol: str
    features: np.ndarray
    ts: np.datetime64  # NaT where the bar is not known
    closes_at: np.datetime64
    bars: int  # how many the features were computed from
    data_source: str
    notices: tuple[str, ...]
    missing_inputs: tuple[str, ...] = ()  # what features read beside the bars, in words


@dataclass(frozen=True)
class NextBar:
    """The bar that a prediction is about; None where that is not known."""

    closes_at: datetime | None
    spans_night: bool | None


TargetRows = Mapping[str, Row]
"""Predictions of one bar by target, with the columns of gold.predictions."""


def predict_rows(
    models: Models, symbols: Sequence[str], features: np.ndarray
) -> list[TargetRows | None]:
    """Predict rows of features: each model runs once over all of them.

    The result is None for a row that lacks a feature.
    """
    by_row: list[dict[str, Row]] = [{} for _ in symbols]
    for name, model in models.by_target.items():
        explained = model.forecast.target.explained and len(symbols) <= MOST_EXPLAINED
        scores = score_rows(
            model.scorer, symbols, features, np.zeros(len(symbols)), explained=explained
        )
        label, good = model.forecast.label, scores.scored_rows
        columns = answer_of(label.kind).columns(
            label, scores.outputs[good], scores.predictions[good], scores.description
        ) | explanation_columns(scores.contributions, len(good))
        for place, row in zip(good.tolist(), pa.table(columns).to_pylist(), strict=True):
            for column in ("probabilities", "feature_contributions"):
                row[column] = dict(row[column]) if row[column] is not None else None
            by_row[place][name] = row
    return [by_target if len(by_target) == len(models.by_target) else None for by_target in by_row]


def next_bars(models: Models, ts: np.ndarray, closes_at: np.ndarray) -> dict[str, list[NextBar]]:
    """Return by target the bars that the predictions of these bars are about."""
    by_horizon: dict[int, list[NextBar]] = {}
    horizons = {name: model.forecast.label.horizon for name, model in models.by_target.items()}
    for horizon in set(horizons.values()):
        by_horizon[horizon] = _bars_after(models.main, ts, closes_at, horizon)
    return {name: by_horizon[horizon] for name, horizon in horizons.items()}


def _bars_after(model: Model, ts: np.ndarray, closes_at: np.ndarray, horizon: int) -> list[NextBar]:
    closes, is_known = np.full(len(ts), NEVER), ~np.isnat(ts)
    closes[is_known] = next_closes(
        model.market, model.forecast.bar, model.grid, ts[is_known], horizon
    )
    nights = spans_night(model.market, closes_at, closes)
    return [
        NextBar(None, None) if np.isnat(at) else NextBar(instant(at), bool(night))
        for at, night in zip(closes, nights, strict=True)
    ]


def build_predictions(
    models: Models, feature_rows: Sequence[FeatureRow], min_confidence: float | None
) -> list[Row | InvalidField]:
    """Build the answer for each row, without its latency, or the error of a row without one."""
    rows = np.stack([row.features for row in feature_rows])
    by_row = predict_rows(models, [row.symbol for row in feature_rows], rows)
    ts, closes = (
        np.array([getattr(row, name) for row in feature_rows]) for name in ("ts", "closes_at")
    )
    upcoming = next_bars(models, ts, closes)
    return [
        missing_features_error(models, row.features, row.missing_inputs)
        if predictions is None
        else _build_prediction(
            models, row, predictions, {t: bars[n] for t, bars in upcoming.items()}, min_confidence
        )
        for n, (row, predictions) in enumerate(zip(feature_rows, by_row, strict=True))
    ]


def _build_prediction(
    models: Models,
    feature_row: FeatureRow,
    predictions: TargetRows,
    upcoming: Mapping[str, NextBar],
    min_confidence: float | None,
) -> Row:
    forecast = models.forecast
    main = upcoming[models.main.target]
    return {
        **build_marks(models, feature_row.notices),
        **describe_prediction(models, predictions, upcoming, min_confidence),
        "symbol": feature_row.symbol,
        "interval": forecast.interval,
        "ts": _instant(feature_row.ts),
        "closes_at": _instant(feature_row.closes_at),
        "timestamp_next": main.closes_at,
        "spans_night": main.spans_night,
        "features_used": dict(
            zip(forecast.feature_names, feature_row.features.tolist(), strict=True)
        ),
        "bars_used": feature_row.bars,
        "data_source": feature_row.data_source,
    }


def missing_features_error(
    models: Models, row: np.ndarray, missing_inputs: Sequence[str] = ()
) -> InvalidField:
    """Return the error of a row of features that has no prediction."""
    absent = np.flatnonzero(~np.isfinite(row))
    names = ", ".join(models.forecast.feature_names[place] for place in absent)
    if missing_inputs:
        return InvalidField(
            f"there is no value of {names}: {'; '.join(missing_inputs)}",
            "send these bars as `companions`, or bring them to the lake: bullion ingest",
            "companions",
        )
    return InvalidField(
        f"the bars give no value of {names}",
        "send bars with volume, and with prices that move",
        "bars",
    )


def describe_prediction(
    models: Models,
    predictions: TargetRows,
    upcoming: Mapping[str, NextBar],
    min_confidence: float | None,
) -> Row:
    """Describe the predictions of all targets by name, and the main one at the top."""
    targets: dict[str, Row | None] = dict.fromkeys(models.forecast.target_names)
    top: Row = {}
    for name, model in models.by_target.items():
        label, bar = model.forecast.label, upcoming[name]
        fields = KINDS[label.kind].fields(label, predictions[name], min_confidence)
        top = top or NO_FIELDS | fields | {"target": name}
        times = {"timestamp_next": bar.closes_at, "spans_night": bar.spans_night}
        targets[name] = fields | times | describe_model(model)
    return top | {"targets": targets}


def describe_model(model: Model) -> Row:
    """Describe the model of one target."""
    return {
        "candidate": model.candidate,
        "model_version": model.version,
        "proven": model.proven,
        "unproven_reason": model.unproven_reason,
    }


def describe_models(models: Models) -> dict[str, Row]:
    """Describe the models of all targets, by target."""
    return {name: describe_model(model) for name, model in models.by_target.items()}


def build_marks(models: Models, notices: Sequence[str] = ()) -> Row:
    """Return what every answer says about its models; the main target's stands for all."""
    return model_marks(models.main) | {"notices": [*notices, *models.notices]}


def model_marks(model: Model) -> Row:
    """Return what an answer says about one model."""
    return {
        "forecast": model.forecast.name,
        "model_version": model.version,
        "proven": model.proven,
        "unproven_reason": model.unproven_reason,
        "trained_on": model.source,
        "sample": model.sample,
        "notices": model.notices,
    }


def _instant(at: np.datetime64) -> datetime | None:
    return None if np.isnat(at) else instant(at)
