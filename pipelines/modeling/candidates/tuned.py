"""Tune the parameters of a candidate on its training rows, walking forward in time.

The rows are cut into stretches of time. Each stretch but the first is predicted after a fit on
all that came before it, less a gap, since the outcomes of the last rows before it were not known
then. The best parameters have the smallest loss over the stretches. A loss is a share of what
knowing nothing would lose there, so that a wild year counts as much as a calm year.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.scikit_learn import FittedPipeline, PipelineCandidate

if TYPE_CHECKING:
    from optuna import Trial

LEAST_ROWS = 100  # in a fold
RANDOM_TRIALS = 6  # trials at random before their results lead the next
SMALLEST_PROBABILITY = 1e-7  # smaller ones are raised to it before the logarithm


class TunedCandidate(PipelineCandidate):
    """A candidate that tries parameters before its fit: the base of frozen dataclasses.

    The declared parameters are the first that are tried. Without trials they are those of the fit.
    """

    trials: int
    folds: int
    # Rows between those that a trial is fitted on and those it is tried on: at least the bars
    # until an outcome is known, times the symbols.
    gap: int

    @abstractmethod
    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Suggest the parameters of a trial, by the names of the candidate's fields."""

    @abstractmethod
    def loss(self, predictions: np.ndarray, newer: Training, older: Training) -> float:
        """The loss of predictions of newer rows after a fit on older rows; smaller is better."""

    def fit(self, training: Training) -> FittedPipeline:
        """Fit with the parameters of the best trial."""
        tuned = best_parameters(self, training)
        return replace(_fit_declared(_replace(self, tuned), training), tuned_parameters=tuned)


def best_parameters(candidate: TunedCandidate, training: Training) -> dict[str, Any]:
    """The parameters of the best trial; none where there are too few rows to try on."""
    folds = [
        (training.take(older), training.take(newer))
        for older, newer in time_folds(len(training), candidate.folds, candidate.gap)
    ]
    folds = [(older, newer) for older, newer in folds if _has_all_classes(older)]
    if not candidate.trials or not folds:
        return {}
    import optuna

    def error(trial: Trial) -> float:
        trial_candidate = _replace(candidate, candidate.suggest(trial))
        losses = []
        for older, newer in folds:
            predictions = _fit_declared(trial_candidate, older).predict(newer.features)
            losses.append(candidate.loss(predictions, newer, older))
        return float(np.mean(losses))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=training.seed, n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(sampler=sampler)
    names = candidate.suggest(optuna.create_study().ask())
    study.enqueue_trial({name: getattr(candidate, name) for name in names})
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


def squared_error_share(predictions: np.ndarray, newer: Training, older: Training) -> float:
    """The squared error of values, as a share of that of predicting the mean of older rows."""
    residuals = newer.truth - predictions
    from_mean = newer.truth - older.truth.mean()
    return float(np.sum(residuals**2) / max(float(np.sum(from_mean**2)), np.finfo(np.float64).tiny))


def log_loss_share(predictions: np.ndarray, newer: Training, older: Training) -> float:
    """The log loss of balanced probabilities, as a share of that of giving all classes the same.

    Rows are weighed so that all classes count alike, as they are in a fit.
    """
    of_true_class = predictions[np.arange(len(newer)), newer.truth].astype(np.float64)
    losses = -np.log(np.maximum(of_true_class, SMALLEST_PROBABILITY))
    return float(np.average(losses, weights=newer.weights) / np.log(newer.classes))


def _has_all_classes(training: Training) -> bool:
    return not training.classes or len(np.unique(training.truth)) == training.classes


def _replace(candidate: TunedCandidate, tuned: Mapping[str, Any]) -> TunedCandidate:
    return replace(candidate, **tuned)


def _fit_declared(candidate: TunedCandidate, training: Training) -> FittedPipeline:
    """Fit with the declared parameters, which nothing is tried before."""
    return PipelineCandidate.fit(candidate, training)
