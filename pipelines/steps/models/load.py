"""Load models from the registry, and refuse those that do not fit the forecast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.forecasts import TargetForecast
from pipelines.modeling.description import UnreadableModel
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import (
    ModelDecision,
    ModelKey,
    ServingModel,
    serving_model_at,
)
from pipelines.registry.mlflow import Registry, UnsoundModel, model_name
from pipelines.scoring.predict import check_fingerprint, check_scorer


def load_champion(
    registry: Registry, forecast: TargetForecast, decision: ModelDecision
) -> OnnxScorer:
    """Load the model that was decided on; raise where it cannot serve, and never load another."""
    name = f"{model_name(forecast)} version {decision.model_version}"
    check_fingerprint(forecast, decision.definition, name)  # before anything is read
    body = registry.read_model(model_name(forecast), decision.model_version, decision.sha256)
    return check_scorer(forecast, OnnxScorer(body, decision.sha256), name)


def load_challenger(
    registry: Registry, forecast: TargetForecast, decision: ModelDecision, candidate: str
) -> OnnxScorer:
    """Load the model of another candidate of the same training."""
    name = f"{candidate} beside {model_name(forecast)} version {decision.model_version}"
    digest = decision.challengers[candidate]
    body = registry.read_challenger(decision.run_id, candidate, digest)
    return check_scorer(forecast, OnnxScorer(body, digest), name)


@dataclass(frozen=True)
class ServedBars:
    """Bars by their closes, and the model that serves them."""

    closes: np.ndarray
    serving: ServingModel | None  # None: nothing had been trained before
    model: OnnxScorer | None  # None: its file is lost, and no other model may serve instead


def load_models_of_bars(
    registry: Registry,
    forecast: TargetForecast,
    decisions: Sequence[ModelDecision],
    closes: np.ndarray,
    lost: dict[ModelKey, str],
) -> Iterator[ServedBars]:
    """Load the models that serve bars one by one, the oldest bars first.

    A model whose file is lost is added to `lost` with the reason, and the model that serves
    instead of it follows. A model of another definition raises: the forecast was changed.
    """
    queue = _group_by_model(decisions, closes, lost)
    while queue:
        serving, bars = queue.pop(0)
        if serving is None:
            yield ServedBars(bars, None, None)
            continue
        try:
            model = load_champion(registry, forecast, serving.decision)
        except (UnsoundModel, UnreadableModel, InvalidRequest) as error:
            if isinstance(error, InvalidRequest) and serving.instead_of is None:
                raise
            lost[serving.decision.model] = error.message
            for substitute, its_bars in reversed(_group_by_model(decisions, bars, lost)):
                if substitute is None:
                    yield ServedBars(its_bars, serving, None)
                else:
                    queue.insert(0, (substitute, its_bars))
        else:
            yield ServedBars(bars, serving, model)


def _group_by_model(
    decisions: Sequence[ModelDecision],
    closes: np.ndarray,
    lost: Mapping[ModelKey, str],
) -> list[tuple[ServingModel | None, np.ndarray]]:
    """The bars that each model serves, oldest first.

    All bars between two decisions are served alike: one of them is asked about.
    """
    effective = np.unique(np.array([to_numpy(row.as_of) for row in decisions], "datetime64[us]"))
    interval_of_bar = np.searchsorted(effective, closes, side="left")
    groups: dict[object, tuple[ServingModel | None, list[np.ndarray]]] = {}
    for interval in np.unique(interval_of_bar).tolist():
        bars = closes[interval_of_bar == interval]
        serving = serving_model_at(decisions, from_numpy(bars[0]), lost)
        key = serving and (
            serving.decision.model,
            serving.proven,
            serving.unproven_reason,
            serving.instead_of,
        )
        groups.setdefault(key, (serving, []))[1].append(bars)
    return [(serving, np.concatenate(bars)) for serving, bars in groups.values()]
