"""A target that is a value: constant values are refused, and the truth is summarized."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import NextReturn
from pipelines.modeling.kinds.value import Value

LABEL = NextReturn()


@pytest.mark.parametrize("truth", [np.ones(5), np.array([1.0, np.nan]), np.empty(0)])
def test_constant_and_missing_values_are_refused(truth: np.ndarray) -> None:
    assert Value().shares(np.array([1.0, 2.0]), LABEL) == ()
    with pytest.raises(InvalidRequest, match="missing, or the same, in all training rows"):
        Value().shares(truth, LABEL)


def test_the_truth_of_rows_is_summarized_by_quantiles() -> None:
    summary = Value().summarize_truth(np.arange(101.0), LABEL)
    assert summary["rows"] == 101
    assert summary["quantiles"]["0.1"] == pytest.approx(10)
    assert Value().summarize_truth(np.empty(0), LABEL)["quantiles"] == {}
