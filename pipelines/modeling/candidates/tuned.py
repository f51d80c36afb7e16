"""Parameters that a fit chooses by itself, from the rows it is given and no others.

The rows are cut into stretches of time. Each stretch but the first is said after a fit on all
that came before it, less a gap, since the outcomes of the last rows before it were not known
then. What is chosen has the smallest squared error over the stretches, each measured by the
error of saying the mean, so that a wild year counts as much as a calm one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.modeling.candidates import base

if TYPE_CHECKING:
    from optuna import Trial

FEWEST = 100  # rows in a stretch
STARTING = 6  # trials at random before what they found leads the next


class Tuned(base.Candidate, Protocol):
    """A candidate that says how long to look, and on which stretches."""

    @property
    def trials(self) -> int: ...

    @property
    def folds(self) -> int: ...

    @property
    def gap(self) -> int: ...


def best(
    candidate: Tuned,
    asked: Callable[[Trial], dict[str, Any]],
    features: np.ndarray,
    truth: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """The parameters of the best trial; none where there are too few rows to try on."""
    found = stretches(len(truth), candidate.folds, candidate.gap)
    if not candidate.trials or not found:
        return {}
    import optuna

    def error(trial: Trial) -> float:
        told = replace(candidate, **asked(trial))  # type: ignore[type-var]
        return float(np.mean([_error(told, features, truth, seed, *one) for one in found]))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTING)
    study = optuna.create_study(sampler=sampler)
    declared = base.parameters(candidate)
    study.enqueue_trial({name: declared[name] for name in _names(asked)})
    study.optimize(error, n_trials=candidate.trials)
    return dict(study.best_params)


def stretches(rows: int, folds: int, gap: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each stretch the rows to fit on and the newer ones to try on; the oldest first."""
    cuts = np.linspace(0, rows, folds + 2).astype(int)
    if rows < FEWEST * (folds + 1) or cuts[1] <= gap:
        return []
    return [(np.arange(first - gap), np.arange(first, last)) for first, last in pairwise(cuts[1:])]


def _names(asked: Callable[[Trial], dict[str, Any]]) -> list[str]:
    import optuna

    return list(asked(optuna.create_study().ask()))


def _error(
    candidate: base.Candidate,
    features: np.ndarray,
    truth: np.ndarray,
    seed: int,
    older: np.ndarray,
    newer: np.ndarray,
) -> float:
    pipeline = base.pipeline_of(candidate, features.shape[1], seed)
    pipeline.fit(features[older], truth[older])
    left = truth[newer] - pipeline.predict(features[newer])
    usual = truth[newer] - truth[older].mean()
    return float(np.sum(left**2) / max(float(np.sum(usual**2)), np.finfo(np.float64).tiny))
