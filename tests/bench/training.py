"""The comparison of all candidates on 45,000 pooled hourly bars, beside scikit-learn's defaults.

And a whole training on as many rows, beside one such comparison: it compares anew for each stretch
of the past, converts, judges and registers. Both have their libraries loaded.

The peer is the same seven classifiers as scikit-learn gives them, without class weights, on the
same split. Two of them would take long on all of it: SVC learns from as many rows as ours does,
GradientBoosting from a quarter, and their times are never scaled up. Ours also calibrates and
judges its winner. On a busy machine the CPU seconds say more than the others.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench.measure import Figure, run_child

if TYPE_CHECKING:
    from pipelines.modeling.dataset import Rows

ROWS, SYMBOLS = 45_000, 10
PARTS = {
    "svc": 5000,
    "gradient_boosting": 9000,
}  # rows that the slow classifiers of the peer are fitted on
NAMES = (
    "random_forest",
    "extra_trees",
    "gradient_boosting",
    "histogram_gradient_boosting",
    "mlp",
    "svc",
    "logistic_regression",
)


def figures() -> Iterator[Figure]:
    own_run = run_child("tests.bench.training", "ours")
    summary = json.loads(own_run.note)
    peers = {name: run_child("tests.bench.training", "peer", name) for name in NAMES}
    for name in NAMES:
        peer_run = peers[name]
        seconds, quality = summary["candidates"][name]
        yield Figure(
            f"{name}, {summary['training']:,} training rows",
            f"{seconds:.1f} s",
            f"{peer_run.seconds:.1f} s (defaults{_part(name)})",
            f"{seconds / peer_run.seconds:.2f}",
            f"macro F1 and rank IC: ours {quality}, peer {json.loads(peer_run.note)['quality']}",
        )
    total = sum(run.seconds for run in peers.values())
    cpu = sum(json.loads(run.note)["cpu"] for run in peers.values())
    yield Figure(
        f"all seven compared, {ROWS:,} rows",
        f"{own_run.seconds:.1f} s, {own_run.peak_mib:.0f} MiB",
        f"{total:.1f} s, {max(run.peak_mib for run in peers.values()):.0f} MiB (defaults)",
        f"{own_run.seconds / total:.2f}",
        f"CPU {summary['cpu']:.0f} s against {cpu:.0f} s, load {summary['load']:.1f} at the start",
    )


def figures_of_a_training() -> Iterator[Figure]:
    comparison, training = (run_child("tests.bench.training", what) for what in ("ours", "whole"))
    cpu, cpu_of_one = (json.loads(run.note)["cpu"] for run in (training, comparison))
    yield Figure(
        f"a whole training, {ROWS:,} rows",
        f"{training.seconds:.1f} s, {training.peak_mib:.0f} MiB",
        f"{comparison.seconds:.1f} s, {comparison.peak_mib:.0f} MiB (one comparison of the seven)",
        f"{training.seconds / comparison.seconds:.2f}",
        f"at most 3; CPU {cpu:.0f} s against {cpu_of_one:.0f} s, a ratio of"
        f" {cpu / cpu_of_one:.2f}; {json.loads(training.note)['verdict']}",
    )


def _part(name: str) -> str:
    return f" on {PARTS[name]:,} rows" if name in PARTS else ""


def load_rows() -> Rows:
    """Return the newest 45,000 rows of the sample."""
    from pipelines.core.calendar import utc
    from pipelines.forecasts import NASDAQ100_HOURLY
    from pipelines.sources.sample import Sample
    from tests.steps.markets import rows_of

    forecast = NASDAQ100_HOURLY
    start, end = utc("2023-12-01"), utc("2026-09-01")
    market_rows = rows_of(Sample(), forecast.symbols[:SYMBOLS], forecast, start, end)
    usable = np.flatnonzero(np.isfinite(market_rows.features).all(axis=1))
    return market_rows.take(usable[-ROWS:])


def run_own() -> None:
    import os

    from pipelines.forecasts import NASDAQ100_HOURLY
    from pipelines.modeling.compare import compare

    training_rows = load_rows()
    forecast = NASDAQ100_HOURLY.target_forecast()
    load_libraries()
    load = os.getloadavg()[0]
    start, busy = time.perf_counter(), time.process_time()
    split = replace(forecast.split, stretches=0)
    comparison = compare(training_rows, forecast.label, forecast.candidates, split, 0)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    summary: dict[str, Any] = {
        "training": len(comparison.training),
        "load": load,
        "cpu": cpu,
        "candidates": {},
    }
    for candidate in comparison.ranking:
        assert candidate.metrics is not None, candidate.failure
        quality = f"{candidate.metrics.macro_f1:.3f} {candidate.metrics.rank_ic:.3f}"
        summary["candidates"][candidate.name] = (candidate.seconds, quality)
    print_run(seconds, json.dumps(summary))


def load_libraries() -> None:
    """Import what a training uses: a process pays for it once, however much it trains."""
    import sklearn.ensemble
    import sklearn.neural_network
    import sklearn.svm  # noqa: F401


def run_whole() -> None:
    """Train on a lake of its own, from its feature table to the registered model."""
    import tempfile
    from pathlib import Path

    from pipelines.core.calendar import utc
    from pipelines.forecasts import NASDAQ100_HOURLY
    from pipelines.registry.mlflow import Registry
    from pipelines.sources.sample import Sample
    from pipelines.steps import ingest, ingest_weights, refresh_features
    from pipelines.steps.models.train import train
    from tests import empty_lake

    start, end = utc("2023-12-01"), utc("2026-09-01")
    first = load_rows().closes_at.min().item().replace(tzinfo=UTC) - timedelta(microseconds=1)
    schedule = replace(NASDAQ100_HOURLY.schedule, history=end - first)
    forecast, source = replace(NASDAQ100_HOURLY, schedule=schedule), Sample()
    with (
        tempfile.TemporaryDirectory() as folder,
        empty_lake.create_lake(empty_lake.at(Path(folder))) as lake,
    ):
        symbols = forecast.symbols[:SYMBOLS]
        ingest(lake, source, symbols, forecast.bar, start, end).enforce()
        ingest(lake, source, forecast.funds, forecast.bar, start, end).enforce()
        ingest_weights(lake, source, "qqq", as_of=end)
        refresh_features(lake, forecast, source.name)
        registry = Registry(folder=Path(folder) / "mlflow")
        registry.experiment(forecast.name)  # makes MLflow's store
        load_libraries()
        began, busy = time.perf_counter(), time.process_time()
        report = train(lake, registry, forecast.target_forecast(), source.name, as_of=end)
        seconds, cpu = time.perf_counter() - began, time.process_time() - busy
        rows = sum(len(stretch.judging) for stretch in report.comparison.stretches)
        note = {"cpu": cpu, "verdict": f"{report.verdict}, {rows:,} rows judged"}
        print_run(seconds, json.dumps(note))


def run_peer(name: str) -> None:
    """Fit a classifier of scikit-learn and score the selection rows, as a comparison does."""
    from pipelines.forecasts import NASDAQ100_HOURLY
    from pipelines.modeling.metrics import measure

    forecast = NASDAQ100_HOURLY.target_forecast()
    training, selection, _ = forecast.split.cut(load_rows())
    cuts = forecast.label.learn(training.outcome)
    x, y = training.features, forecast.label.truth(training.outcome, cuts)
    step = max(1, len(y) // PARTS.get(name, len(y)))
    x, y = x[::step], y[::step]
    model = _default(name)
    start, busy = time.perf_counter(), time.process_time()
    model.fit(x, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    label = forecast.label
    classes = label.truth(selection.outcome, cuts).astype(np.int64)
    predicted = model.predict(selection.features).astype(np.int64)
    has_probabilities = hasattr(model, "predict_proba")  # SVC's defaults give a class and no more
    probabilities = (
        model.predict_proba(selection.features) if has_probabilities else np.eye(5)[predicted]
    )
    metrics = measure(
        classes,
        predicted,
        probabilities,
        selection.outcome,
        label.classes,
        label.scores,
    )
    quality = f"{metrics.macro_f1:.3f} {metrics.rank_ic:.3f}"
    print_run(seconds, json.dumps({"quality": quality, "cpu": cpu}))


def _default(name: str) -> Any:
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    models: dict[str, Callable[[], Any]] = {
        "random_forest": RandomForestClassifier,
        "extra_trees": ExtraTreesClassifier,
        "gradient_boosting": GradientBoostingClassifier,
        "histogram_gradient_boosting": HistGradientBoostingClassifier,
        "mlp": lambda: make_pipeline(StandardScaler(), MLPClassifier()),
        "svc": lambda: make_pipeline(StandardScaler(), SVC()),
        "logistic_regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    }
    return models[name]()


def print_run(seconds: float, note: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "note": note}))


if __name__ == "__main__":
    {"ours": run_own, "peer": run_peer, "whole": run_whole}[sys.argv[1]](*sys.argv[2:])
