"""What a candidate is, and how every candidate is fitted.

A candidate is a classifier or a regressor with its parameters; whatever else a fit needs is the
same for all candidates and stands here. All columns but the last are features; the last is the
symbol's code. Where a candidate measures distances, features are scaled and the code becomes a
column a symbol, both as learned from the rows it is fitted on; a tree takes features as they are
and the code as a number, which it can cut where it likes.

Every classifier is fitted as if all classes were equally frequent: rows are weighed by how rare
their class is, or drawn from each class alike. Its probabilities are therefore balanced: those
that the classes would have if all were equally frequent. calibration.py turns them into the
probabilities of the classes.

A regressor counts every row alike, and never predicts a value outside those of its training rows.
A tuned candidate chooses parameters before its fit, from the rows of the fit alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.width import Width, learn_width

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


class Candidate(Protocol):
    """One classifier or regressor and its parameters: a frozen dataclass.

    A tuned candidate also has `tune(features, truth, seed)`, which returns the parameters that
    replace the declared parameters in the fit.
    """

    @property
    def name(self) -> str: ...

    @property
    def scaled(self) -> bool:
        """Features are scaled and the symbol's code is spread over columns."""
        ...

    @property
    def most_rows(self) -> int | None:
        """How many training rows it is fitted on at the most; None: all of them."""
        ...

    def estimator(self, seed: int) -> BaseEstimator:
        """A fresh scikit-learn estimator. A classifier's fit takes `sample_weight`."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate after its fit."""

    name: str
    pipeline: Pipeline
    count: int  # classes
    rows: int  # that it was fitted on
    tuned_parameters: Mapping[str, Any] = field(default_factory=dict)  # chosen by the fit itself

    def balanced_probabilities(self, features: np.ndarray) -> np.ndarray:
        """The probability of each class, as if all classes were equally frequent."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with threadpool_limits(1):
            probabilities = self.pipeline.predict_proba(features)
        ordered: np.ndarray = probabilities[:, class_order(self.pipeline, self.count)]
        if not np.isfinite(ordered).all():
            raise InvalidRequest(f"{self.name} gave numbers that are no probabilities")
        return ordered


@dataclass(frozen=True, eq=False)
class FittedValue:
    """A candidate after its fit to values."""

    name: str
    pipeline: Pipeline
    rows: int  # that it was fitted on
    least: float  # of the training values
    most: float
    residuals: np.ndarray  # training values less predictions
    width: Width  # how large residuals are, by the features
    tuned_parameters: Mapping[str, Any] = field(default_factory=dict)  # chosen by the fit itself

    def values(self, features: np.ndarray) -> np.ndarray:
        """The predicted value of each row."""
        return predict_values(self.pipeline, features, self.least, self.most, self.name)


def predict_values(
    pipeline: Pipeline, features: np.ndarray, least: float, most: float, name: str
) -> np.ndarray:
    """Predict values, clipped to those of the training rows."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        raw = np.asarray(pipeline.predict(features), dtype=np.float64).reshape(len(features))
    values: np.ndarray = np.clip(raw, least, most)
    if not np.isfinite(values).all():
        raise InvalidRequest(f"{name} predicted values that are no numbers")
    return values


def class_order(pipeline: Pipeline, count: int) -> np.ndarray:
    """The column of each class in the probabilities of the pipeline."""
    classes = np.asarray(pipeline.classes_)
    if sorted(classes.tolist()) != list(range(count)):
        raise InvalidRequest(
            f"a model of classes {classes.tolist()}, where there are {count}",
            "train on rows that have all classes",
        )
    return np.argsort(classes)


def parameters(candidate: Candidate) -> dict[str, Any]:
    """The declared parameters of a candidate."""
    return asdict(candidate)  # type: ignore[call-overload, no-any-return]


def fit_classifier(
    candidate: Candidate, features: np.ndarray, classes: np.ndarray, count: int, seed: int
) -> Fitted:
    """Fit a candidate to training rows; a fit that has not converged is an error."""
    rows = sample_rows(classes, count, candidate.most_rows, seed)
    x, y = features[rows], classes[rows]
    weights = (len(y) / (count * np.maximum(np.bincount(y, minlength=count), 1)))[y]
    pipeline = build_pipeline(candidate, features.shape[1], seed)
    with single_threaded():
        pipeline.fit(x, y, model__sample_weight=weights)
    _use_one_job(pipeline)
    return Fitted(candidate.name, pipeline, count, len(rows))


def fit_regressor(
    candidate: Candidate, features: np.ndarray, truth: np.ndarray, seed: int
) -> FittedValue:
    """Fit a candidate to the values of training rows, in ascending order of time."""
    if not len(truth) or not np.isfinite(truth).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(truth)).sum())} of {len(truth)} training rows have no value",
            "fit on rows whose outcome is known",
        )
    rows = sample_rows(np.zeros(len(truth), np.int64), 1, candidate.most_rows, seed)
    x, y = features[rows], truth[rows].astype(np.float64)
    tune = getattr(candidate, "tune", None)
    with single_threaded():
        tuned = tune(x, y, seed) if tune else {}
        tuned_candidate = replace(candidate, **tuned)  # type: ignore[type-var]
        pipeline = build_pipeline(tuned_candidate, features.shape[1], seed).fit(x, y)
        _use_one_job(pipeline)
        least, most = float(y.min()), float(y.max())
        residuals = y - predict_values(pipeline, x, least, most, candidate.name)
        width = learn_width(x, residuals)
    return FittedValue(candidate.name, pipeline, len(y), least, most, residuals, width, tuned)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run on one thread, and turn warnings of no convergence into errors.

    Sums over several threads depend on their number; one thread gives the same sums everywhere.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        yield


def _use_one_job(pipeline: Pipeline) -> None:
    """Predict with one job, so that trees are summed up in the same order every time."""
    model = pipeline.named_steps["model"]
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=1)


def build_pipeline(candidate: Candidate, columns: int, seed: int) -> Pipeline:
    """The candidate's estimator, behind scaling and one-hot codes where it wants them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps: list[tuple[str, BaseEstimator]] = [("model", candidate.estimator(seed))]
    if candidate.scaled:
        code = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        prepare = ColumnTransformer(
            [
                ("scale", StandardScaler(), list(range(columns - 1))),
                ("symbol", code, [columns - 1]),
            ]
        )
        steps.insert(0, ("prepare", prepare))
    return Pipeline(steps)


def sample_rows(classes: np.ndarray, count: int, most: int | None, seed: int) -> np.ndarray:
    """Sample at most `most` rows: as many of every class, one at random from each stretch of time.

    A class that has fewer rows gives all of them, and the others do not make up for it.
    """
    if most is None or len(classes) <= most:
        return np.arange(len(classes))
    random = np.random.default_rng(seed)
    parts = []
    for code in range(count):
        places = np.flatnonzero(classes == code)
        count_of_class = min(most // count, len(places))
        cuts = np.linspace(0, len(places), count_of_class + 1).astype(int)
        parts.append(places[random.integers(cuts[:-1], cuts[1:])] if count_of_class else places)
    return np.sort(np.concatenate(parts))
