"""What a candidate is, and how every one of them is fitted.

A candidate is a classifier with its parameters; what it needs besides is the same for all and
lies here. All columns but the last are features; the last is the symbol's code. Where a
candidate measures distances, features are scaled and the code becomes a column a symbol, both
as learned from the rows it is fitted on; a tree takes features as they are and the code as a
number, which it can cut where it likes.

Every candidate is fitted as if all classes were equally frequent: rows are weighed by how rare
their class is, or drawn from each class alike. What it gives is therefore how much a bar speaks
for each class, and not yet how probable the class is: see calibration.py.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.errors import InvalidRequest

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


class Candidate(Protocol):
    """One classifier and its parameters: a frozen dataclass."""

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
        """A fresh scikit-learn classifier whose fit takes `sample_weight`."""
        ...


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate after its fit."""

    name: str
    pipeline: Pipeline
    count: int  # classes
    rows: int  # that it was fitted on

    def weighed(self, features: np.ndarray) -> np.ndarray:
        """How much each row speaks for each class: their probabilities, were all as frequent."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with threadpool_limits(1):
            given = self.pipeline.predict_proba(features)
        made: np.ndarray = given[:, class_order(self.pipeline, self.count)]
        if not np.isfinite(made).all():
            raise InvalidRequest(f"{self.name} gave numbers that are no probabilities")
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
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    chosen = spread(classes, count, candidate.most_rows, seed)
    x, y = features[chosen], classes[chosen]
    weights = (len(y) / (count * np.maximum(np.bincount(y, minlength=count), 1)))[y]
    pipeline = _pipeline(candidate, features.shape[1], seed)
    # Sums over several threads depend on how many there are; one gives the same everywhere.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        pipeline.fit(x, y, model__sample_weight=weights)
    model = pipeline.named_steps["model"]
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=1)  # trees are summed up as they come: one after the other
    return Fitted(candidate.name, pipeline, count, len(chosen))


def _pipeline(candidate: Candidate, columns: int, seed: int) -> Pipeline:
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
