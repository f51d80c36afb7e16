"""Fitted trees of every library, and their ONNX graphs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from pipelines.modeling.candidates import (
    Candidate,
    ExtraTrees,
    GradientBoosting,
    HistogramBoosting,
    LightGBMClasses,
    LightGBMValues,
    RandomForest,
    Training,
    XGBoostClasses,
    XGBoostValues,
)
from tests.modeling.hourly_rows import hourly_rows

ROWS, FRESH = hourly_rows(), hourly_rows(sessions=30, seed=2).features[:150]
CUTS = {2: (0.0,), 5: (-1.3, -0.5, 0.5, 1.3)}
OF_CLASSES: dict[str, Candidate] = {
    "xgboost": XGBoostClasses(trials=0, rounds=20, depth=4),
    "lightgbm": LightGBMClasses(rounds=20, leaves=12),
    "random_forest": RandomForest(trees=20, leaf_rows=30),
    "extra_trees": ExtraTrees(trees=20, leaf_rows=30),
    "gradient_boosting": GradientBoosting(rounds=10),
    "histogram_gradient_boosting": HistogramBoosting(rounds=10, leaf_rows=50),
}
OF_VALUES: dict[str, Candidate] = {
    "xgboost": XGBoostValues(trials=0, rounds=20, depth=4),
    "lightgbm": LightGBMValues(rounds=20, leaves=12),
}


@cache
def fitted_trees(name: str, classes: int) -> Any:
    """A fitted pipeline of trees; of values where there are no classes."""
    candidate = OF_CLASSES[name] if classes else OF_VALUES[name]
    truth = np.digitize(ROWS.outcome, CUTS[classes]) if classes else ROWS.outcome
    return candidate.fit(Training(ROWS.features, truth, classes, 0))


def own_contributions(name: str, fitted: Any, rows: np.ndarray) -> np.ndarray:
    """The SHAP values that XGBoost and LightGBM compute: (row, output, column), the base last."""
    model = fitted.pipeline.named_steps["model"]
    if name == "xgboost":
        import xgboost

        contributions = model.get_booster().predict(xgboost.DMatrix(rows), pred_contribs=True)
    else:
        contributions = model.predict(rows, pred_contrib=True)
    return np.asarray(contributions).reshape(len(rows), -1, rows.shape[1] + 1)
