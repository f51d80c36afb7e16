"""A lake, an MLflow store and models of an earlier Bullion keep working."""

from __future__ import annotations

import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.core.calendar import utc
from pipelines.core.settings import Settings
from pipelines.forecasts import forecast
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from pipelines.registry.mlflow import Registry
from pipelines.steps import ingest, refresh_features
from pipelines.steps.lake import open_lake
from pipelines.steps.models.train import train
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from serving.app import create_app
from tests.aggregates import wrong_answers

ARCHIVE = Path(__file__).resolve().parents[1] / "fixtures" / "older_lake.tar.xz"
HOURLY, DAILY = forecast("nasdaq100_hourly"), forecast("aapl_daily")
SCORED = utc("2026-09-29"), utc("2026-10-01")
TABLES = {"nasdaq100_hourly": "b72a410bc3a11383", "aapl_daily": "e4d31379b4bd79ce"}
MODELS = {"action": "41cb2d406a46fc69", "return": "9b6df100cb019520", "risk": "819b9655ba18cf8b"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Unpack the earlier lake where the settings of this test name it."""
    place = tmp_path / "older"
    with tarfile.open(ARCHIVE) as archive:
        # Python 3.11.2, which Debian 12 has, extracts without a filter.
        archive.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    with sqlite3.connect(place / "mlflow.db") as store:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            store.execute(f"UPDATE {table} SET {column} = replace({column}, '/old', '{place}')")
    store.close()
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{place / 'catalog.sqlite'}")
    monkeypatch.setenv("BULLION_LAKE_DATA", str(place / "files"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'mlflow.db'}")
    return place


@pytest.fixture
def old_lake(folder: Path, lake_settings: Settings) -> Iterator[Lake]:
    with open_lake(create=False) as lake:
        yield lake


def predictions(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows(
        """SELECT forecast, target, symbol, ts, role, candidate, model_version, action,
                  expected_score, value
           FROM gold.predictions ORDER BY ALL"""
    )


def signals(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows("SELECT universe, ts, wss, signal FROM gold.index_signals ORDER BY ALL")


def assert_scores_equal(rows: list[tuple[Any, ...]], before: list[tuple[Any, ...]]) -> None:
    """Compare rows: scores as far as another processor's float32 rounds alike, the rest exactly."""
    assert len(rows) == len(before)
    for row, old in zip(rows, before, strict=True):
        for value, old_value in zip(row, old, strict=True):
            if isinstance(old_value, float):
                old_value = pytest.approx(old_value, rel=0, abs=1e-6)
            assert value == old_value, (row, old)


def test_its_fingerprints_are_those_of_today() -> None:
    """A change of a fingerprint makes every model in use unusable."""
    assert {name: forecast(name).table_fingerprint for name in TABLES} == TABLES
    targets = (*HOURLY.per_target(), *DAILY.per_target())
    assert {target.target.name: target.model_fingerprint for target in targets} == MODELS


def test_its_columns_have_their_true_minima_and_nothing_of_it_is_lost(old_lake: Lake) -> None:
    assert old_lake.rows("SELECT min(ts) FROM silver.bars WHERE \"interval\" = '1h'") == [
        (utc("2026-07-20T13:30+00:00"),)
    ]
    assert wrong_answers(old_lake) == []
    before = predictions(old_lake), signals(old_lake)
    compact(old_lake)
    assert predictions(old_lake) == before[0]
    # A symbol that is forecast by itself had no signal then.
    assert [row for row in signals(old_lake) if row[0] != "aapl"] == before[1]
    assert verify(old_lake).problems == []


def test_its_models_score_as_they_did(folder: Path, old_lake: Lake) -> None:
    before = predictions(old_lake), signals(old_lake)
    assert len(before[0]) > 280
    registry = Registry(folder=folder)
    start, end = SCORED
    score(old_lake, registry, HOURLY, "sample", start=start, end=end)
    score(old_lake, registry, DAILY, "sample", start=utc("2026-09-25"), end=end)
    assert_scores_equal(predictions(old_lake), before[0])
    # A symbol that is forecast by itself had no signal then.
    assert_scores_equal([row for row in signals(old_lake) if row[0] != "aapl"], before[1])


@pytest.mark.usefixtures("without_pictures")
def test_it_goes_on_with_new_bars_models_and_answers(folder: Path, old_lake: Lake) -> None:
    from pipelines.core.intervals import interval_of
    from pipelines.sources.sample import Sample

    end = utc("2026-10-03")
    ingest(old_lake, Sample(), ("AAPL",), interval_of("1d"), SCORED[1], end)
    refresh_features(old_lake, DAILY, "sample")
    registry = Registry(folder=folder)
    refresh_outcomes(old_lake, registry, DAILY, "sample")
    report = train(old_lake, registry, DAILY.target_forecast("return"), "sample", as_of=end)
    assert report.version == 2
    # Version 1 was trained before evidence was kept.
    assert old_lake.rows("SELECT DISTINCT model_version FROM gold.model_evidence") == [(2,)]
    score(old_lake, registry, DAILY, "sample", start=SCORED[1], end=end)
    newest = old_lake.rows(
        """SELECT target, model_version FROM gold.predictions WHERE forecast = 'aapl_daily'
           AND role = 'champion' AND ts = (SELECT max(ts) FROM gold.predictions
                                           WHERE forecast = 'aapl_daily')"""
    )
    assert dict(newest) == {"return": 1, "risk": 1}  # version 2 serves what closes after its as_of
    with TestClient(create_app(), base_url="http://localhost") as client:
        assert client.app.state.follower.looked.wait(60)  # type: ignore[attr-defined]
        rows = client.get("/forecasts/aapl_daily/history?live=false&limit=2").json()["rows"]
        assert [(row["symbol"], row["model_version"]) for row in rows] == [("AAPL", 1)] * 2
        rows = client.get("/signals/history?universe=qqq&live=false&limit=1").json()["rows"]
        assert [row["signal"] for row in rows] == ["SELL"]
