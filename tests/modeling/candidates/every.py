"""Every candidate there is, for the laws that hold for all; tuned ones try a few parameters."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import pytest

from pipelines.modeling.candidates import (
    CANDIDATES,
    REGRESSORS,
    Candidate,
    LightGBMClasses,
    LightGBMValues,
    TorchNetwork,
    XGBoostClasses,
)

CLASSIFIERS: tuple[Candidate, ...] = (
    *CANDIDATES,
    XGBoostClasses(trials=3),
    LightGBMClasses(),
    TorchNetwork(passes=40),
)
VALUE_CANDIDATES: tuple[Candidate, ...] = (*REGRESSORS, LightGBMValues(), TorchNetwork())

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="not installed: make install-torch"
)


def is_fittable(candidate: Candidate) -> bool:
    """Whether the library that a candidate needs is installed."""
    return not isinstance(candidate, TorchNetwork) or find_spec("torch") is not None


def as_cases(candidates: Iterable[Candidate], *values: Any) -> list[Any]:
    """Cases of a test for each candidate; one whose library is missing is skipped and says so."""
    return [
        pytest.param(
            candidate,
            *values,
            id="-".join([candidate.name, *map(str, values)]),
            marks=needs_torch if isinstance(candidate, TorchNetwork) else (),
        )
        for candidate in candidates
    ]


def estimator_of(fitted: Any) -> Any:
    """The estimator inside a fitted pipeline."""
    return fitted.predictor.pipeline.named_steps["model"]
