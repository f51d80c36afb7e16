"""Predictions of feature rows by the models of all targets, as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from pipelines.core.errors import InvalidField
from pipelines.core.instants import from_numpy
from pipelines.requests.kinds import KINDS
from pipelines.requests.model import Model, Models
from pipelines.requests.predictions import (
    NextBar,
    TargetRows,
    missing_features_error,
    next_bars,
    predict_rows,
)
from serving.schemas.answers import NO_FIELDS

Row = dict[str, Any]


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
    forecast, read_names = models.forecast, set(models.feature_names)
    main = upcoming[models.main.target]
    return {
        **build_marks(models, (*feature_row.notices, *_note_neutral_values(feature_row))),
        **describe_prediction(models, predictions, upcoming, min_confidence),
        "symbol": feature_row.symbol,
        "interval": forecast.interval,
        "ts": _instant(feature_row.ts),
        "closes_at": _instant(feature_row.closes_at),
        "timestamp_next": main.closes_at,
        "spans_night": main.spans_night,
        "features_used": {
            name: value
            for name, value in zip(
                forecast.feature_names, feature_row.features.tolist(), strict=True
            )
            if name in read_names
        },
        "bars_used": feature_row.bars,
        "data_source": feature_row.data_source,
    }


def _note_neutral_values(row: FeatureRow) -> list[str]:
    """Say what was missing beside the bars of a row that could be scored all the same."""
    return [
        f"{sentence}: features that read it have the neutral value of their declaration, and "
        "has_... says that it is missing"
        for sentence in row.missing_inputs
    ]


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
        "sample": model.sample or model.has_made_up_news,
        "notices": model.notices,
    }


def _instant(at: np.datetime64) -> datetime | None:
    return None if np.isnat(at) else from_numpy(at)
