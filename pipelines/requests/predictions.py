"""Predictions of rows of features by the models of all targets, and the bars they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import next_closes, spans_night
from pipelines.core.errors import InvalidField
from pipelines.core.instants import from_numpy
from pipelines.modeling.answers import answer_of
from pipelines.requests.model import Model, Models
from pipelines.scoring.predict import explanation_columns, score_rows

Row = dict[str, Any]
MOST_EXPLAINED = 100  # rows at a time: those of longer files have no contributions
NEVER = np.datetime64("NaT", "us")


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

    The result is None for a row that lacks a feature which one of them reads.
    """
    by_row: list[dict[str, Row]] = [{} for _ in symbols]
    for name, model in models.by_target.items():
        explained = model.forecast.target.explained and len(symbols) <= MOST_EXPLAINED
        scores = score_rows(
            model.scorer,
            symbols,
            features,
            models.forecast.feature_names,
            np.zeros(len(symbols)),
            explained=explained,
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
        NextBar(None, None) if np.isnat(at) else NextBar(from_numpy(at), bool(night))
        for at, night in zip(closes, nights, strict=True)
    ]


def missing_features_error(
    models: Models, row: np.ndarray, missing_inputs: Sequence[str] = ()
) -> InvalidField:
    """Return the error of a row of features that has no prediction.

    `missing_inputs` say what features read beside the bars and did not find.
    """
    features = zip(models.forecast.feature_names, np.isfinite(row).tolist(), strict=True)
    read_names = models.feature_names
    names = ", ".join(name for name, there in features if not there and name in read_names)
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
