"""Every candidate there is, for the laws that hold for all; tuned ones try a few parameters."""

from __future__ import annotations

from typing import Any

from pipelines.modeling.candidates import (
    CANDIDATES,
    REGRESSORS,
    Candidate,
    LightGBMClasses,
    LightGBMValues,
    XGBoostClasses,
)

CLASSIFIERS: tuple[Candidate, ...] = (*CANDIDATES, XGBoostClasses(trials=3), LightGBMClasses())
VALUE_CANDIDATES: tuple[Candidate, ...] = (*REGRESSORS, LightGBMValues())


def estimator_of(fitted: Any) -> Any:
    """The estimator inside a fitted pipeline."""
    return fitted.predictor.pipeline.named_steps["model"]
