"""Training on 1.4 million rows of 114 features: reading them, fitting five variants, and all of it.

Reading is compared with DuckDB's bare read of the same columns of the same files, and the training
with the same fits made bare on the same matrix, each in a process of its own. Ratios are of CPU
seconds, since a busy machine changes the others. Ours also measures each candidate on four parts of
time, calibrates and judges the winner. `WIDE_ROWS` and `WIDE_ROUNDS` make it smaller.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.bench.measure import Figure, MeasuredRun, run_child
from tests.bench.training import print_run

if TYPE_CHECKING:
    from pipelines.forecasts import TargetForecast
    from pipelines.labels import Label
    from pipelines.modeling.candidates import Candidate
    from pipelines.modeling.dataset import Rows

ROWS = int(os.environ.get("WIDE_ROWS", "1400000"))
ROUNDS = int(os.environ.get("WIDE_ROUNDS", "60"))
FEATURES, NEWS, DAY = 114, 12, 1380  # and minutes of a session
NAMES = tuple(f"news_{place}" if place < NEWS else f"market_{place}" for place in range(FEATURES))
SOURCE, PART = "sample", 100_000
MODULE = "tests.bench.wide"


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        run_child(MODULE, "write", folder)
        own_run, bare_run = (run_child(MODULE, what, folder) for what in ("read", "bare_read"))
    yield _compare(
        f"{ROWS:,} rows of {FEATURES} features to one matrix", own_run, bare_run,
        "DuckDB, a table", "at most 2",
    )  # fmt: skip
    own_run, bare_run = (run_child(MODULE, what) for what in ("compare", "fits"))
    yield _compare(
        f"five variants of {ROUNDS} trees", own_run, bare_run, "the same fits", "at most 1.3"
    )
    whole_run = run_child(MODULE, "whole")
    yield Figure(
        "a whole training, with three stretches of the past and all gates",
        f"{whole_run.seconds:.0f} s, {whole_run.peak_mib:.0f} MiB",
        "8192 MiB",
        f"{whole_run.peak_mib / 8192:.2f}",
        f"CPU {json.loads(whole_run.note)['cpu']:.0f} s",
    )


def _compare(
    name: str, own_run: MeasuredRun, peer_run: MeasuredRun, peer: str, limit: str
) -> Figure:
    own_cpu, peer_cpu = (json.loads(run.note)["cpu"] for run in (own_run, peer_run))
    return Figure(
        name,
        f"CPU {own_cpu:.1f} s, {own_run.peak_mib:.0f} MiB",
        f"CPU {peer_cpu:.1f} s, {peer_run.peak_mib:.0f} MiB ({peer})",
        f"{own_cpu / peer_cpu:.2f}",
        f"{limit}; by the clock {own_run.seconds:.1f} s against {peer_run.seconds:.1f} s",
    )


# -- the lake


@cache
def wide_forecast() -> TargetForecast:
    """A forecast whose table has as many columns; what its features compute is never asked."""
    from dataclasses import replace
    from datetime import timedelta

    from pipelines.features import Feature
    from pipelines.forecasts import NVDA_5M

    features = tuple(
        Feature(name, f"column {name}", ("close",), 2, lambda arrays: arrays["close"][1:])
        for name in NAMES
    )
    schedule = replace(NVDA_5M.schedule, history=timedelta(days=3650))
    wide = replace(NVDA_5M, name="wide", features=features, schedule=schedule)
    return wide.target_forecast()


def open_wide_lake(folder: str) -> Any:
    from pipelines.lake import Lake
    from tests import empty_lake

    config = empty_lake.at(Path(folder))
    return Lake(config, feature_tables=(wide_forecast().table,))


def write(folder: str) -> None:
    """Write the rows to a lake, part by part as features are computed."""
    import pyarrow as pa

    forecast, rows = wide_forecast(), wide_rows()
    with open_wide_lake(folder) as lake:
        for first in range(0, ROWS, PART):
            part = slice(first, min(first + PART, ROWS))
            count = part.stop - part.start
            columns = {
                "source": pa.repeat(pa.scalar(SOURCE), count),
                "symbol": pa.repeat(pa.scalar(forecast.symbols[0]), count),
                "ts": _utc(rows.closes_at[part] - np.timedelta64(1, "m")),
                "closes_at": _utc(rows.closes_at[part]),
                "session": pa.array(rows.session[part]),
                "place": pa.array(rows.place[part].astype(np.int16)),
                forecast.target.outcome: pa.array(rows.outcome[part]),
                forecast.target.known_at: _utc(rows.known_at[part]),
            }
            columns |= {
                name: pa.array(rows.features[part, column]) for column, name in enumerate(NAMES)
            }
            with lake.write("write") as writer:
                writer.append(forecast.table.full_name, pa.table(columns))
    print_run(0.0, "{}")


def _utc(instants: np.ndarray) -> Any:
    import pyarrow as pa

    return pa.array(instants).cast(pa.timestamp("us", "UTC"))


def read(folder: str) -> None:
    from pipelines.steps.data.rows import read_training_rows

    as_of = datetime(2028, 1, 1, tzinfo=UTC)
    with open_wide_lake(folder) as lake, lake.view() as view:
        view.check_files(f"SELECT 1 FROM {wide_forecast().table.full_name}")
        started, busy = time.perf_counter(), time.process_time()
        rows = read_training_rows(view, wide_forecast(), SOURCE, as_of)
        seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    assert rows.features.shape == (ROWS, FEATURES + 1)
    assert rows.features.dtype == np.float32
    print_run(seconds, json.dumps({"cpu": cpu}))


def bare_read(folder: str) -> None:
    import duckdb

    target = wide_forecast().target
    columns = ", ".join(
        [
            *("symbol", "ts", "closes_at", "session", "place"),
            *(target.outcome, target.known_at, *NAMES),
        ]
    )
    files = f"{folder}/files/gold/{wide_forecast().table.name}/**/*.parquet"
    started, busy = time.perf_counter(), time.process_time()
    table = duckdb.connect().execute(f"SELECT {columns} FROM read_parquet('{files}')")
    count = table.to_arrow_table().num_rows
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    assert count == ROWS
    print_run(seconds, json.dumps({"cpu": cpu}))


# -- the fits


def wide_rows() -> Rows:
    """Noise with a weak direction in a few columns, some of them of news."""
    from pipelines.modeling.dataset import Rows

    random = np.random.default_rng(0)
    features = np.empty((ROWS, FEATURES + 1), np.float32)
    for first in range(0, ROWS, PART):
        block = features[first : first + PART]
        random.standard_normal(out=block, dtype=np.float32)
    features[:, -1] = 0
    signal = features[:, [0, 20, 40]].sum(axis=1) * 0.1
    outcome = signal.astype(np.float64) + random.standard_normal(ROWS)
    number = np.arange(ROWS)
    session = np.datetime64("2021-01-01") + (number // DAY).astype("timedelta64[D]")
    minutes = (number % DAY + 1).astype("timedelta64[m]")
    closes_at = session.astype("datetime64[us]") + minutes
    return Rows(
        features,
        outcome * 1e-3,
        np.zeros(ROWS, np.int64),
        closes_at,
        closes_at + np.timedelta64(30, "m"),
        session,
        number % DAY,
    )


def variants() -> list[tuple[Label, tuple[Candidate, ...]]]:
    """The five variants by target, as a forecast of minutes has them."""
    from pipelines.labels import NextDirection, NextReturn
    from pipelines.modeling.candidates import (
        LightGBMClasses,
        XGBoostClasses,
        XGBoostValues,
        without,
    )

    market = without("news_*")
    boosting = {"trials": 0, "rounds": ROUNDS, "threads": 2}
    return [
        (
            NextDirection(horizon=1),
            (
                XGBoostClasses(**boosting),
                XGBoostClasses(**boosting, inputs=market, name="xgboost_market"),
                LightGBMClasses(rounds=ROUNDS, threads=2, inputs=market),
            ),
        ),
        (NextReturn(horizon=1), (XGBoostValues(**boosting),)),
        (NextDirection(horizon=1), (XGBoostClasses(**boosting),)),
    ]


def compare_variants() -> None:
    from pipelines.modeling.compare import compare
    from pipelines.modeling.dataset import Split
    from pipelines.modeling.selection import ByOutOfTimeAuc

    rows, split = wide_rows(), Split(stretches=0, out_of_time=0.5)
    _load_libraries()
    started, busy = time.perf_counter(), time.process_time()
    aucs = {}
    for label, candidates in variants():
        comparison = compare(
            rows, label, candidates, split, 0, names=NAMES, selection=ByOutOfTimeAuc()
        )
        for result in comparison.ranking:
            assert result.aucs is not None, result.failure
            aucs[result.name] = result.aucs.out_of_time
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print_run(seconds, json.dumps({"cpu": cpu, "aucs": aucs}))


def fit_variants() -> None:
    """Make the same fits bare: on the same training rows, with the same weights and threads."""
    from pipelines.modeling.candidates.base import Training
    from pipelines.modeling.candidates.feature_choice import select_places
    from pipelines.modeling.dataset import Split

    rows = wide_rows()
    training = Split(out_of_time=0.5).cut(rows)[0]
    jobs = []
    for label, candidates in variants():
        truth = label.truth(training.outcome, label.learn(training.outcome))
        weights = Training(training.features, truth, len(label.classes), 0).weights
        for candidate in candidates:
            places = select_places(candidate, (*NAMES, "symbol"))
            jobs.append((candidate, places, truth, weights))
    _load_libraries()
    seconds = cpu = 0.0
    for candidate, places, truth, weights in jobs:
        features = training.features
        if places is not None:
            features = np.take(features, places, axis=1)
        started, busy = time.perf_counter(), time.process_time()
        estimator: Any = candidate.estimator(0)  # type: ignore[attr-defined]
        estimator.fit(features, truth, sample_weight=weights)
        seconds += time.perf_counter() - started
        cpu += time.process_time() - busy
    print_run(seconds, json.dumps({"cpu": cpu}))


def train_whole() -> None:
    """Compare, convert, judge and explain as a training does, without its lake and MLflow."""
    from pipelines.forecasts.description import describe_model
    from pipelines.gates import DIRECTION_GATES, judge_all
    from pipelines.gates.collect import collect_evidence
    from pipelines.modeling.action_rules import LIKELIEST
    from pipelines.modeling.artefacts import comparison_files, measure_importances
    from pipelines.modeling.compare import compare
    from pipelines.modeling.dataset import Split
    from pipelines.modeling.evidence_rows import importance_rows
    from pipelines.modeling.forms import convert_candidates
    from pipelines.modeling.kinds import kind_of
    from pipelines.modeling.onnx import to_onnx
    from pipelines.modeling.scorer import OnnxScorer
    from pipelines.modeling.selection import ByOutOfTimeAuc

    rows = wide_rows()
    label, candidates = variants()[0]
    split, selection = Split(out_of_time=0.5), ByOutOfTimeAuc()
    forecast = wide_forecast().replace(
        label=label,
        candidates=candidates,
        split=split,
        selection=selection,
        challengers=(),
        rule=LIKELIEST,
    )
    _load_libraries()
    started, busy = time.perf_counter(), time.process_time()
    comparison = compare(
        rows, label, candidates, split, 0, names=NAMES, selection=selection, rule=LIKELIEST
    )
    description = describe_model(forecast, comparison)
    body = to_onnx(comparison.winner, description)
    forms = convert_candidates(comparison, description)
    evidence = collect_evidence(comparison, body, OnnxScorer(body), None, 0)
    decision = judge_all(DIRECTION_GATES, evidence)
    importances = measure_importances(comparison, forms[comparison.ranking[0].name])
    kind_of(label).evidence_rows(
        label, evidence.truth, evidence.outputs, evidence.published_predictions
    )
    importance_rows(importances)
    comparison_files(comparison, importances)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print_run(seconds, json.dumps({"cpu": cpu, "verdict": decision.reason}))


def _load_libraries() -> None:
    import xgboost  # noqa: F401


JOBS = {
    "write": write,
    "read": read,
    "bare_read": bare_read,
    "compare": compare_variants,
    "fits": fit_variants,
    "whole": train_whole,
}

if __name__ == "__main__":
    JOBS[sys.argv[1]](*sys.argv[2:])
