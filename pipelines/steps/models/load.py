"""Models as steps use them: read from the registry, and refused unless they fit the forecast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.modeling.scorer import OnnxScorer, UnreadableModel
from pipelines.registry.decisions import ModelDecision, ModelKey, Serving, serving
from pipelines.registry.mlflow import Registry, Unsound, model_name
from pipelines.scoring.predict import check_fingerprint, check_scorer


def champion(registry: Registry, forecast: TargetForecast, decision: ModelDecision) -> OnnxScorer:
    """The model that was decided on; an error, and never another model, where it cannot serve."""
    name = f"{model_name(forecast)} version {decision.model_version}"
    check_fingerprint(forecast, decision.definition, name)  # before anything is read
    body = registry.model(model_name(forecast), decision.model_version, decision.sha256)
    return check_scorer(forecast, OnnxScorer(body, decision.sha256), name)


def challenger(
    registry: Registry, forecast: TargetForecast, decision: ModelDecision, candidate: str
) -> OnnxScorer:
    """The model of another candidate that was kept beside the one decided on."""
    name = f"{candidate} beside {model_name(forecast)} version {decision.model_version}"
    digest = decision.challengers[candidate]
    body = registry.challenger(decision.run_id, candidate, digest)
    return check_scorer(forecast, OnnxScorer(body, digest), name)


@dataclass(frozen=True)
class ServedBars:
    """Closes of bars, and the model that serves them; what is missing of it is None."""

    closes: np.ndarray
    who: Serving | None  # None: nothing had been trained before
    model: OnnxScorer | None  # None: its file is lost, and no other model may serve instead


def models_of_bars(
    registry: Registry,
    forecast: TargetForecast,
    decisions: Sequence[ModelDecision],
    closes: np.ndarray,
    lost: dict[ModelKey, str],
) -> Iterator[ServedBars]:
    """Load the models that serve bars, one after the other, the oldest bars first.

    A model whose file is lost goes to `lost`, with the reason; the one that serves instead of it
    follows. One decided on that is of another definition is an error: the forecast was changed.
    """
    waiting = _by_model(decisions, closes, lost)
    while waiting:
        who, its = waiting.pop(0)
        if who is None:
            yield ServedBars(its, None, None)
            continue
        try:
            model = champion(registry, forecast, who.decision)
        except (Unsound, UnreadableModel, InvalidRequest) as error:
            if isinstance(error, InvalidRequest) and who.instead_of is None:
                raise
            lost[who.decision.model] = error.message
            for other, bars in reversed(_by_model(decisions, its, lost)):
                if other is None:
                    yield ServedBars(bars, who, None)
                else:
                    waiting.insert(0, (other, bars))
        else:
            yield ServedBars(its, who, model)


def _by_model(
    decisions: Sequence[ModelDecision],
    closes: np.ndarray,
    lost: Mapping[ModelKey, str],
) -> list[tuple[Serving | None, np.ndarray]]:
    """The bars that each model serves, oldest first."""
    together: dict[object, tuple[Serving | None, list[datetime]]] = {}
    for at in closes.tolist():
        who = serving(decisions, at.replace(tzinfo=UTC), lost)
        name = who and (who.decision.model, who.proven, who.unproven_reason, who.instead_of)
        together.setdefault(name, (who, []))[1].append(at)
    return [(who, np.array(bars, "datetime64[us]")) for who, bars in together.values()]
