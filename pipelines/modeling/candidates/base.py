"""What a candidate is, and how every one of them is fitted.

A candidate is a classifier or a regressor with its parameters; what it needs besides is the same
for all and lies here. All columns but the last are features; the last is the symbol's code. Where a
candidate measures distances, features are scaled and the code becomes a column a symbol, both
as learned from the rows it is fitted on; a tree takes features as they are and the code as a
number, which it can cut where it likes.

Every classifier is fitted as if all classes were equally frequent: rows are weighed by how rare
their class is, or drawn from each class alike. What it gives is therefore how much a bar speaks
for each class, and not yet how probable the class is: see calibration.py.

A regressor counts every row alike, and never says more than anything its training rows became.
One that is tuned chooses parameters before its fit, from the rows of the fit alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.width import Width, learned

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


class Candidate(Protocol):
    """One classifier or regressor and its parameters: a frozen dataclass.

    One that is tuned also has `choose(features, truth, seed)`, which gives the parameters that
    the fit is to have instead of the declared ones.
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
    chosen: Mapping[str, Any] = field(default_factory=dict)  # by the fit itself

    def weighed(self, features: np.ndarray) -> np.ndarray:
        """How much each row speaks for each class: their probabilities, were all as frequent."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with threadpool_limits(1):
            given = self.pipeline.predict_proba(features)
        made: np.ndarray = given[:, class_order(self.pipeline, self.count)]
        if not np.isfinite(made).all():
            raise InvalidRequest(f"{self.name} gave numbers that are no probabilities")
        return made


@dataclass(frozen=True, eq=False)
class FittedValue:
    """A candidate after its fit to values."""

    name: str
    pipeline: Pipeline
    rows: int  # that it was fitted on
    least: float  # of what these became
    most: float
    residuals: np.ndarray  # how far above what it says of them
    width: Width  # how large they are, by the features
    chosen: Mapping[str, Any] = field(default_factory=dict)  # by the fit itself

    def values(self, features: np.ndarray) -> np.ndarray:
        """What it says of each row."""
        return said(self.pipeline, features, self.least, self.most, self.name)


def said(
    pipeline: Pipeline, features: np.ndarray, least: float, most: float, name: str
) -> np.ndarray:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        given = np.asarray(pipeline.predict(features), dtype=np.float64).reshape(len(features))
    made: np.ndarray = np.clip(given, least, most)
    if not np.isfinite(made).all():
        raise InvalidRequest(f"{name} said values that are no numbers")
    return made


def class_order(pipeline: Pipeline, count: int) -> np.ndarray:
    """Where each class stands in what the pipeline gives."""
    given = np.asarray(pipeline.classes_)
    if sorted(given.tolist()) != list(range(count)):
        raise InvalidRequest(
            f"a model of classes {given.tolist()}, where there are {count}",
            "train on rows that have all classes",
        )
    return np.argsort(given)


def parameters(candidate: Candidate) -> dict[str, Any]:
    """What a candidate was declared with."""
    return asdict(candidate)  # type: ignore[call-overload, no-any-return]


def fit(
    candidate: Candidate, features: np.ndarray, classes: np.ndarray, count: int, seed: int
) -> Fitted:
    """Fit a candidate to training rows. What it warns of as not converged is an error."""
    chosen = spread(classes, count, candidate.most_rows, seed)
    x, y = features[chosen], classes[chosen]
    weights = (len(y) / (count * np.maximum(np.bincount(y, minlength=count), 1)))[y]
    pipeline = pipeline_of(candidate, features.shape[1], seed)
    with plainly():
        pipeline.fit(x, y, model__sample_weight=weights)
    _one_at_a_time(pipeline)
    return Fitted(candidate.name, pipeline, count, len(chosen))


def fit_values(
    candidate: Candidate, features: np.ndarray, truth: np.ndarray, seed: int
) -> FittedValue:
    """Fit a candidate to what training rows became; they come in ascending order of time."""
    if not len(truth) or not np.isfinite(truth).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(truth)).sum())} of {len(truth)} training rows have no value",
            "fit on rows whose outcome is known",
        )
    rows = spread(np.zeros(len(truth), np.int64), 1, candidate.most_rows, seed)
    x, y = features[rows], truth[rows].astype(np.float64)
    choose = getattr(candidate, "choose", None)
    with plainly():
        chosen = choose(x, y, seed) if choose else {}
        told = replace(candidate, **chosen)  # type: ignore[type-var]
        pipeline = pipeline_of(told, features.shape[1], seed).fit(x, y)
        _one_at_a_time(pipeline)
        least, most = float(y.min()), float(y.max())
        residuals = y - said(pipeline, x, least, most, candidate.name)
        width = learned(x, residuals)
    return FittedValue(candidate.name, pipeline, len(y), least, most, residuals, width, chosen)


@contextmanager
def plainly() -> Iterator[None]:
    """On one thread, and with an error for what has not converged.

    Sums over several threads depend on how many there are; one gives the same everywhere.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        yield


def _one_at_a_time(pipeline: Pipeline) -> None:
    """Trees are summed up as they come: one after the other."""
    model = pipeline.named_steps["model"]
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=1)


def pipeline_of(candidate: Candidate, columns: int, seed: int) -> Pipeline:
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


def spread(classes: np.ndarray, count: int, most: int | None, seed: int) -> np.ndarray:
    """At most `most` rows: of every class as many, one by chance from each stretch of time.

    A class that has fewer rows gives all of them, and the others do not make up for it.
    """
    if most is None or len(classes) <= most:
        return np.arange(len(classes))
    random = np.random.default_rng(seed)
    chosen = []
    for one in range(count):
        at = np.flatnonzero(classes == one)
        wanted = min(most // count, len(at))
        cuts = np.linspace(0, len(at), wanted + 1).astype(int)
        chosen.append(at[random.integers(cuts[:-1], cuts[1:])] if wanted else at)
    return np.sort(np.concatenate(chosen))
