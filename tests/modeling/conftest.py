"""One comparison of all candidates, shared by many tests."""

from __future__ import annotations

import pytest

from pipelines.labels import Action
from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Split
from pipelines.modeling.onnx import to_onnx
from tests.modeling.description import describe
from tests.modeling.hourly_rows import hourly_rows


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return compare(hourly_rows(), Action(), CANDIDATES, Split(), 7)


@pytest.fixture(scope="session")
def content(comparison: Comparison) -> bytes:
    return to_onnx(comparison.winner, describe(comparison))
