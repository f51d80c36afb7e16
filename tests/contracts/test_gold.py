"""Gold has the classes, signals and verdicts that the code can write, and no others."""

from __future__ import annotations

import re

from pipelines.contracts import evidence, gold
from pipelines.core.settings import ROOT


def test_predictions_signals_and_parts_distinguish_live_rows() -> None:
    for table in (gold.PREDICTIONS, gold.INDEX_SIGNALS, gold.CONTRIBUTIONS):
        assert "live" in table.key, table.full_name


def test_a_score_of_a_signal_is_bounded_by_the_scores_of_actions() -> None:
    from pipelines.labels.action import SCORES

    wss = gold.INDEX_SIGNALS.column("wss")
    assert (wss.low, wss.high) == (SCORES[0], SCORES[-1])


def test_the_metrics_of_the_rankings_are_those_that_training_computes() -> None:
    declared = {column.name for column in evidence.MODEL_RANKINGS.columns}
    text = "".join(path.read_text() for path in (ROOT / "pipelines" / "modeling").rglob("*.py"))
    for name in ("macro_f1", "accuracy", "log_loss", "rank_ic", "rmse", "mae", "r2", "hit_rate"):
        assert name in declared
        assert re.search(rf"\b{name}\b", text), name


def test_an_outcome_belongs_to_one_prediction_of_one_model() -> None:
    shared = ("forecast", "target", "source", "symbol", "interval", "ts")
    assert gold.OUTCOMES.key == (*shared, "model_version")
    assert gold.PREDICTIONS.key[: len(shared)] == shared
