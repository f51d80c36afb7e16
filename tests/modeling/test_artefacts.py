"""The files of a comparison: what is in them, and none of a candidate that failed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.modeling.artefacts import MODEL, candidate_files, describe_data, metrics_by_part
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.forms import Form


def test_a_candidate_has_its_model_its_pictures_and_its_confusion(comparison: Comparison) -> None:
    result = comparison.ranking[0]
    assert result.metrics is not None
    files = candidate_files(comparison, result, Form(b"model"))
    pictures = {name for name in files if name.endswith(".png")}
    assert pictures == {"confusion.png", "roc.png", "precision_recall.png", "calibration.png"}
    assert files.keys() - pictures == {MODEL, "selection_confusion.json"}
    assert files[MODEL] == b"model"
    confusion = np.array(json.loads(files["selection_confusion.json"]))
    np.testing.assert_array_equal(confusion, result.metrics.confusion)


def test_a_candidate_that_failed_has_no_files(comparison: Comparison) -> None:
    failed = Result("failed", {}, 1.0, failure="ValueError: no such kernel")
    assert candidate_files(comparison, failed, Form(failure="no form")) == {}


def test_the_data_are_described_by_their_parts(comparison: Comparison) -> None:
    data = describe_data(comparison)
    assert list(data["thresholds"]) == list(comparison.thresholds)
    assert sum(data["label_shares"].values()) == pytest.approx(1)
    for name, part in data["parts"].items():
        rows = getattr(comparison, name).rows
        assert part["rows"] == sum(part["rows_of_class"].values()) == len(rows)
        assert part["sessions"] == len(np.unique(rows.session))
        assert part["first_close"] == f"{rows.closes_at.min().astype('datetime64[m]')}Z"
    decoded = json.loads(json.dumps(data))
    lists = {name: list(data[name]) for name in ("score_thresholds", "scores")}
    assert decoded == data | lists


def test_the_metrics_of_each_part_are_the_winners(comparison: Comparison) -> None:
    metrics = replace(comparison.judging_metrics, rows=7)
    parts = metrics_by_part(replace(comparison, judging_metrics=metrics))
    assert {name: part.rows for name, part in parts.items()} == {
        "training": len(comparison.training),
        "selection": len(comparison.selection),
        "judging": 7,
    }
