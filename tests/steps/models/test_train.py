"""Training from silver to a decision, and never on rows from the future."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.mlflow import PRODUCTION, STAGING, Registry, model_name
from pipelines.sources.base import Source
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.steps import ingest, refresh_features
from pipelines.steps.data.rows import read_training_rows
from pipelines.steps.models.moves import promote, rollback
from pipelines.steps.models.train import TrainingReport, train
from tests import empty_lake
from tests.steps.served import fresh_registry

HOURLY = next(f for f in FORECASTS if f.interval == "1h")
QUICK = HOURLY.target_forecast().replace(candidates=(HistogramBoosting(), Logistic()))
START, END = utc("2026-01-05"), utc("2026-09-01")
# Few gates, for tests that do not look at the decision.
FEW_GATES = QUICK.replace(gates=QUICK.gates[:2])
SMALLEST = FEW_GATES.replace(candidates=(Logistic(),))
NAME = model_name(QUICK)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Eight months of ten symbols: a market with direction, and its twin without."""
    lake = empty_lake.create_lake(empty_lake.at(tmp_path_factory.mktemp("lake")))
    sources: tuple[Source, ...] = (Sample(rank_ic=0.4), SampleNoise())
    for source in sources:
        ingest(lake, source, universe("qqq").symbols, interval_of("1h"), START, END)
    return lake


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def first(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingReport, Registry]:
    """A first training, and the registry that has only its model."""
    registry = fresh_registry(tmp_path_factory.mktemp("first"))
    return train_quickly(lake, registry, "sample"), registry


def train_quickly(
    lake: Lake, registry: Registry, source: str, as_of: datetime = END
) -> TrainingReport:
    return train(lake, registry, QUICK, source, as_of=as_of)


def test_skill_is_promoted_and_an_older_training_never_takes_its_place(
    lake: Lake, first: tuple[TrainingReport, Registry]
) -> None:
    report, registry = first
    assert report.verdict == "promoted", report.summary()
    version = registry.version_by_alias(NAME, PRODUCTION)
    assert version is not None
    assert version.version == report.version

    scorer = OnnxScorer(registry.load(NAME, version.version).body, version.sha256)
    assert scorer.description.classes == QUICK.label.classes
    assert scorer.description.thresholds == report.comparison.thresholds
    outputs = scorer.score(report.comparison.judging.rows.features)[0]
    np.testing.assert_allclose(outputs, report.comparison.outputs, atol=1e-5)

    rows = lake.rows(
        """SELECT verdict, proven, snapshot, definition, gates FROM gold.model_decisions
           WHERE source = 'sample' AND model_version = ?""",
        [report.version],
    )
    verdict, proven, snapshot, definition, gates = rows[0]
    assert (verdict, proven, definition) == ("promoted", True, QUICK.model_fingerprint)
    assert {g["gate"] for g in json.loads(gates)} == {g.name for g in QUICK.gates}
    assert lake.rows("SELECT count(*) FROM meta.kept_snapshots WHERE snapshot = ?", [snapshot])
    ranked = lake.rows(
        """SELECT candidate FROM gold.model_rankings
           WHERE source = 'sample' AND model_version = ? ORDER BY rank""",
        [report.version],
    )
    assert [name for (name,) in ranked] == [result.name for result in report.comparison.ranking]

    older = train(lake, registry, SMALLEST, "sample", as_of=utc("2026-08-01"))
    assert older.version > report.version
    for alias in (PRODUCTION, STAGING):
        version = registry.version_by_alias(NAME, alias)
        assert version is not None
        assert version.version == report.version, "no alias moves back"


def test_the_evidence_is_written_with_the_decision_and_agrees_with_its_gates(
    lake: Lake, first: tuple[TrainingReport, Registry]
) -> None:
    report, _ = first
    of_version = "source = 'sample' AND model_version = ?"
    batches = [
        lake.rows(
            f"SELECT DISTINCT batch, sha256 FROM {table} WHERE {of_version}", [report.version]
        )
        for table in ("gold.model_decisions", "gold.model_rankings", "gold.model_evidence")
    ]
    assert batches[0] == batches[1] == batches[2]
    assert len(batches[0]) == 1
    judged = sum(len(stretch.judging) for stretch in report.comparison.stretches)
    counted = lake.rows(
        f"""SELECT sum(row_count) FROM gold.model_evidence
            WHERE {of_version} AND evidence = 'confusion'""",
        [report.version],
    )
    assert counted == [(judged,)]
    areas = lake.rows(
        f"""SELECT DISTINCT name, area FROM gold.model_evidence
            WHERE {of_version} AND evidence = 'calibration'""",
        [report.version],
    )
    gate = next(v for v in report.decision.verdicts if v.name == "calibration")
    assert np.mean([area for _, area in areas]) == pytest.approx(gate.value)
    features = lake.rows(
        f"""SELECT name FROM gold.model_evidence
            WHERE {of_version} AND evidence = 'importance' ORDER BY place""",
        [report.version],
    )
    assert {name for (name,) in features} == {*QUICK.feature_names, "symbol"}


