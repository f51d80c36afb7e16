"""Limits: at the limit passes, above it and what is no number do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.gates import (
    Calibration,
    Gap,
    Gate,
    Latency,
    Parity,
    Selection,
    Size,
    TrainingTime,
    judge_all,
)
from tests.gates.market import build_evidence

NAN = float("nan")


@pytest.mark.parametrize(
    ("gate", "at", "above"),
    [
        (Parity(), {"parity": 1e-5}, {"parity": 1.1e-5}),
        (Parity(), {"parity": 0.0}, {"parity": NAN}),
        (Size(), {"onnx": b"x" * 10_000_000}, {"onnx": b"x" * 10_000_001}),
        (Size(), {"onnx": b"x"}, {"onnx": b""}),
        (Latency(limit=0.1), {"latency_seconds": 0.1}, {"latency_seconds": 0.2}),
        (TrainingTime(limit=60), {"training_seconds": 60.0}, {"training_seconds": 61.0}),
        (Gap(limit=0.5), {"training_fit": 1.0, "selection_fit": 0.5}, {"training_fit": 0.81}),
        (Gap(), {"training_fit": 0.3}, {"training_fit": NAN}),
    ],
)
def test_a_limit_may_be_reached_and_not_passed(
    gate: Gate, at: dict[str, Any], above: dict[str, Any]
) -> None:
    evidence = build_evidence()
    assert judge_all([gate], replace(evidence, **at)).promote
    refused = judge_all([gate], replace(evidence, **above))
    assert not refused.promote
    assert gate.name in refused.reason


def test_a_winner_that_the_rule_of_selection_would_not_have_is_refused() -> None:
    evidence = build_evidence()
    assert judge_all([Selection()], evidence).promote
    refused = judge_all([Selection()], replace(evidence, objection="AUC 0.4 out of time"))
    assert not refused.promote
    assert "AUC 0.4 out of time" in refused.reason


def test_calibration_compares_probabilities_with_frequencies() -> None:
    """Classes drawn by the probabilities are calibrated; sharper ones than these are not."""
    evidence = build_evidence(blind=True)
    random = np.random.default_rng(0)
    outputs = random.dirichlet(np.full(5, 2.0), len(evidence.judging))
    drawn = (outputs.cumsum(axis=1) < random.random((len(outputs), 1))).sum(axis=1)
    calibrated = replace(evidence, outputs=outputs, truth=drawn)
    assert Calibration().judge(calibrated).value < 0.02
    overconfident = outputs**4 / (outputs**4).sum(axis=1, keepdims=True)
    assert not Calibration().judge(replace(calibrated, outputs=overconfident)).passed
    reversed_classes = replace(calibrated, outputs=outputs[:, ::-1].copy())
    assert not Calibration().judge(reversed_classes).passed


def test_few_rows_are_not_refused_by_chance() -> None:
    evidence = build_evidence()
    random = np.random.default_rng(1)
    outputs = random.dirichlet(np.full(5, 2.0), 350)
    drawn = (outputs.cumsum(axis=1) < random.random((350, 1))).sum(axis=1)
    few = replace(
        evidence, judging=evidence.judging.take(np.arange(350)), truth=drawn, outputs=outputs
    )
    assert Calibration().judge(few).passed
