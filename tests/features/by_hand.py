"""A few bars and what a feature makes of the last of them, worked by hand."""

from __future__ import annotations

import numpy as np

from pipelines.features import Feature, feature_matrix
from tests.features.bars import panel_of


def value_of(feature: Feature, **columns: list[float]) -> float:
    """The feature's value at the last of the bars that have these columns, by itself."""
    arrays = {name: np.array(values, float) for name, values in columns.items()}
    assert {len(values) for values in arrays.values()} == {feature.window}
    arrays.setdefault("close", np.full(feature.window, 1.0))
    return float(feature_matrix([feature], panel_of(arrays))[-1, 0])
