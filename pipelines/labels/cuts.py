"""Cut outcomes into classes, by thresholds that are learned from training outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.core.errors import InvalidRequest

LEAST_OUTCOMES = 100


def check_cuts(cuts: Sequence[float], classes: Sequence[str]) -> None:
    """Refuse cuts that do not ascend or are not one fewer than the classes."""
    if len(cuts) != len(classes) - 1 or list(cuts) != sorted(set(cuts)):
        raise InvalidRequest(
            f"{tuple(cuts)} do not cut {', '.join(classes)}",
            f"name numbers that ascend, {len(classes) - 1} of them",
        )


def learn_thresholds(
    outcomes: np.ndarray, quantiles: Sequence[float], name: str
) -> tuple[float, ...]:
    """Return the quantiles of the finite outcomes, which become the thresholds."""
    finite_outcomes = outcomes[np.isfinite(outcomes)]
    if len(finite_outcomes) < LEAST_OUTCOMES:
        raise InvalidRequest(
            f"{len(finite_outcomes)} outcomes are too few to learn the classes of {name} from",
            "train on a longer span or on more symbols",
        )
    return tuple(float(cut) for cut in np.quantile(finite_outcomes, quantiles))


def classify(outcomes: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Return the number of each outcome's class; -1 where there is no outcome."""
    places = np.searchsorted(np.asarray(thresholds), outcomes, side="right").astype(np.int8)
    places[~np.isfinite(outcomes)] = -1
    return places
