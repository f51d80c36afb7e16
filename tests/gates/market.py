"""Rows of a simulated market: volatile at the ends of a session, with a given direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.gates import Evidence
from pipelines.gates.skill import shares_by_place
from pipelines.labels import Action
from pipelines.modeling.action_rules import ABOVE_SHARE, BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.dataset import Rows

LABEL = Action()
SHAPE = np.array([1.6, 1.0, 0.8, 0.7, 0.7, 0.9, 2.2])
NAMES = ("move", "size", "chance")
HOUR = np.timedelta64(3_600_000_000, "us")


def build_market(
    seed: int, sessions: int, ic: float, symbols: int = 10, drift: float = 0.0
) -> tuple[Rows, np.ndarray]:
    """Build rows, and the known part of each move; symbols share half of each move."""
    random = np.random.default_rng(seed)
    bars = sessions * len(SHAPE)
    place = np.arange(bars) % len(SHAPE)
    common, own = random.standard_normal((bars, 1)), random.standard_normal((bars, symbols))
    move = (common + own) / np.sqrt(2)
    known = random.standard_normal((bars, symbols))
    outcome = (ic * known + np.sqrt(1 - ic**2) * move + drift) * SHAPE[place][:, None]
    size = np.abs(random.standard_normal((bars, symbols))) * SHAPE[place][:, None]
    code = np.tile(np.arange(symbols), (bars, 1))
    features = np.stack([known, size, random.standard_normal((bars, symbols)), code], axis=-1)
    session = np.repeat(np.datetime64("2026-01-01") + np.arange(sessions), len(SHAPE) * symbols)
    closes_at = session.astype("datetime64[us]") + (np.repeat(place, symbols) + 15) * HOUR
    rows = Rows(
        features.reshape(-1, 4).astype(np.float32),
        outcome.ravel(),
        code.ravel(),
        closes_at,
        closes_at + HOUR,
        session,
        np.repeat(place, symbols),
    )
    return rows, known.ravel()


def split_rows(rows: Rows, training: int) -> tuple[np.ndarray, np.ndarray]:
    older = rows.session < np.unique(rows.session)[training]
    return older, ~older


def publish(outputs: np.ndarray, shares: np.ndarray, rule: ActionRule) -> np.ndarray:
    """The class that a rule publishes for each row."""
    cuts = rule.learn(outputs, LABEL.scores, shares.tolist())
    return rule.choose(outputs, LABEL.scores, shares.tolist(), cuts)


def with_champion(evidence: Evidence, champion: Evidence) -> Evidence:
    """The evidence with a champion that predicts as the model of the other evidence."""
    return replace(evidence, champion=champion.outputs, champion_predictions=champion.predictions)


def build_evidence(
    seed: int = 0,
    ic: float = 0.2,
    sessions: int = 60,
    tilt: float = 0.4,
    blind: bool = False,
    symbols: int = 10,
    **changes: Any,
) -> Evidence:
    """Simulate a model that learned the shape of the day on 30 sessions, judged on `sessions` more.

    Its classes follow the known part of the move by `tilt`; a blind model knows only the shape of
    the day and the volatility of each row, hardly prefers a side, and publishes the class that
    stands highest above its share.
    """
    rows, known = build_market(seed, 30 + sessions, ic, symbols)
    older, newer = split_rows(rows, 30)
    training, judging = rows.take(older), rows.take(newer)
    thresholds = LABEL.learn(training.outcome)
    learned = LABEL.truth(training.outcome, thresholds)
    shares = shares_by_place(training.place, learned, 5)
    outputs = np.stack([shares[int(place)] for place in judging.place])
    if blind:
        outputs = (outputs + outputs[:, ::-1]) / 2
        outputs *= np.exp(0.2 * judging.features[:, 1:2] * np.array([1, 0, -1, 0, 1]))
        outputs *= np.exp(0.02 * judging.features[:, 2:3] * np.arange(-2, 3))
    else:
        outputs *= np.exp(tilt * known[newer, None] * np.arange(-2, 3))
    outputs /= outputs.sum(axis=1, keepdims=True)
    evidence = Evidence(
        judging=judging,
        truth=LABEL.truth(judging.outcome, thresholds),
        outputs=outputs,
        scores=LABEL.scores,
        training=training,
        training_truth=learned,
        feature_names=NAMES,
        training_fit=0.4,
        selection_fit=0.3,
        onnx=b"x" * 1000,
        parity=1e-7,
        training_seconds=10.0,
        latency_seconds=0.001,
        predictions=publish(outputs, shares[-1], ABOVE_SHARE if blind else BY_EXPECTED_SCORE),
        seed=seed,
    )
    return replace(evidence, **changes)
