"""What all sentiment models share: rows that add up to 1, and files of a bounded size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.sentiment.base import UnusableModel, read_model_file, sum_to_one


def test_rows_add_up_to_one_in_double_precision() -> None:
    rows = sum_to_one(np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.2499]], dtype=np.float32))
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-15)
    assert sum_to_one(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("row", [[np.nan, 0.5, 0.5], [0.0, 0.0, 0.0], [np.inf, 0.0, 0.0]])
def test_what_is_no_probability_is_refused(row: list[float]) -> None:
    with pytest.raises(UnusableModel):
        sum_to_one(np.array([row]))


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    with pytest.raises(UnusableModel, match=r"model\.onnx cannot be read"):
        read_model_file(file, 10)
    file.write_bytes(b"x" * 10)
    assert read_model_file(file, 10) == b"x" * 10
    with pytest.raises(UnusableModel, match="10 bytes, more than the 9"):
        read_model_file(file, 9)
