"""Training spy_next_day on simulated markets finds what was planted, and nothing in noise.

The sample plants what TLT and VIX of a session say of SPY's next one. The oracle knows it exactly;
what the winner reaches of its ROC AUC above 0.5 is measured on the rows that its gates judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipelines.core.calendar import utc
from pipelines.forecasts import SPY_NEXT_DAY as FORECAST
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.sources.sample.oracle import oracle_next_session
from pipelines.steps import ingest, refresh_features
from pipelines.steps.models.train import TrainingReport, train
from tests import empty_lake
from tests.steps.served import fresh_registry

TARGET_FORECAST = FORECAST.target_forecast()
END = utc("2026-09-01")
START = END - FORECAST.schedule.history
SYMBOLS = (*FORECAST.symbols, *FORECAST.companions)
Folders = Callable[[], Path]


def train_on(folder: Path, registry: Registry, source: Sample) -> TrainingReport:
    with empty_lake.create_lake(empty_lake.at(folder)) as lake:
        ingest(lake, source, SYMBOLS, FORECAST.bar, START, END).enforce()
        refresh_features(lake, FORECAST, source.name)
        return train(lake, registry, TARGET_FORECAST, source.name, as_of=END)


def oracle_roc_auc(source: Sample, report: TrainingReport) -> float:
    """Return the oracle's ROC AUC on the sessions that the gates judged."""
    judged = [stretch.judging.rows for stretch in report.comparison.stretches]
    closes_at = np.concatenate([rows.closes_at for rows in judged])
    is_up = np.concatenate([rows.outcome for rows in judged]) > 0
    oracle = oracle_next_session(source.market, START, END)
    scores = oracle.score[np.searchsorted(oracle.ts, closes_at) - 1]
    return float(roc_auc_score(is_up, scores))


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_four_of_five_markets_are_promoted_with_most_of_what_the_oracle_knows(
    folders: Folders, registry: Registry
) -> None:
    promoted, shares = 0, []
    for seed in range(1, 6):
        source = Sample(seed=seed)
        report = train_on(folders(), registry, source)
        reached, best = auc_of(report), oracle_roc_auc(source, report)
        shares.append((reached - 0.5) / (best - 0.5))
        promoted += report.verdict == "promoted"
        print(f"market {seed}: {reached:.4f} of {best:.4f}, {describe(report)}", flush=True)
        forget(registry)
    assert promoted >= 4
    assert np.mean(shares) >= 0.8


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_of_twenty_noises_one_is_promoted_at_the_most(folders: Folders, registry: Registry) -> None:
    promoted, refusals = 0, Counter[str]()
    for seed in range(1, 21):
        report = train_on(folders(), registry, SampleNoise(seed=seed))
        promoted += report.verdict == "promoted"
        refusals.update(refusing_gates(report))
        print(f"noise {seed}: {describe(report)}", flush=True)
        forget(registry)
    print(f"{promoted} of 20 promoted; refused by {dict(refusals)}", flush=True)
    assert promoted <= 1


def auc_of(report: TrainingReport) -> float:
    return next(v.value for v in report.decision.verdicts if v.name == "skill_roc_auc")


def refusing_gates(report: TrainingReport) -> list[str]:
    return [v.name for v in report.decision.verdicts if v.blocking and not v.passed]


def describe(report: TrainingReport) -> str:
    winner, refusals = report.comparison.ranking[0].name, " ".join(refusing_gates(report))
    return f"{winner} {report.verdict}, ROC AUC {auc_of(report):.4f} {refusals}"


def forget(registry: Registry) -> None:
    """Remove Production, so that the next market has no champion to beat."""
    name = model_name(TARGET_FORECAST)
    if registry.version_by_alias(name, PRODUCTION) is not None:
        registry.client.delete_registered_model_alias(name, PRODUCTION)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    numbers = count()
    return lambda: tmp_path / str(next(numbers))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")
