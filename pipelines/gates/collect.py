"""Collect the evidence about a comparison's winner, in the form in which it would serve."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from pipelines.gates.evidence import Evidence, TrainingRows
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Rows
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

    The ONNX form is compared with the original on every row that was held out. The champion is met
    on the winner's own judging rows: it may have been fitted on those before them.
    """
    selection, judging = comparison.selection, comparison.judging
    features = np.concatenate([selection.rows.features, judging.rows.features])
    stretches = comparison.stretches
    counts = [len(stretch.judging) for stretch in stretches]
    champion_outputs, champion_predictions = (
        _score_champion(champion, judging.rows.features, comparison.feature_names, sum(counts))
        if champion
        else (None, None)
    )
    return Evidence(
        judging=Rows.concat([stretch.judging.rows for stretch in stretches]),
        truth=np.concatenate([stretch.judging.truth for stretch in stretches]),
        outputs=np.concatenate([stretch.outputs for stretch in stretches]),
        predictions=np.concatenate([stretch.predictions for stretch in stretches]),
        earlier=tuple(
            TrainingRows(stretch.training.rows, stretch.training.truth)
            for stretch in comparison.earlier
        ),
        model_of_row=np.repeat(np.arange(len(stretches)), counts),
        scores=comparison.label.scores,
        training=comparison.training.rows,
        training_truth=comparison.training.truth,
        feature_names=comparison.feature_names,
        objection=comparison.ranking[0].objection,
        model_features=comparison.winner_features,
        flags=comparison.flags,
        training_fit=comparison.training_metrics.fit,
        selection_fit=comparison.selection_metrics.fit,
        onnx=onnx,
        parity=parity(scorer, comparison.winner, features),
        training_seconds=comparison.seconds,
        latency_seconds=_measure_latency(
            scorer,
            scorer.description.select_columns(features[:LATENCY_ROWS], comparison.feature_names),
        ),
        champion=champion_outputs,
        champion_predictions=champion_predictions,
        seed=seed,
    )


def _score_champion(
    champion: OnnxScorer, features: np.ndarray, names: Sequence[str], rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """The champion's outputs and predictions for the newest of that many rows.

    Outputs are NaN before, where it was trained on no bar of the row's symbol, and where a feature
    is missing that it alone reads.
    """
    description = champion.description
    untrained = [description.symbols.index(name) for name in description.untrained]
    own_rows = np.arange(rows - len(features), rows)
    inputs = description.select_columns(features, names)
    is_known = ~np.isin(inputs[:, -1], untrained) & np.isfinite(inputs).all(axis=1)
    known_outputs, known_predictions = champion.score(inputs[is_known])
    outputs, predictions = np.full((rows, known_outputs.shape[1]), np.nan), np.full(rows, -1.0)
    outputs[own_rows[is_known]] = known_outputs
    predictions[own_rows[is_known]] = known_predictions
    return outputs, predictions


def _measure_latency(scorer: OnnxScorer, rows: np.ndarray) -> float:
    """The median of the seconds that one row takes."""
    seconds = []
    for row in rows:
        start = time.perf_counter()
        scorer.score(row[None, :])
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
