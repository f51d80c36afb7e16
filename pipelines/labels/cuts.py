"""Outcomes cut into classes by thresholds that are learned from training outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.core.errors import InvalidRequest

LEAST_OUTCOMES = 100


def check_cuts(cuts: Sequence[float], classes: Sequence[str]) -> None:
    """One cut fewer than there are classes, and they ascend."""
    if len(cuts) != len(classes) - 1 or list(cuts) != sorted(set(cuts)):
        raise InvalidRequest(
            f"{tuple(cuts)} do not cut {', '.join(classes)}",
            f"name numbers that ascend, {len(classes) - 1} of them",
        )


def learn_thresholds(
    outcomes: np.ndarray, quantiles: Sequence[float], name: str
) -> tuple[float, ...]:
    """The thresholds that leave these shares of the known outcomes below them."""
    known = outcomes[np.isfinite(outcomes)]
    if len(known) < LEAST_OUTCOMES:
        raise InvalidRequest(
            f"{len(known)} outcomes are too few to learn the classes of {name} from",
            "train on a longer span or on more symbols",
        )
    return tuple(float(cut) for cut in np.quantile(known, quantiles))


def classify(outcomes: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """The place of each outcome's class; -1 where there is no outcome."""
    places = np.searchsorted(np.asarray(thresholds), outcomes, side="right").astype(np.int8)
    places[~np.isfinite(outcomes)] = -1
    return places
