"""The candidates, one file a family. To add one: a class in its family, a line in CANDIDATES.

What every candidate must be (deterministic, blind to validation rows, the same in ONNX) is
tested for all of CANDIDATES without another word.
"""

from __future__ import annotations

from pipelines.modeling.candidates.base import Candidate, Fitted, fit, parameters
from pipelines.modeling.candidates.boosting import GradientBoosting, HistogramBoosting
from pipelines.modeling.candidates.forests import ExtraTrees, RandomForest
from pipelines.modeling.candidates.linear import Logistic
from pipelines.modeling.candidates.network import Network
from pipelines.modeling.candidates.vectors import SupportVectors

CANDIDATES: tuple[Candidate, ...] = (
    RandomForest(),
    ExtraTrees(),
    GradientBoosting(),
    HistogramBoosting(),
    Network(),
    SupportVectors(),
    Logistic(),
)

__all__ = [
    "CANDIDATES",
    "Candidate",
    "ExtraTrees",
    "Fitted",
    "GradientBoosting",
    "HistogramBoosting",
    "Logistic",
    "Network",
    "RandomForest",
    "SupportVectors",
    "fit",
    "parameters",
]
