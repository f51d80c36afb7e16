"""Models that serve: what a decision or MODEL_URI says of them, and what answers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.core.errors import BullionError
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import ModelDecision, ServingModel
from pipelines.requests.model import (
    PINNED,
    RANKING_COLUMNS,
    Models,
    TargetDecisions,
    check_decided_scorer,
    decided_model,
    pinned_model,
    read_target_decisions,
    read_training,
)
from serving.predict.predictions import model_marks
from serving.schemas.scoring import CandidateRank
from tests.models import body
from tests.serving.daily import DAILY
from tests.serving.serving_models import HOURLY, LATER, SOURCE, cache_path, serve_model

FORECAST = HOURLY.target_forecast()
SCORER = OnnxScorer(body(HOURLY))
NOW = datetime(2026, 9, 1, tzinfo=UTC)
DECISION = ModelDecision(
    NOW, 3, "promoted", True, "better", "forest", FORECAST.model_fingerprint, SCORER.checksum,
    {}, "run", NOW,
)  # fmt: skip
DECISIONS = TargetDecisions(SOURCE, sample=True, rows=(DECISION,))


def test_a_decided_model_has_the_version_and_the_worth_of_its_decision() -> None:
    choice = ServingModel(DECISION, False, "no skill", "version 4 cannot serve")
    model = decided_model(FORECAST, DECISIONS, choice, SCORER)
    assert (model.version, model.candidate, model.proven) == (3, "forest", False)
    assert model.notices == [
        "the model was trained on made-up data: it knows no market",
        "the model is unproven: no skill",
        "version 4 cannot serve",
    ]
    assert model.market.name == "XNYS"


@pytest.mark.parametrize(
    ("news_source", "is_said"), [("sample", True), ("gdelt", False), (None, False)]
)
def test_made_up_news_beside_real_bars_are_said(
    news_source: str | None, is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forecast, "news_source", lambda *_: news_source)
    choice = ServingModel(DECISION, True, None, None)
    of_bars = decided_model(FORECAST, replace(DECISIONS, sample=False), choice, SCORER)
    notice = "the model was trained on made-up news: it knows no real ones"
    assert (of_bars.has_made_up_news, notice in of_bars.notices) == (is_said, is_said)
    assert model_marks(of_bars)["sample"] is is_said
    assert not decided_model(FORECAST, DECISIONS, choice, SCORER).has_made_up_news


@pytest.mark.parametrize(
    ("rows", "version", "proven", "reason"),
    [
        ((), None, False, PINNED),
        ((DECISION,), 3, True, None),
        (
            (DECISION, replace(DECISION, verdict="withdrawn", reason="bad data")),
            3,
            False,
            "bad data",
        ),
        ((replace(DECISION, sha256="another file"),), None, False, PINNED),
    ],
)
def test_a_pinned_model_is_proven_only_by_a_decision_on_the_same_file(
    rows: tuple[ModelDecision, ...], version: int | None, proven: bool, reason: str | None
) -> None:
    model = pinned_model(FORECAST, replace(DECISIONS, rows=rows), SCORER)
    assert (model.version, model.proven, model.unproven_reason) == (version, proven, reason)
    assert model.origin == "MODEL_URI"


def test_a_model_of_another_forecast_is_refused() -> None:
    assert check_decided_scorer(FORECAST, SCORER, FORECAST.model_fingerprint) is SCORER
    with pytest.raises(BullionError):
        check_decided_scorer(DAILY.per_target()[0], SCORER, None)
    with pytest.raises(BullionError):
        check_decided_scorer(FORECAST, SCORER, "another definition")


def test_a_target_without_a_model_is_named_in_the_notices() -> None:
    value, risk = DAILY.per_target()
    scorer = OnnxScorer(body(risk))
    model = decided_model(risk, DECISIONS, ServingModel(DECISION, True, None), scorer)
    models = Models(DAILY, {"risk": model}, {value.target.name: "nothing was trained yet"})
    assert models.main is model
    assert models.notices == [
        "the model of risk was trained on made-up data: it knows no market",
        f"{value.target.name} is not answered: nothing was trained yet",
    ]


def test_decisions_are_read_again_only_when_the_tables_have_changed(
    lake: Lake, folder: Path
) -> None:
    serve_model(lake, folder)
    with lake.view() as view:
        first = read_target_decisions(view, FORECAST, SOURCE, None)
        assert [row.model_version for row in first.rows] == [1]
        assert read_target_decisions(view, FORECAST, SOURCE, first) is first
    serve_model(lake, folder, seed=1, version=2, as_of=LATER)
    with lake.view() as view:
        second = read_target_decisions(view, FORECAST, SOURCE, first)
    assert [row.model_version for row in second.rows] == [1, 2]


def test_the_training_is_read_only_for_the_same_file(lake: Lake, folder: Path) -> None:
    stored = serve_model(lake, folder)
    with lake.view() as view:
        decisions = read_target_decisions(view, FORECAST, SOURCE, None)
        choice = ServingModel(decisions.rows[0], True, None)
        scorer = OnnxScorer(cache_path(folder, stored).read_bytes())
        training = read_training(view, decided_model(FORECAST, decisions, choice, scorer))
        assert (training["verdict"], training["rankings"]) == ("promoted", [])
        other = read_training(view, decided_model(FORECAST, decisions, choice, SCORER))
    assert other == {"rankings": []}


def test_the_ranking_has_every_figure_of_the_table(lake: Lake, folder: Path) -> None:
    figures = {
        "macro_f1": 0.31, "accuracy": 0.55, "roc_auc": 0.61, "log_loss": 0.68, "rank_ic": 0.1,
        "rmse": 0.02, "mae": 0.01, "r2": 0.03, "hit_rate": 0.53, "precision": 0.52, "recall": 0.4,
        "train_auc": 0.7, "validation_auc": 0.6, "test_auc": 0.58, "out_of_time_auc": 0.55,
        "auc_gap": 0.15, "feature_count": 114, "objection": "a gap of 0.15",
    }  # fmt: skip
    row = {"rank": 1, "candidate": "forest", **figures, "seconds": 2.5, "failure": None}
    assert set(row) == set(RANKING_COLUMNS) == set(CandidateRank.model_fields)
    stored = serve_model(lake, folder)
    keys = {"forecast": FORECAST.name, "target": FORECAST.target.name, "source": SOURCE}
    with lake.write("ranking") as writer:
        version = keys | {"as_of": NOW, "model_version": 1, "sha256": SCORER.checksum}
        writer.append("gold.model_rankings", pa.Table.from_pylist([version | row]))
    with lake.view() as view:
        decisions = read_target_decisions(view, FORECAST, SOURCE, None)
        choice = ServingModel(decisions.rows[0], True, None)
        scorer = OnnxScorer(cache_path(folder, stored).read_bytes())
        training = read_training(view, decided_model(FORECAST, decisions, choice, scorer))
    assert training["rankings"] == [row]
    assert CandidateRank(**training["rankings"][0]).model_dump() == row
