"""LightGBM: trees that grow where a leaf gains most, one after the other.

LightGBM cuts a feature halfway between two of its values, in double precision. Features are in
single precision, and so is ONNX: a cut that was rounded up to it could let a row through that the
original holds back. So a fit rounds its cuts down to single precision, which no row of features
can tell from the original cuts, and the ONNX form cuts exactly as the fitted model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.scikit_learn import FittedPipeline, PipelineCandidate

if TYPE_CHECKING:
    from lightgbm import LGBMModel
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class LightGBMTrees(PipelineCandidate):
    """The parameters that trees of classes and of values have."""

    rounds: int = 60
    rate: float = 0.05
    leaves: int = 6  # of a tree, at the most
    leaf_rows: int = 50
    l2: float = 10.0
    rows: float = 0.7  # share of the rows that a tree draws
    features: float = 0.5  # share of the features that a tree draws
    threads: int = 1  # of the fit; the same number gives the same trees
    scaled: bool = False
    most_rows: int | None = None
    name: str = "lightgbm"

    def fit(self, training: Training) -> FittedPipeline:
        fitted = super().fit(training)
        _round_cuts(fitted.pipeline.named_steps["model"])
        return fitted

    def _arguments(self, seed: int) -> dict[str, Any]:
        return {
            "n_estimators": self.rounds,
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_child_samples": self.leaf_rows,
            "reg_lambda": self.l2,
            "subsample": self.rows,
            "subsample_freq": 1,
            "colsample_bytree": self.features,
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "random_state": seed,
            "n_jobs": self.threads,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class LightGBMClasses(LightGBMTrees):
    """Trees that predict the probabilities of classes."""

    def estimator(self, seed: int) -> BaseEstimator:
        from lightgbm import LGBMClassifier

        return LGBMClassifier(**self._arguments(seed))


@dataclass(frozen=True)
class LightGBMValues(LightGBMTrees):
    """Trees that predict a value."""

    def estimator(self, seed: int) -> BaseEstimator:
        from lightgbm import LGBMRegressor

        return LGBMRegressor(**self._arguments(seed))


def round_down(cut: float) -> float:
    """The largest number in single precision that is not above a cut."""
    rounded = np.float32(cut)
    # Compared in double precision: NumPy would round the cut to single precision first.
    is_below = float(rounded) <= cut
    return float(rounded if is_below else np.nextafter(rounded, np.float32(-np.inf)))


def _round_cuts(model: LGBMModel) -> None:
    """Round the cuts of a fitted model; its text form is the only one that can be changed."""
    from lightgbm import Booster

    def rewrite(line: re.Match[str]) -> str:
        return "threshold=" + " ".join(repr(round_down(float(cut))) for cut in line[1].split())

    text = model.booster_.model_to_string()
    # The text says how long each tree of it is; without these sizes it is read tree by tree.
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^threshold=(.*)$", rewrite, text, flags=re.MULTILINE)
    model._Booster = Booster(model_str=text)
