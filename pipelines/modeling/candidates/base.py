"""What a candidate is, and how every candidate is fitted.

A candidate is a classifier or a regressor with its parameters, of any library: it is fitted on
training rows, and gives a predictor that can be written as ONNX. Whatever else a fit needs is the
same for all candidates and stands here. All columns but the last are features; the last is the
symbol's code.

Every classifier is fitted as if all classes were equally frequent: rows are weighed by how rare
their class is, or drawn from each class alike. Its probabilities are therefore balanced: those
that the classes would have if all were equally frequent. calibration.py turns them into the
probabilities of the classes.

A regressor counts every row alike, and never predicts a value outside those of its training rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates.feature_choice import choice_of, select_places
from pipelines.modeling.dataset import find_run
from pipelines.modeling.width import Width, learn_width

if TYPE_CHECKING:
    from onnx import ModelProto

MEDIAN_ROWS = 10_000


@dataclass(frozen=True, eq=False)
class Training:
    """The rows that a candidate is fitted on, in ascending order of time."""

    features: np.ndarray  # float32; the last column is the symbol's code
    truth: np.ndarray  # the class of each row, or its value
    classes: int  # 0: values are predicted
    seed: int

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def weights(self) -> np.ndarray:
        """The weight of each row, with which all classes count alike; of values all weigh 1."""
        if not self.classes:
            return np.ones(len(self))
        counts = np.bincount(self.truth, minlength=self.classes)
        weights: np.ndarray = (len(self) / (self.classes * np.maximum(counts, 1)))[self.truth]
        return weights

    def take(self, rows: np.ndarray) -> Training:
        return Training(self.features[rows], self.truth[rows], self.classes, self.seed)


class Predictor(Protocol):
    """A candidate after its fit, as its library has it."""

    @property
    def columns(self) -> int:
        """How many columns it takes."""
        ...

    @property
    def tuned_parameters(self) -> Mapping[str, Any]:
        """Parameters that the fit itself chose."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The balanced probabilities of each row, a column a class; or the value of each row."""
        ...

    def to_onnx(self) -> ModelProto:
        """A graph that takes `features`, and whose first output is the same prediction.

        A column a class, or one column of values.
        """
        ...


class Candidate(Protocol):
    """One classifier or regressor and its parameters: a frozen dataclass."""

    @property
    def name(self) -> str: ...

    @property
    def most_rows(self) -> int | None:
        """How many training rows it is fitted on at the most; None: all of them."""
        ...

    def fit(self, training: Training) -> Predictor:
        """Fit to training rows. The same rows and seed give the same predictor."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate after its fit to classes."""

    name: str
    predictor: Predictor
    count: int  # classes
    rows: int  # that it was fitted on
    medians: tuple[float, ...] = ()  # of the features of these rows
    places: tuple[int, ...] | None = None  # of the columns that it reads; None: all of them

    @property
    def tuned_parameters(self) -> Mapping[str, Any]:
        return self.predictor.tuned_parameters

    def balanced_probabilities(self, features: np.ndarray) -> np.ndarray:
        """The probability of each class, as if all classes were equally frequent.

        `features` have all columns of the rows that candidates are compared on.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with threadpool_limits(1):
            probabilities = self.predictor.predict(select_columns(features, self.places))
        if not np.isfinite(probabilities).all():
            raise InvalidRequest(f"{self.name} gave numbers that are no probabilities")
        return probabilities


@dataclass(frozen=True, eq=False)
class FittedValue:
    """A candidate after its fit to values."""

    name: str
    predictor: Predictor
    rows: int  # that it was fitted on
    least: float  # of the training values
    most: float
    residuals: np.ndarray  # training values less predictions
    width: Width  # how large residuals are, by the features
    medians: tuple[float, ...] = ()  # of the features of these rows
    places: tuple[int, ...] | None = None  # of the columns that it reads; None: all of them

    @property
    def tuned_parameters(self) -> Mapping[str, Any]:
        return self.predictor.tuned_parameters

    def values(self, features: np.ndarray) -> np.ndarray:
        """The predicted value of each row, whose features have the columns of all candidates."""
        inputs = select_columns(features, self.places)
        return predict_values(self.predictor, inputs, self.least, self.most, self.name)


def select_columns(features: np.ndarray, places: tuple[int, ...] | None) -> np.ndarray:
    """The columns at these places; the features themselves where there are none."""
    # np.take keeps rows together in memory; an index of columns would not.
    return features if places is None else np.take(features, places, axis=1)


def predict_values(
    predictor: Predictor, features: np.ndarray, least: float, most: float, name: str
) -> np.ndarray:
    """Predict values, clipped to those of the training rows."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        raw = predictor.predict(features)
    values: np.ndarray = np.clip(raw, least, most)
    if not np.isfinite(values).all():
        raise InvalidRequest(f"{name} predicted values that are no numbers")
    return values


def parameters(candidate: Candidate) -> dict[str, Any]:
    """The declared parameters of a candidate, and which features it reads in words."""
    declared: dict[str, Any] = asdict(candidate)  # type: ignore[call-overload]
    if declared.pop("inputs", None):
        declared["inputs"] = str(choice_of(candidate))
    return declared


def fit_classifier(
    candidate: Candidate,
    features: np.ndarray,
    classes: np.ndarray,
    count: int,
    seed: int,
    names: Sequence[str] = (),
) -> Fitted:
    """Fit a candidate to training rows; a fit that has not converged is an error.

    `names` are those of the columns, of which a candidate may read a part.
    """
    places = select_places(candidate, names)
    rows = find_run(sample_rows(classes, count, candidate.most_rows, seed))
    training = Training(select_columns(features[rows], places), classes[rows], count, seed)
    with single_threaded():
        predictor = candidate.fit(training)
    medians = feature_medians(training.features)
    return Fitted(candidate.name, predictor, count, len(training), medians, places)


def fit_regressor(
    candidate: Candidate,
    features: np.ndarray,
    truth: np.ndarray,
    seed: int,
    names: Sequence[str] = (),
) -> FittedValue:
    """Fit a candidate to the values of training rows, in ascending order of time."""
    if not len(truth) or not np.isfinite(truth).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(truth)).sum())} of {len(truth)} training rows have no value",
            "fit on rows whose outcome is known",
        )
    rows = find_run(sample_rows(np.zeros(len(truth), np.int64), 1, candidate.most_rows, seed))
    places = select_places(candidate, names)
    x, y = select_columns(features[rows], places), truth[rows].astype(np.float64)
    with single_threaded():
        predictor = candidate.fit(Training(x, y, 0, seed))
        least, most = float(y.min()), float(y.max())
        residuals = y - predict_values(predictor, x, least, most, candidate.name)
        width = learn_width(x, residuals)
    medians = feature_medians(x)
    return FittedValue(
        candidate.name, predictor, len(y), least, most, residuals, width, medians, places
    )


def threads_of(candidate: Candidate) -> int:
    """The threads that a candidate declares for its fit; 1 where it declares none."""
    return int(getattr(candidate, "threads", 1))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run on one thread, and turn warnings of no convergence into errors.

    Sums over several threads depend on their number; one thread gives the same sums everywhere. A
    library that is told a number of its own, as candidates with `threads` do, keeps to that.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        yield


def feature_medians(features: np.ndarray) -> tuple[float, ...]:
    """The median of each feature, over at most MEDIAN_ROWS rows spread over all of time."""
    places = np.linspace(0, len(features) - 1, min(len(features), MEDIAN_ROWS)).astype(int)
    return tuple(np.median(features[places, :-1], axis=0).astype(np.float64).tolist())


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
