"""From rows of features to what a model says of them, once it fits: arrays, no lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.labels import Label
from pipelines.modeling.answers import answer_of
from pipelines.modeling.scorer import OnnxScorer

MISSING, UNTRAINED = "missing_feature", "untrained"


@dataclass(frozen=True, eq=False)
class Said:
    """What a model gives and says of rows; see pipelines.modeling.answers."""

    given: np.ndarray  # a column a number: the probability of each class, or a value and its ends
    said: np.ndarray  # the place in the classes, or the value
    good: np.ndarray  # the rows that are scored
    not_scored: dict[str, Counter[str]]  # reason -> symbol -> rows


def same_definition(
    forecast: TargetForecast, definition: str | None, name: str = "the model"
) -> None:
    """Refuse a model that was made by another definition than the forecast has."""
    if definition != forecast.model_fingerprint:
        raise InvalidRequest(
            f"{name} was trained on other features or another label than {forecast.name} has now",
            f"bullion train {forecast.name}",
        )


def fitting(forecast: TargetForecast, scorer: OnnxScorer, name: str = "the model") -> OnnxScorer:
    """The scorer, if what it takes and gives is what the forecast means."""
    told = scorer.description
    same_definition(forecast, told.more.get("definition"), name)
    answers = (told.kind, told.classes)
    if told.features != forecast.feature_names or answers != (
        forecast.label.kind,
        forecast.label.classes,
    ):
        raise InvalidRequest(
            f"{name} takes {len(told.features)} features and gives "
            f"{', '.join(told.classes) or told.kind}: "
            f"not those of {forecast.name}, or in another order",
            f"bullion train {forecast.name}",
        )
    return scorer


def say(scorer: OnnxScorer, symbols: Sequence[str], features: np.ndarray, bars: np.ndarray) -> Said:
    """Score rows that are ordered by bar; `bars` says which rows are of one bar.

    The model is asked bar by bar: its last digit depends on how many rows it is given at once,
    and a bar that is scored alone is to say what it says among thousands.
    """
    told = scorer.description
    codes = {s: place for place, s in enumerate(told.symbols) if s not in told.untrained}
    code = np.array([codes.get(symbol, -1) for symbol in symbols], np.float32)
    known, whole = code >= 0, np.isfinite(features).all(axis=1)
    given, said = answer_of(told.kind).nothing(len(code), told)
    good = np.flatnonzero(known & whole)
    asked = np.column_stack([features, code]).astype(np.float32)
    edges = np.flatnonzero(bars[good][1:] != bars[good][:-1]) + 1
    for rows in np.split(good, edges) if len(good) else ():
        given[rows], said[rows] = scorer.score(asked[rows])
    lost = {UNTRAINED: ~known, MISSING: known & ~whole}
    counted = {
        why: Counter(symbols[row] for row in np.flatnonzero(rows).tolist())
        for why, rows in lost.items()
        if rows.any()
    }
    return Said(given, said, good, counted)


def prediction_rows(
    keys: pa.Table, said: Said, label: Label, about: Mapping[str, object]
) -> pa.Table:
    """Rows of gold.predictions of what was scored, all but when that was, and whether live.

    `keys` has a row for each that was asked; `about` is the same for all of them.
    """
    rows = said.good
    made = keys.take(pa.array(rows))
    columns = answer_of(label.kind).columns(label, said.given[rows], said.said[rows])
    for name, value in about.items():
        kind = pa.string() if value is None else None
        columns[name] = pa.repeat(pa.scalar(value, kind), len(rows))
    for name, column in columns.items():
        made = made.append_column(name, column)
    return made


def instants(values: np.ndarray) -> pa.Array:
    """NumPy's UTC instants as the lake has them."""
    return pa.array(values).cast(UTC_TYPE)
