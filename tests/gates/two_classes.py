"""Evidence about a model of two classes, one bar a session, that knows some of the direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.gates import Evidence
from tests.modeling.daily_rows import daily_rows

TRAINING = 2000
RISE = 0.16  # log-odds of up: 54 % of the sessions


def build_evidence(
    seed: int = 0, strength: float = 0.4, judging: int = 1500, **changes: Any
) -> Evidence:
    """Simulate sessions whose log-odds vary by `strength`, and a model that knows them.

    With a strength of 0.4 the AUC of what can be known is 0.61. A `strength` of 0 is noise: the
    model's log-odds vary, and say nothing.
    """
    random = np.random.default_rng(seed)
    rows = daily_rows(TRAINING + judging, seed=seed)
    signal = random.standard_normal(len(rows))
    up = random.random(len(rows)) < 1 / (1 + np.exp(-(RISE + strength * signal)))
    rows = replace(rows, outcome=np.where(up, 1, -1) * np.abs(rows.outcome))
    probability = 1 / (1 + np.exp(-(RISE + (strength or 0.3) * signal)))
    outputs, truth = np.stack([1 - probability, probability], axis=1), up.astype(np.int64)
    newer = np.arange(len(rows)) >= TRAINING
    evidence = Evidence(
        judging=rows.take(newer),
        truth=truth[newer],
        outputs=outputs[newer],
        scores=(-1.0, 1.0),
        training=rows.take(~newer),
        training_truth=truth[~newer],
        feature_names=("a", "b", "c", "d", "e"),
        training_fit=0.6,
        selection_fit=0.55,
        onnx=b"x" * 1000,
        parity=1e-7,
        training_seconds=10.0,
        latency_seconds=0.001,
        predictions=outputs[newer].argmax(axis=1),
        seed=seed,
    )
    return replace(evidence, **changes)
