"""A training of each target by itself; where none is proven, the declared baseline serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import BullionError
from pipelines.forecasts import FORECASTS
from pipelines.jobs.run import RunRequest
from pipelines.lake import Lake
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import read_decisions, serving_model_at
from pipelines.registry.mlflow import Registry, model_name
from pipelines.sources.sample import SampleNoise
from pipelines.steps import ingest
from pipelines.steps.lake import open_lake
from pipelines.steps.models.train import TrainingReport, train
from tests.empty_lake import lake_of_a_module
from tests.steps.served import fresh_registry

TWO = next(f for f in FORECASTS if len(f.targets) > 1)
END = utc("2026-09-01")
NOISE = SampleNoise()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        since = END - timedelta(days=1800)
        ingest(lake, NOISE, TWO.symbols, TWO.bar, since, END).enforce()
        yield lake


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def reports(lake: Lake, registry: Registry) -> dict[str, TrainingReport]:
    return {
        target.target.name: train(lake, registry, target, NOISE.name, as_of=END)
        for target in TWO.per_target()
    }


def test_each_target_has_a_model_a_decision_and_a_ranking_of_its_own(
    lake: Lake, registry: Registry, reports: dict[str, TrainingReport]
) -> None:
    for target in TWO.per_target():
        report = reports[target.target.name]
        with lake.view() as view:
            (row,) = read_decisions(view, target, NOISE.name)
            ranked = view.rows(
                """SELECT candidate, coalesce(macro_f1, rmse) FROM gold.model_rankings
                   WHERE forecast = ? AND target = ? ORDER BY rank""",
                [target.name, target.target.name],
            )
            aucs = view.rows(
                """SELECT train_auc, test_auc, auc_gap, out_of_time_auc, feature_count
                   FROM gold.model_rankings WHERE forecast = ? AND target = ?""",
                [target.name, target.target.name],
            )
            gates = json.loads(
                view.one(
                    "SELECT gates FROM gold.model_decisions WHERE forecast = ? AND target = ?",
                    [target.name, target.target.name],
                )
            )
        assert (row.verdict, row.definition) == (report.verdict, target.model_fingerprint)
        assert [name for name, _ in ranked] == [r.name for r in report.comparison.ranking]
        assert all(figure is not None for _, figure in ranked)
        assert all(train - test == pytest.approx(gap) for train, test, gap, _, _ in aucs)
        assert {row[3:] for row in aucs} == {(None, len(target.features))}
        assert [gate["gate"] for gate in gates] == [gate.name for gate in target.gates]
        assert not [gate for gate in gates if "could not be computed" in gate["reason"]]


def test_while_nothing_is_proven_the_baseline_serves_and_says_so(
    lake: Lake, registry: Registry, reports: dict[str, TrainingReport]
) -> None:
    target = next(f for f in TWO.per_target() if f.target.baseline)
    report = reports[target.target.name]
    assert report.verdict == "refused"
    assert report.candidate == target.target.baseline
    with lake.view() as view:
        serving = serving_model_at(
            read_decisions(view, target, NOISE.name), END + timedelta(days=1)
        )
    assert serving is not None
    assert (serving.proven, serving.decision.candidate) == (False, target.target.baseline)
    assert f"the baseline {target.target.baseline} serves" in str(serving.unproven_reason)
    body = registry.read_model(model_name(target), serving.model_version, serving.decision.sha256)
    judged = report.comparison.judging
    outputs, predictions = OnnxScorer(body).score(judged.rows.features)
    expected = report.comparison.training.truth.mean()
    np.testing.assert_allclose(predictions, expected, atol=1e-6)
    evidence = lake.rows(
        """SELECT DISTINCT candidate, evidence FROM gold.model_evidence
           WHERE forecast = ? AND target = ? ORDER BY evidence""",
        [target.name, target.target.name],
    )
    winner = report.comparison.ranking[0].name  # what was judged, and not what serves
    assert evidence == [(winner, "calibration"), (winner, "importance")]
    inside = (outputs[:, 1] <= judged.truth) & (judged.truth <= outputs[:, 2])
    assert 0.65 < inside.mean() < 0.95, "its interval was calibrated on newer rows"


def test_where_one_target_cannot_be_trained_the_others_are(
    monkeypatch: pytest.MonkeyPatch, lake: Lake, registry: Registry
) -> None:
    from pipelines import jobs
    from pipelines.steps.models import train as steps_train

    targets: list[str] = []
    real_train = steps_train.train

    def first_fails(
        lake: Lake, registry: Registry, forecast: object, *arguments: object, **options: object
    ) -> TrainingReport:
        targets.append(forecast.target.name)  # type: ignore[attr-defined]
        if len(targets) == 1:
            raise BullionError("too few bars")
        return real_train(lake, registry, forecast, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("pipelines.steps.models.train.train", first_fails)
    monkeypatch.setattr("pipelines.jobs.models.Registry", lambda: registry)
    monkeypatch.setattr("pipelines.jobs.models.open_lake", lambda: open_lake(lake.config))
    before = lake.rows("SELECT count(*) FROM gold.model_decisions")[0][0]
    request = RunRequest(NOISE.name, TWO.symbols, None, END, "test")
    with pytest.raises(BullionError, match="too few bars"):
        jobs.train(TWO.name, request)
    assert targets == list(TWO.target_names)
    after = lake.rows("SELECT count(*) FROM gold.model_decisions")[0][0]
    assert after == before + len(TWO.targets) - 1