def test_noise_is_refused_with_its_reason_and_stays_at_staging(
    lake: Lake, registry: Registry
) -> None:
    report = train_quickly(lake, registry, "sample_noise")
    assert report.verdict == "refused"
    assert "skill_direction" in report.decision.reason
    assert registry.version_by_alias(NAME, PRODUCTION) is None
    version = registry.version_by_alias(NAME, STAGING)
    assert version is not None
    assert version.tags["proven"] == "False"
    assert "skill_direction" in version.tags["reason"]


def test_the_same_snapshot_and_seed_give_the_same_model(
    lake: Lake, registry: Registry, first: tuple[TrainingReport, Registry]
) -> None:
    report, again = first[0], train(lake, registry, FEW_GATES, "sample", as_of=END)
    assert report.comparison.ranking[0].name == again.comparison.ranking[0].name
    np.testing.assert_array_equal(report.comparison.outputs, again.comparison.outputs)


def test_nothing_later_than_as_of_is_used(lake: Lake) -> None:
    refresh_features(lake, QUICK.forecast, "sample")
    at = utc("2026-07-15T15:00+00:00")
    with lake.view() as view:
        rows = read_training_rows(view, QUICK, "sample", at)
    assert len(rows)
    limit = np.datetime64(at.replace(tzinfo=None), "us")
    assert (rows.known_at <= limit).all()
    assert (rows.closes_at < rows.known_at).all()
    training, selection, judging = QUICK.split.cut(rows)
    for older, newer in ((training, selection), (selection, judging)):
        assert older.known_at.max() < newer.closes_at.min(), "no label's span is shared"


def test_without_bars_the_error_says_how_to_ingest_them(lake: Lake, registry: Registry) -> None:
    with pytest.raises(InvalidRequest, match="no bars of nasdaq100_hourly") as error:
        train_quickly(lake, registry, "yahoo")
    assert "bullion ingest --source yahoo" in error.value.hint


def test_a_failed_training_leaves_no_version_and_no_decision(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lake.rows("SELECT count(*) FROM gold.model_decisions")
    monkeypatch.setattr(
        "pipelines.registry.mlflow.fetch_artifact", lambda uri, folder, name="": b"another file"
    )
    with pytest.raises(Exception, match="not what was just written"):
        train(lake, registry, SMALLEST, "sample", as_of=END)
    assert lake.rows("SELECT count(*) FROM gold.model_decisions") == before
    assert registry.version_by_alias(NAME, STAGING) is None


def test_after_the_store_of_mlflow_was_lost_no_version_is_given_twice(
    lake: Lake, tmp_path: Path
) -> None:
    """As when mlflow.db is deleted between two trainings; the verified files are still there."""
    target, former = SMALLEST, fresh_registry(tmp_path / "former")
    before = lake.rows("SELECT max(model_version) FROM gold.model_decisions")[0][0]
    first = train(lake, former, target, "sample", as_of=utc("2026-08-28"))
    registry = fresh_registry(tmp_path / "new")
    shutil.copytree(former.folder / "verified", registry.folder / "verified")
    with pytest.raises(InvalidRequest, match="in the lake and no longer in MLflow") as error:
        promote(lake, registry, target, first.version, PRODUCTION)
    assert "bullion models" in error.value.hint
    second = train(lake, registry, target, "sample", as_of=END)
    assert second.version == max(first.version, before or 0) + 1
    assert [version.version for version in registry.versions(NAME)] == [second.version]
    assert promote(lake, registry, target, second.version, PRODUCTION).champion == second.version
    files = dict(
        lake.rows(
            """SELECT d.model_version, any_value(d.sha256) FROM gold.model_decisions d
               JOIN gold.model_rankings r USING (forecast, target, model_version, sha256)
               WHERE d.model_version IN (?, ?) GROUP BY 1""",
            [first.version, second.version],
        )
    )
    assert files.keys() == {first.version, second.version}
    # Its file was verified once, and still lies beside the lake.
    assert rollback(lake, registry, target, "sample").champion == first.version
