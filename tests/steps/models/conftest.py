"""Trainings without pictures: tests/registry/test_runs.py checks that they are logged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.modeling import class_pictures, value_pictures
from tests.without_plots import leave_out_plots


@pytest.fixture(scope="module", autouse=True)
def without_pictures() -> Iterator[None]:
    """Leave out the pictures, which take half of a small training."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (class_pictures, value_pictures):
            patch.setattr(module, "draw_predictions", lambda *_: {"drawn.png": b"a picture"})
        patch.setattr(class_pictures, "importance", lambda *_: b"a picture")
        leave_out_plots(patch)
        yield
