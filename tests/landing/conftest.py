"""One lake for each module: each test lands bars as a source of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.lake import Lake
from tests.empty_lake import lake_of_a_module


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake
