"""The winner of a comparison as it would serve: what its file tells, and what gates ask of it."""

from __future__ import annotations

import time

import numpy as np

from pipelines.forecasts import TargetForecast
from pipelines.gates import Evidence
from pipelines.modeling.compare import Comparison
from pipelines.modeling.onnx import Description, OnnxScorer, parity

LATENCY_ROWS = 50  # single rows that are timed; their median counts


def described(forecast: TargetForecast, found: Comparison) -> Description:
    """What a file tells of a model that was compared: how to ask it, and what its answers mean."""
    trained = {forecast.symbols[code] for code in found.symbols}
    return Description(
        classes=forecast.label.classes,
        features=forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=found.thresholds,
        shares=found.shares,
        kind=forecast.label.kind,
        untrained=tuple(symbol for symbol in forecast.symbols if symbol not in trained),
        more={
            "forecast": forecast.name,
            "target": forecast.target.name,
            "definition": forecast.model_fingerprint,
        },
    )


def evidence(
    forecast: TargetForecast,
    found: Comparison,
    body: bytes,
    scorer: OnnxScorer,
    champion: OnnxScorer | None,
    seed: int,
) -> Evidence:
    """What is known of the winner, whose ONNX form is met on every row that was held out."""
    features = np.concatenate([found.selection.rows.features, found.judging.rows.features])
    return Evidence(
        judging=found.judging.rows,
        truth=found.judging.truth,
        given=found.given,
        said=found.said,
        scores=forecast.label.scores,
        training=found.training.rows,
        training_truth=found.training.truth,
        feature_names=forecast.feature_names,
        training_fit=found.training_metrics.fit,
        selection_fit=found.selection_metrics.fit,
        onnx=body,
        parity=parity(scorer, found.winner, features),
        training_seconds=found.seconds,
        latency_seconds=_latency(scorer, features[:LATENCY_ROWS]),
        champion=_met(champion, found.judging.rows.features) if champion else None,
        seed=seed,
    )


def _met(champion: OnnxScorer, features: np.ndarray) -> np.ndarray:
    """What the champion gives; NaN where it was trained on no bar of the row's symbol."""
    told = champion.description
    unknown = [told.symbols.index(name) for name in told.untrained]
    known = ~np.isin(features[:, -1], unknown)
    found = champion.score(features[known])[0]
    given = np.full((len(features), found.shape[1]), np.nan)
    given[known] = found
    return given


def _latency(scorer: OnnxScorer, rows: np.ndarray) -> float:
    taken = []
    for row in rows:
        start = time.perf_counter()
        scorer.score(row[None, :])
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))
