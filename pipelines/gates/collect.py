"""Collect the evidence about a comparison's winner, in the form in which it would serve."""

from __future__ import annotations

import time

import numpy as np

from pipelines.gates.evidence import Evidence
from pipelines.modeling.compare import Comparison
from pipelines.modeling.onnx import parity
from pipelines.modeling.scorer import OnnxScorer

LATENCY_ROWS = 50  # single rows that are timed; their median counts


def collect_evidence(
    comparison: Comparison,
    onnx: bytes,
    scorer: OnnxScorer,
    champion: OnnxScorer | None,
    seed: int,
) -> Evidence:
    """Measure the winner, whose ONNX form is `onnx` and is run by `scorer`.

    The ONNX form is compared with the original on every row that was held out.
    """
    selection, judging = comparison.selection, comparison.judging
    features = np.concatenate([selection.rows.features, judging.rows.features])
    return Evidence(
        judging=judging.rows,
        truth=judging.truth,
        outputs=comparison.outputs,
        predictions=comparison.predictions,
        scores=comparison.label.scores,
        training=comparison.training.rows,
        training_truth=comparison.training.truth,
        feature_names=comparison.feature_names,
        training_fit=comparison.training_metrics.fit,
        selection_fit=comparison.selection_metrics.fit,
        onnx=onnx,
        parity=parity(scorer, comparison.winner, features),
        training_seconds=comparison.seconds,
        latency_seconds=_measure_latency(scorer, features[:LATENCY_ROWS]),
        champion=_score_champion(champion, judging.rows.features) if champion else None,
        seed=seed,
    )


def _score_champion(champion: OnnxScorer, features: np.ndarray) -> np.ndarray:
    """The champion's outputs; NaN where it was trained on no bar of the row's symbol."""
    description = champion.description
    untrained = [description.symbols.index(name) for name in description.untrained]
    is_known = ~np.isin(features[:, -1], untrained)
    scores = champion.score(features[is_known])[0]
    outputs = np.full((len(features), scores.shape[1]), np.nan)
    outputs[is_known] = scores
    return outputs


def _measure_latency(scorer: OnnxScorer, rows: np.ndarray) -> float:
    """The median of the seconds that one row takes."""
    seconds = []
    for row in rows:
        start = time.perf_counter()
        scorer.score(row[None, :])
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
