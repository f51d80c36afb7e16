"""A view of the scored lake, as the API's follower has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lake import View
from serving.state.reader import Reader
from tests.serving.process import environment_of


@pytest.fixture(scope="module")
def view(scored_folder: Path) -> Iterator[View]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(scored_folder, 8000).items():
            patch.setenv(name, value)
        reader = Reader()
    with reader.view() as view:
        yield view
