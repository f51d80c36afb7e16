"""The ONNX form gives what the original gives, and nothing else is taken for it."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import CANDIDATES, Fitted
from pipelines.modeling.compare import Comparison
from pipelines.modeling.description import Description, UnreadableModel
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.made import made_rows

NAMES = [candidate.name for candidate in CANDIDATES]
ROWS = made_rows(sessions=60, seed=2).features


def fitted(comparison: Comparison, name: str) -> Fitted:
    found = next(one.fitted for one in comparison.ranking if one.name == name)
    assert found is not None
    return found


def described(comparison: Comparison) -> Description:
    return Description(
        classes=comparison.label.classes,
        features=("a", "b", "c", "d", "e", "f"),
        symbols=("AAPL", "MSFT", "NVDA", "AMZN"),
        thresholds=comparison.thresholds,
        shares=comparison.shares,
        more={"forecast": "nasdaq100_hourly"},
    )


@pytest.fixture(scope="module")
def content(comparison: Comparison) -> bytes:
    return to_onnx(comparison.winner, described(comparison))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("heat", [1.0, 0.6, 3.0])
def test_it_gives_what_the_original_gives(comparison: Comparison, name: str, heat: float) -> None:
    model = ClassModel(fitted(comparison, name), Calibration(comparison.shares, heat))
    scorer = OnnxScorer(to_onnx(model, described(comparison)))
    assert parity(scorer, model, ROWS) < 1e-5
    probabilities, actions = scorer.score(ROWS)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(actions, model.score(ROWS)[1])


def test_parity_sees_a_difference(comparison: Comparison) -> None:
    model = comparison.winner
    other = ClassModel(model.fitted, Calibration(comparison.shares, 3.0))
    scorer = OnnxScorer(to_onnx(other, described(comparison)))
    apart = np.abs(scorer.score(ROWS)[0] - model.score(ROWS)[0]).max()
    assert parity(scorer, model, ROWS) == pytest.approx(apart)
    assert apart > 0.01


def test_classes_come_in_the_labels_order_whatever_the_models(comparison: Comparison) -> None:
    straight = fitted(comparison, "logistic_regression")
    turned = replace(straight, pipeline=deepcopy(straight.pipeline))
    model = turned.pipeline.named_steps["model"]
    model.classes_, order = np.array([4, 0, 3, 1, 2]), [1, 3, 4, 2, 0]
    calibration = Calibration(comparison.shares)
    scorer = OnnxScorer(to_onnx(ClassModel(turned, calibration), described(comparison)))
    expected = calibration.probabilities(straight.balanced_probabilities(ROWS)[:, order])
    np.testing.assert_allclose(scorer.score(ROWS)[0], expected, atol=1e-5)


def test_one_row_gives_what_many_give(content: bytes) -> None:
    scorer = OnnxScorer(content)
    many = scorer.score(ROWS[:40])[0]
    for place in (0, 17, 39):
        alone = scorer.score(ROWS[place : place + 1])[0]
        np.testing.assert_allclose(alone[0], many[place], atol=1e-6)
    assert scorer.score(ROWS[:0])[0].shape == (0, 5)


def test_the_same_model_gives_the_same_bytes_and_says_what_it_is(
    comparison: Comparison, content: bytes
) -> None:
    assert to_onnx(comparison.winner, described(comparison)) == content
    assert OnnxScorer(content, checksum(content)).description == described(comparison)


def test_names_that_do_not_fit_the_model_are_refused(comparison: Comparison) -> None:
    told = described(comparison)
    with pytest.raises(InvalidRequest, match=r"1 feature names .* for a model of 7 columns"):
        to_onnx(comparison.winner, replace(told, features=("a",)))
    with pytest.raises(InvalidRequest, match="2 class names for a model of 5"):
        to_onnx(comparison.winner, replace(told, classes=("up", "down")))


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
    told = replace(described(comparison), untrained=("NVDA",))
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
