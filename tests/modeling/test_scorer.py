"""Only a sound model file is run, and only rows that it can score."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.description import UnreadableModel
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.description import describe
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows(sessions=60, seed=2).features


def test_a_row_alone_has_the_scores_that_it_has_among_many(content: bytes) -> None:
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


def rewrite_metadata(content: bytes, **values: str) -> bytes:
    proto = onnx.load_from_string(content)
    for entry in proto.metadata_props:
        entry.value = values.get(entry.key.removeprefix("bullion."), entry.value)
    return bytes(proto.SerializeToString())


def test_a_model_with_a_wrong_description_is_refused(content: bytes) -> None:
    bare = onnx.load_from_string(content)
    del bare.metadata_props[:]
    for changed, message in (
        (bytes(bare.SerializeToString()), "does not say its classes"),
        (rewrite_metadata(content, classes='["sell", "buy"]'), "not .*\\[2\\]"),
        (rewrite_metadata(content, features='["a", "b"]'), "not .*\\[3\\]"),
        (rewrite_metadata(content, shares="[1.0]"), "1 shares"),
        (rewrite_metadata(content, symbols="{"), "cannot be read"),
    ):
        with pytest.raises(UnreadableModel, match=message):
            OnnxScorer(changed)


def test_rows_that_cannot_be_scored_are_refused(comparison: Comparison) -> None:
    description = replace(describe(comparison), untrained=("NVDA",))
    scorer = OnnxScorer(to_onnx(comparison.winner, description))
    row = ROWS[:1].copy()
    for column, value, message in (
        (2, np.nan, "no value of c"),
        (0, np.inf, "no value of a"),
        (6, 4, "code of no symbol"),
        (6, -1, "code of no symbol"),
        (6, 0.5, "code of no symbol"),
        (6, 2, "no bar of NVDA"),
    ):
        changed = row.copy()
        changed[0, column] = value
        with pytest.raises(InvalidRequest, match=message):
            scorer.score(changed)[0]
    for shape in (row[:, :-1], row[0]):
        with pytest.raises(InvalidRequest, match="where the model has 7 columns"):
            scorer.score(shape)[0]


def test_scoring_needs_no_training_library(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    code = (
        "import sys, numpy as np; from pipelines.modeling.scorer import OnnxScorer;"
        f"from pathlib import Path; scores = OnnxScorer(Path({str(tmp_path)!r}, 'model.onnx')"
        ".read_bytes()).score(np.zeros((1, 7), np.float32))[0];"
        "print(scores.shape, {'sklearn', 'skl2onnx', 'scipy', 'onnx'} & set(sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "(1, 5) set()"
