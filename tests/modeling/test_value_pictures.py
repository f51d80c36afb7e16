"""Pictures of predicted values are sound PNG files."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pipelines.modeling.kinds.value import Value
from pipelines.modeling.value_metrics import (
    measure,
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 2, 300])
def test_pictures_are_png_and_the_same_each_time(rows: int) -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.normal(0, 1, rows), random.normal(0, 1, rows)
    outputs = np.stack([predicted, predicted - 1, predicted + 1], axis=1)
    kind, metrics = Value(), measure(truth, predicted, outputs)
    first, second = (kind.pictures("some rows", metrics, truth, outputs) for _ in range(2))
    assert first == second
    assert set(first) == {"values.png", "residuals.png"}
    for body in first.values():
        assert body.startswith(b"\x89PNG\r\n\x1a\n")
        assert min(struct.unpack(">II", body[16:24])) > 400
