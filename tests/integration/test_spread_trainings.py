"""Trainings of a forecast's targets by two workers at once give what one worker gives, to the bit.

Both workers are processes of their own with the job of the mapped task, over one lake and registry,
as Celery's workers are; so nothing but their number differs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.calendar import utc
from pipelines.core.settings import ROOT
from pipelines.forecasts import FORECASTS
from pipelines.sources.sample import SampleNoise
from pipelines.steps import ingest, refresh_features
from pipelines.steps.lake import open_lake
from tests.steps.served import fresh_registry

pytestmark = pytest.mark.integration

TWO = next(f for f in FORECASTS if len(f.targets) > 1)
NOISE, END = SampleNoise(), utc("2026-09-01T00:00+00:00")
TIMED = {"latency", "training_time"}  # gates that measure seconds, which no two runs have the same
WORKER = f"""
import sys
from pipelines import jobs
from pipelines.core.calendar import utc
from pipelines.jobs import RunRequest
request = RunRequest({NOISE.name!r}, {TWO.symbols!r}, None, utc({END.isoformat()!r}), "spread")
jobs.train_only({TWO.name!r}, request, target=sys.argv[1])
"""


def environment(folder: Path) -> dict[str, str]:
    return {
        "BULLION_LAKE_CATALOG": f"sqlite:{folder}/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{folder}/files",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with features, and an empty registry."""
    folder = tmp_path_factory.mktemp("market")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder).items():
            patch.setenv(name, value)
        with open_lake() as lake:
            ingest(lake, NOISE, TWO.symbols, TWO.bar, END - timedelta(days=1800), END).enforce()
            refresh_features(lake, TWO, NOISE.name)
    fresh_registry(folder / "mlflow")
    return folder


def train(market: Path, folder: Path, rounds: Sequence[Sequence[str]]) -> tuple[Any, float]:
    """Train targets in a copy of the market, those of a round at once; return what the lake says.

    An empty name trains all targets in turn. The seconds come second.
    """
    shutil.copytree(market, folder)
    began = time.perf_counter()
    for targets in rounds:
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, target], env=os.environ | environment(folder)
            )
            for target in targets
        ]
        assert [worker.wait() for worker in workers] == [0] * len(workers)
    seconds = time.perf_counter() - began
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder).items():
            patch.setenv(name, value)
        with open_lake(read_only=True) as lake:
            decisions = [
                (*row[:-1], [gate for gate in json.loads(row[-1]) if gate["gate"] not in TIMED])
                for row in lake.rows(
                    "SELECT target, model_version, verdict, proven, reason, definition, "
                    "candidate, sha256, challengers, gates FROM gold.model_decisions "
                    "ORDER BY target"
                )
            ]
            rankings = lake.rows(
                "SELECT * EXCLUDE (batch, seconds) "
                "FROM gold.model_rankings ORDER BY target, candidate"
            )
    return (decisions, rankings), seconds


def test_two_workers_give_the_models_of_one_to_the_bit(market: Path, tmp_path: Path) -> None:
    alone, seconds_alone = train(market, tmp_path / "alone", [[""]])
    spread, seconds_spread = train(market, tmp_path / "spread", [TWO.target_names])
    decisions, rankings = alone
    assert {row[0] for row in decisions} == set(TWO.target_names)
    assert all(row[7] for row in decisions)
    assert len(rankings) > len(decisions)
    assert spread == alone
    print(f"one worker {seconds_alone:.1f} s, two {seconds_spread:.1f} s")
