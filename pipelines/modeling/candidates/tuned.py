"""Tune the parameters of a candidate on its training rows, walking forward in time.

The rows are cut into stretches of time. Each stretch but the first is predicted after a fit on
all that came before it, less a gap, since the outcomes of the last rows before it were not known
then. The best parameters have the smallest squared error over the stretches, each in proportion
to the error of predicting the mean, so that a wild year counts as much as a calm year.
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

LEAST_ROWS = 100  # in a fold
RANDOM_TRIALS = 6  # trials at random before their results lead the next


class Tuned(base.Candidate, Protocol):
    """A candidate that declares how many trials to make, and on which folds."""

    @property
    def trials(self) -> int: ...

    @property
    def folds(self) -> int: ...

    @property
    def gap(self) -> int: ...


def best_parameters(
    candidate: Tuned,
    suggest: Callable[[Trial], dict[str, Any]],
    features: np.ndarray,
    truth: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """The parameters of the best trial; none where there are too few rows to try on."""
    folds = time_folds(len(truth), candidate.folds, candidate.gap)
    if not candidate.trials or not folds:
        return {}
    import optuna

    def error(trial: Trial) -> float:
        trial_candidate = replace(candidate, **suggest(trial))  # type: ignore[type-var]
        return float(
            np.mean([_error(trial_candidate, features, truth, seed, *fold) for fold in folds])
        )

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(sampler=sampler)
    declared = base.parameters(candidate)
    study.enqueue_trial({name: declared[name] for name in _names(suggest)})
    study.optimize(error, n_trials=candidate.trials)
    return dict(study.best_params)


def time_folds(rows: int, folds: int, gap: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows to fit on and the newer rows to try on, for each fold; the oldest fold first.

    TimeSeriesSplit(gap=) gives the same folds where rows divide evenly, and elsewhere edges some
    rows later: existing trainings would be tuned otherwise.
    """
    cuts = np.linspace(0, rows, folds + 2).astype(int)
    if rows < LEAST_ROWS * (folds + 1) or cuts[1] <= gap:
        return []
    return [(np.arange(first - gap), np.arange(first, last)) for first, last in pairwise(cuts[1:])]


def _names(suggest: Callable[[Trial], dict[str, Any]]) -> list[str]:
    import optuna

    return list(suggest(optuna.create_study().ask()))


def _error(
    candidate: base.Candidate,
    features: np.ndarray,
    truth: np.ndarray,
    seed: int,
    older: np.ndarray,
    newer: np.ndarray,
) -> float:
    pipeline = base.build_pipeline(candidate, features.shape[1], seed)
    pipeline.fit(features[older], truth[older])
    residuals = truth[newer] - pipeline.predict(features[newer])
    from_mean = truth[newer] - truth[older].mean()
    return float(np.sum(residuals**2) / max(float(np.sum(from_mean**2)), np.finfo(np.float64).tiny))
