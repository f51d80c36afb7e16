"""A model file is scored alone, and nothing else is taken for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.compare import Comparison
from pipelines.modeling.description import UnreadableModel
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.description import describe
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows(sessions=60, seed=2).features


def test_one_row_gives_what_many_give(content: bytes) -> None:
    scorer = OnnxScorer(content)
    many = scorer.score(ROWS[:40])[0]
    for place in (0, 17, 39):
        alone = scorer.score(ROWS[place : place + 1])[0]
        np.testing.assert_allclose(alone[0], many[place], atol=1e-6)
    assert scorer.score(ROWS[:0])[0].shape == (0, 5)


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"\x80\x04\x95" + bytes(300)])
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(UnreadableModel, match="no ONNX model") as refused:
        OnnxScorer(garbage)
    assert "roll back" in refused.value.hint


def test_a_file_that_is_cut_short_or_changed_is_refused(content: bytes) -> None:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    for other in (content[:-500], bytes(changed)):
        with pytest.raises(UnreadableModel, match="SHA-256"):
            OnnxScorer(other, checksum(content))
    with pytest.raises(UnreadableModel):
        OnnxScorer(content[: len(content) // 2])


def rewritten(content: bytes, **values: str) -> bytes:
    made = onnx.load_from_string(content)
    for entry in made.metadata_props:
        entry.value = values.get(entry.key.removeprefix("bullion."), entry.value)
    return bytes(made.SerializeToString())


def test_a_model_of_others_is_refused(content: bytes) -> None:
    bare = onnx.load_from_string(content)
    del bare.metadata_props[:]
    for other, says in (
        (bytes(bare.SerializeToString()), "does not say its classes"),
        (rewritten(content, classes='["sell", "buy"]'), "not .*\\[2\\]"),
        (rewritten(content, features='["a", "b"]'), "not .*\\[3\\]"),
        (rewritten(content, shares="[1.0]"), "1 shares"),
        (rewritten(content, symbols="{"), "cannot be read"),
    ):
        with pytest.raises(UnreadableModel, match=says):
            OnnxScorer(other)


def test_rows_that_cannot_be_scored_are_refused(comparison: Comparison) -> None:
    told = replace(describe(comparison), untrained=("NVDA",))
    scorer = OnnxScorer(to_onnx(comparison.winner, told))
    row = ROWS[:1].copy()
    for column, value, says in (
        (2, np.nan, "no value of c"),
        (0, np.inf, "no value of a"),
        (6, 4, "code of no symbol"),
        (6, -1, "code of no symbol"),
        (6, 0.5, "code of no symbol"),
        (6, 2, "no bar of NVDA"),
    ):
        other = row.copy()
        other[0, column] = value
        with pytest.raises(InvalidRequest, match=says):
            scorer.score(other)[0]
    for shape in (row[:, :-1], row[0]):
        with pytest.raises(InvalidRequest, match="where the model has 7 columns"):
            scorer.score(shape)[0]


def test_scoring_needs_no_training_library(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    code = (
        "import sys, numpy as np; from pipelines.modeling.scorer import OnnxScorer;"
        f"from pathlib import Path; made = OnnxScorer(Path({str(tmp_path)!r}, 'model.onnx')"
        ".read_bytes()).score(np.zeros((1, 7), np.float32))[0];"
        "print(made.shape, {'sklearn', 'skl2onnx', 'scipy', 'onnx'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "(1, 5) set()"
