"""The candidates, one file a family. To add one: a class in its family, a line in its tuple.

CANDIDATES are the usual ones for targets that are classes, REGRESSORS for those that are values; a
declaration may name any others. What every candidate must be (deterministic, blind to validation
rows, the same in ONNX) is tested for all.
"""

from __future__ import annotations

from pipelines.modeling.candidates.base import (
    Candidate,
    Fitted,
    FittedValue,
    Predictor,
    Training,
    fit_classifier,
    fit_regressor,
    parameters,
)
from pipelines.modeling.candidates.boosting import GradientBoosting, HistogramBoosting
from pipelines.modeling.candidates.feature_choice import (
    EVERY_FEATURE,
    FeatureChoice,
    only,
    without,
)
from pipelines.modeling.candidates.forests import ExtraTrees, RandomForest
from pipelines.modeling.candidates.lightgbm_trees import LightGBMClasses, LightGBMValues
from pipelines.modeling.candidates.linear import Logistic
from pipelines.modeling.candidates.network import Network
from pipelines.modeling.candidates.regression import Mean, Ridge
from pipelines.modeling.candidates.torch_network import TorchNetwork
from pipelines.modeling.candidates.vectors import SupportVectors
from pipelines.modeling.candidates.xgboost_trees import XGBoostClasses, XGBoostValues

CANDIDATES: tuple[Candidate, ...] = (
    RandomForest(),
    ExtraTrees(),
    GradientBoosting(),
    HistogramBoosting(),
    Network(),
    SupportVectors(),
    Logistic(),
)

REGRESSORS: tuple[Candidate, ...] = (Mean(), Ridge(), XGBoostValues())

__all__ = [
    "CANDIDATES",
    "EVERY_FEATURE",
    "REGRESSORS",
    "Candidate",
    "ExtraTrees",
    "FeatureChoice",
    "Fitted",
    "FittedValue",
    "GradientBoosting",
    "HistogramBoosting",
    "LightGBMClasses",
    "LightGBMValues",
    "Logistic",
    "Mean",
    "Network",
    "Predictor",
    "RandomForest",
    "Ridge",
    "SupportVectors",
    "TorchNetwork",
    "Training",
    "XGBoostClasses",
    "XGBoostValues",
    "fit_classifier",
    "fit_regressor",
    "only",
    "parameters",
    "without",
]
