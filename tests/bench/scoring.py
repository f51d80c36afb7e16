"""One closed bar of 10 and of 100 constituents: from stored bars to probabilities and actions.

Both begin with the same newest bars, once as an Arrow table and once with the lake's read of it,
and score with the same forest: ours by ONNX Runtime on our features, the peer by scikit-learn on
pandas' features. The lake is on SQLite with half a year of 100 symbols, and opened as the API opens
it: for reading, on one thread. Its read is one query. What no way of asking can go
below is measured beside it: DuckLake's answer about a table of one row, and DuckDB's to the same
question about the bare Parquet file.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import partial
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.core.calendar import calendar, utc
from pipelines.core.settings import Settings
from pipelines.features import feature_matrix
from pipelines.features.panel import build_panel
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.lake import Lake
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import RandomForest, fit_classifier
from pipelines.modeling.description import Description
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.lake import open_lake
from tests.bench.features import compute_by_pandas
from tests.bench.measure import Figure
from tests.steps.markets import rows_of

ACTION_FORECAST = FORECAST.target_forecast()

TARGETS = {10: 10.0, 100: 60.0}  # milliseconds
BARS = FORECAST.look_back + 2  # one more than needed
START, END = utc("2026-03-01"), utc("2026-09-01")
ROUNDS = 31
COLUMNS = "symbol, ts, open, high, low, close, volume"


def figures() -> Iterator[Figure]:
    model = train_forest()
    scorer = OnnxScorer(to_onnx(model, describe(model)))
    with tempfile.TemporaryDirectory() as folder:
        config = Settings(
            lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files"
        )
        with open_lake(config) as lake:
            ingest(lake, Sample(), FORECAST.symbols, FORECAST.bar, START, END).enforce()
        with open_lake(config, read_only=True) as lake:
            with lake.view() as view:
                view.connection.execute("SET threads TO 1")
            for count, target in TARGETS.items():
                yield from compare_scoring(lake, scorer, model, count, target)
            yield floor_figure(lake, Path(folder))


def compare_scoring(
    lake: Lake, scorer: OnnxScorer, model: ClassModel, count: int, target: float
) -> Iterator[Figure]:
    symbols = FORECAST.symbols[:count]
    bars = read_bars(lake, symbols)
    np.testing.assert_allclose(score(bars, scorer)[1], by_peer(bars, model)[1], atol=1e-3)
    # A process that scores does not fit forests beside it: the peer's threads come afterwards.
    ours, ours_read = in_turn(
        partial(score, bars, scorer), lambda: score(read_bars(lake, symbols), scorer)
    )
    peer, peer_read = in_turn(
        partial(by_peer, bars, model), lambda: by_peer(read_bars(lake, symbols), model)
    )
    for origin, own_times, peer_times in (
        ("an Arrow table", ours, peer),
        ("the lake", ours_read, peer_read),
    ):
        ratios = sorted(a / b for a, b in zip(own_times, peer_times, strict=True))
        yield Figure(
            f"{len(symbols)} constituents scored, from {origin}",
            f"{median(own_times):.1f} ms (target {target:g})",
            f"{median(peer_times):.1f} ms (pandas, scikit-learn)",
            f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
            f"slowest {max(own_times):.1f} ms of {ROUNDS}, load {os.getloadavg()[0]:.1f}",
        )


def floor_figure(lake: Lake, folder: Path) -> Figure:
    """Measure the read alone, beside the least time that its two parts take."""
    symbols, files = FORECAST.symbols[:10], f"{folder}/files/silver/bars/**/*.parquet"
    bare = duckdb.connect()
    bare.execute("SET threads TO 1")
    bare.execute("SET TimeZone = 'UTC'")
    question, parameters = build_question(symbols)
    bare_question = question.replace("silver.bars", f"read_parquet('{files}')")
    whole, smallest, file = in_turn(
        lambda: read_bars(lake, symbols),
        lambda: lake.sql("SELECT layout FROM meta.layouts"),
        lambda: bare.execute(bare_question, parameters).to_arrow_table(),
    )
    bare.close()
    return Figure(
        "of which the lake's read of 10 constituents",
        f"{median(whole):.1f} ms",
        f"{median(smallest):.1f} ms (DuckLake, one row) + {median(file):.1f} ms (bare Parquet)",
        f"{median(whole) / (median(smallest) + median(file)):.2f}",
        f"{ROUNDS} in turn",
    )


def in_turn(*jobs: Callable[[], object]) -> list[list[float]]:
    """Run the jobs in turn; return the milliseconds of each, round by round."""
    times_by_job: list[list[float]] = [[] for _ in jobs]
    for _ in range(ROUNDS):
        for job, times in zip(jobs, times_by_job, strict=True):
            start = time.perf_counter()
            job()
            times.append(1000 * (time.perf_counter() - start))
    return times_by_job


def build_question(symbols: tuple[str, ...]) -> tuple[str, list[object]]:
    """Build the query of each symbol's newest bars, from the open that the calendar gives."""
    first_open = calendar().closed_bars(FORECAST.bar, START, END).ts[-BARS]
    question = f"""SELECT {COLUMNS} FROM silver.bars
                   WHERE (source, "interval") = ('sample', ?) AND list_contains(?, symbol)
                   AND ts >= ? ORDER BY symbol, ts"""
    return question, [FORECAST.interval, list(symbols), first_open.item().replace(tzinfo=UTC)]


