"""Evidence, rankings, gates and drift of a version, as a training and a monitoring write them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.backtest.report import build_files
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.modeling.evidence_rows import class_rows, importance_rows
from pipelines.modeling.importance import Importance, Importances
from tests.backtest.small_backtest import small_backtest
from tests.models import StoredModel, target_of

ROWS = 600
CANDIDATES = ("logistic_regression", "random_forest")
MEASURED_AT = datetime.fromisoformat("2026-08-31T21:00:00+00:00")
GATES = json.dumps(
    [
        {
            "gate": "skill_direction", "passed": False, "blocking": True, "value": 0.02,
            "low": -0.01, "high": 0.05, "limit": 0.0, "reason": "rank IC 0.02: not above 0",
        },
        {
            "gate": "calibration", "passed": True, "blocking": True, "value": 0.031,
            "low": None, "high": None, "limit": 0.05, "reason": "at most 0.05",
        },
        {
            "gate": "drift", "passed": False, "blocking": False, "value": None,
            "low": None, "high": None, "limit": None, "reason": "could not be computed",
        },
    ]
)  # fmt: skip


def write_evidence(
    lake: Lake, forecast: Forecast, source: str, model: StoredModel, as_of: datetime
) -> None:
    """Write what a training of classes leaves, and one measurement of drift."""
    label, random = target_of(forecast).label, np.random.default_rng(0)
    count = len(label.classes)
    truth = random.integers(0, count, ROWS)
    outputs = random.dirichlet([2] * count, ROWS)
    losses = random.normal(0, 0.01, len(forecast.feature_names))
    ordered = sorted(zip(losses, forecast.feature_names, strict=True), reverse=True)
    importances = Importances(
        tuple(Importance(name, float(loss), 0.002) for loss, name in ordered),
        "macro F1", 0.3, ROWS, ROWS,
    )  # fmt: skip
    rows = class_rows(label, truth, outputs, outputs.argmax(axis=1)) + importance_rows(importances)
    key = {
        "forecast": forecast.name,
        "target": label.name,
        "source": source,
        "model_version": model.version,
    }
    of_training = key | {"as_of": as_of, "sha256": model.sha256}
    rankings = [
        {"rank": rank, "candidate": name, "macro_f1": 0.3 / rank, "accuracy": 0.4, "seconds": 1.5}
        for rank, name in enumerate(CANDIDATES, 1)
    ]
    drift = [
        {
            "measured_at": MEASURED_AT,
            "feature": name,
            "distance": None if place == 0 else place / 10,
            "drift_limit": 0.5,
            "drifted": place == 0 or place > 5,
            "row_count": 120,
        }
        for place, name in enumerate(forecast.feature_names)
    ]
    with lake.write("evidence") as writer:
        for table, own_key, table_rows in (
            (
                "gold.model_evidence",
                of_training | {"candidate": CANDIDATES[0]},
                [asdict(row) for row in rows],
            ),
            ("gold.model_rankings", of_training, rankings),
            ("gold.feature_drift", key, drift),
        ):
            writer.append(table, pa.Table.from_pylist([own_key | row for row in table_rows]))


def write_backtest(folder: Path, name: str = "hourly") -> Path:
    """Write the report of a small backtest where the API looks for reports."""
    place = folder / "backtests" / name
    place.mkdir(parents=True)
    for file, body in build_files(small_backtest(), b"no picture").items():
        (place / file).write_bytes(body)
    return place
