"""One comparison of all candidates, made once and looked at by many tests."""

from __future__ import annotations

import pytest

from pipelines.labels import Action
from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.dataset import Split
from tests.modeling.made import made_rows


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return compare(made_rows(), Action(), CANDIDATES, Split(), 7)