def read_bars(lake: Lake, symbols: tuple[str, ...]) -> pa.Table:
    return lake.sql(*build_question(symbols))


def score(bars: pa.Table, scorer: OnnxScorer) -> tuple[np.ndarray, np.ndarray]:
    """Return the action and the probabilities of each symbol's newest bar."""
    panel = build_panel(bars, calendar(), FORECAST.bar)
    newest = np.append(panel.starts[1:], len(panel)) - 1
    features = feature_matrix(FORECAST.features, panel)[newest]
    probabilities, action = scorer.score(np.column_stack([features, codes(bars, newest)]))
    return action, probabilities


def codes(bars: pa.Table, newest: np.ndarray) -> np.ndarray:
    code = {symbol: place for place, symbol in enumerate(FORECAST.symbols)}
    return np.array([code[name] for name in bars["symbol"].take(newest).to_pylist()], np.float32)


def by_peer(bars: pa.Table, model: ClassModel) -> tuple[np.ndarray, np.ndarray]:
    frame = bars.to_pandas()
    # In summer New York opens at 13:30 UTC.
    frame["place"] = (frame["ts"].dt.hour - 13).astype(float)
    frame["session_start"] = frame["place"] == 0
    frame["session_bars"] = 7.0
    features = compute_by_pandas(frame)[list(FORECAST.feature_names)].to_numpy(np.float32)
    newest = frame.groupby("symbol").tail(1).index.to_numpy()
    inputs = np.column_stack([features[newest], codes(bars, newest)])
    probabilities, action = model.score(inputs)
    return action, probabilities


def train_forest() -> ClassModel:
    """Train a forest of the usual size on every symbol's last half year."""
    rows = rows_of(Sample(), FORECAST.symbols, FORECAST, START, END)
    rows = rows.take(np.isfinite(rows.features).all(axis=1))
    classes = ACTION_FORECAST.label.truth(rows.outcome, ACTION_FORECAST.label.learn(rows.outcome))
    classifier = fit_classifier(RandomForest(), rows.features, classes.astype(np.int64), 5, 0)
    shares = np.bincount(classes, minlength=5) / len(classes)
    calibration, scores = Calibration(tuple(shares.tolist())), ACTION_FORECAST.label.scores
    balanced = classifier.balanced_probabilities(rows.features)
    thresholds = BY_EXPECTED_SCORE.learn(calibration.probabilities(balanced), scores, shares)
    return ClassModel(classifier, calibration, BY_EXPECTED_SCORE, scores, thresholds)


def describe(model: ClassModel) -> Description:
    return Description(
        classes=ACTION_FORECAST.label.classes,
        features=FORECAST.feature_names,
        symbols=FORECAST.symbols,
        thresholds=(-1.0, -0.5, 0.5, 1.0),
        shares=model.calibration.shares,
    )
