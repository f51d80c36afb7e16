"""From rows of features to a model's predictions, once it fits the forecast: arrays, no lake."""

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
from pipelines.modeling.contributions import Contributions, explain
from pipelines.modeling.description import Description
from pipelines.modeling.scorer import OnnxScorer

MISSING, UNTRAINED = "missing_feature", "untrained"


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's outputs and predictions, a row for each row of features.

    What they are for each kind of target is declared in pipelines.modeling.answers.
    """

    outputs: np.ndarray  # the probability of each class, or a value and the ends of its interval
    predictions: np.ndarray  # the place in the classes, or the value
    scored_rows: np.ndarray  # places of the rows that were scored
    not_scored: dict[str, Counter[str]]  # reason -> symbol -> rows
    description: Description  # of the model
    contributions: Contributions | None = None  # of the features, to each of the scored rows


def check_fingerprint(
    forecast: TargetForecast, fingerprint: str | None, name: str = "the model"
) -> None:
    """Refuse a model that was trained on other features or another label than today's."""
    if fingerprint != forecast.model_fingerprint:
        raise InvalidRequest(
            f"{name} was trained on other features or another label than {forecast.name} has now",
            f"bullion train {forecast.name}",
        )


def check_scorer(
    forecast: TargetForecast, scorer: OnnxScorer, name: str = "the model"
) -> OnnxScorer:
    """Return the scorer if its inputs and outputs are those of the forecast; refuse it if not."""
    description = scorer.description
    check_fingerprint(forecast, description.more.get("definition"), name)
    outputs = (description.kind, description.classes)
    # A model may read a part of the forecast's features, in the forecast's order.
    known = tuple(n for n in forecast.feature_names if n in description.features)
    if description.features != known or outputs != (forecast.label.kind, forecast.label.classes):
        raise InvalidRequest(
            f"{name} takes {len(description.features)} features and gives "
            f"{', '.join(description.classes) or description.kind}: "
            f"not those of {forecast.name}, or in another order",
            f"bullion train {forecast.name}",
        )
    return scorer


def score_rows(
    scorer: OnnxScorer,
    symbols: Sequence[str],
    features: np.ndarray,
    names: Sequence[str],
    bars: np.ndarray,
    *,
    explained: bool = False,
) -> Scores:
    """Score rows that are ordered by bar; `bars` tells which rows belong to one bar.

    `names` are those of the features, of which a model may read a part: a row that lacks another
    feature is scored.

    The model gets one bar at a time: the last digit of its output depends on how many rows it
    gets at once, and a bar that is scored alone must give what it gives among thousands.
    """
    description = scorer.description
    code_of = {
        symbol: code
        for code, symbol in enumerate(description.symbols)
        if symbol not in description.untrained
    }
    code = np.array([code_of.get(symbol, -1) for symbol in symbols], np.float32)
    inputs = np.column_stack([features, code]).astype(np.float32)
    inputs = description.select_columns(inputs, names)
    is_trained, is_complete = code >= 0, np.isfinite(inputs).all(axis=1)
    outputs, predictions = answer_of(description.kind).blank(len(code), description)
    scored_rows = np.flatnonzero(is_trained & is_complete)
    edges = np.flatnonzero(bars[scored_rows][1:] != bars[scored_rows][:-1]) + 1
    for rows in np.split(scored_rows, edges) if len(scored_rows) else ():
        outputs[rows], predictions[rows] = scorer.score(inputs[rows])
    reasons = {UNTRAINED: ~is_trained, MISSING: is_trained & ~is_complete}
    not_scored = {
        reason: Counter(symbols[row] for row in np.flatnonzero(rows).tolist())
        for reason, rows in reasons.items()
        if rows.any()
    }
    explained = explained and description.is_explainable and len(scored_rows) > 0
    contributions = explain(scorer, inputs[scored_rows]) if explained else None
    return Scores(outputs, predictions, scored_rows, not_scored, description, contributions)


def explanation_columns(contributions: Contributions | None, rows: int) -> dict[str, pa.Array]:
    """Build what gold.predictions says of the features' contributions, for rows that have any."""
    text = pa.nulls(rows, pa.string())
    if contributions is None:
        nothing = pa.nulls(rows, pa.map_(pa.string(), pa.float64()))
        return {
            "feature_contributions": nothing, "contribution_method": text, "contributions_to": text
        }  # fmt: skip
    count = len(contributions.names)
    offsets = pa.array(np.arange(0, (rows + 1) * count, count, dtype=np.int32))
    names = pa.array(np.tile(np.array(contributions.names), rows), pa.string())
    values = pa.array(contributions.values.astype(np.float64).ravel())
    return {
        "feature_contributions": pa.MapArray.from_arrays(offsets, names, values),
        "contribution_method": pa.repeat(pa.scalar(contributions.method), rows),
        "contributions_to": pa.repeat(pa.scalar(contributions.explained), rows),
    }


def prediction_rows(
    keys: pa.Table, scores: Scores, label: Label, constants: Mapping[str, object]
) -> pa.Table:
    """Build rows of gold.predictions, without when they were scored and whether they are live.

    `keys` has a row for each row of `scores`; `constants` are columns with one value for all rows.
    """
    rows = scores.scored_rows
    predictions = keys.take(pa.array(rows))
    columns = answer_of(label.kind).columns(
        label, scores.outputs[rows], scores.predictions[rows], scores.description
    ) | explanation_columns(scores.contributions, len(rows))
    for name, value in constants.items():
        kind = pa.string() if value is None else None
        columns[name] = pa.repeat(pa.scalar(value, kind), len(rows))
    for name, column in columns.items():
        predictions = predictions.append_column(name, column)
    return predictions


def instants(values: np.ndarray) -> pa.Array:
    """Convert NumPy's UTC instants to the lake's type of times."""
    return pa.array(values).cast(UTC_TYPE)
