"""Register small models and write their decisions as a training does, without training."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.forecasts import FORECASTS, Forecast, TargetForecast
from pipelines.lake import Lake
from pipelines.modeling.description import PREFIX, Description
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from tests.build_once import build_once
from tests.models import target_of

HOURLY = next(f for f in FORECASTS if f.interval == "1h")
START = datetime(2026, 3, 2, 22, tzinfo=UTC)


def create_empty_store(folder: Path) -> None:
    """Create an empty store of MLflow, whose tables take seconds."""
    registry = Registry(folder=folder)
    registry.client.search_experiments(max_results=1)
    registry.client._tracking_client.store._dispose_engine()


def fresh_registry(folder: Path) -> Registry:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(build_once("empty_store", create_empty_store) / "mlflow.db", folder)
    return Registry(folder=folder)


def tiny_model(forecast: Forecast | TargetForecast, seed: int = 0, **changes: Any) -> bytes:
    """Build an ONNX model of the forecast with random weights and a changed description."""
    from onnx import TensorProto, helper, numpy_helper

    label, columns = target_of(forecast).label, len(forecast.features) + 1
    count = len(label.classes)
    weights = np.random.default_rng(seed).normal(0, 0.01, (columns, count)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["action"], axis=1, keepdims=0),
        ],
        "tiny",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, columns])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, count]),
            helper.make_tensor_value_info("action", TensorProto.INT64, [None]),
        ],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    description = Description(
        classes=label.classes,
        features=forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=(-1.0, -0.3, 0.3, 1.0),
        shares=(0.1, 0.2, 0.4, 0.2, 0.1),
        more={"forecast": forecast.name, "definition": target_of(forecast).model_fingerprint},
    )
    for key, value in asdict(replace(description, **changes)).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    return bytes(model.SerializeToString())


def train_model(
    lake: Lake,
    registry: Registry,
    forecast: Forecast | TargetForecast,
    source: str = "sample",
    *,
    day: int = 0,
    verdict: str = "promoted",
    low: float | None = 0.1,
    body: bytes | None = None,
    point: bool = True,
    **changes: Any,
) -> int:
    """Register a version and write its decision, `day` days after the first, as a training does."""
    as_of = START + timedelta(days=day)
    name = model_name(target_of(forecast))
    run_id = registry.client.create_run(registry.experiment(forecast.name)).info.run_id
    content = tiny_model(forecast, seed=abs(day)) if body is None else body
    version = registry.register(
        name, content, run_id, {"source": source, "as_of": as_of.isoformat()}
    )
    gates = [{"gate": "skill_direction", "passed": True, "value": 0.17, "low": low}]
    row = {
        "forecast": forecast.name,
        "target": target_of(forecast).label.name,
        "source": source,
        "as_of": as_of,
        "model_version": version.version,
        "verdict": verdict,
        "proven": verdict == "promoted",
        "reason": f"{verdict} by the gates",
        "gates": json.dumps(gates),
        "snapshot": lake.snapshot,
        "definition": target_of(forecast).model_fingerprint,
        "candidate": "logistic_regression",
        "sha256": version.sha256,
        "challengers": "{}",
        "run_id": run_id,
        "decided_at": as_of + timedelta(minutes=5),
    } | changes
    snapshot_row = {
        "snapshot": lake.snapshot,
        "reason": f"{name} {version.version}",
        "kept_at": row["decided_at"],
    }
    with lake.write("train") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([row]))
        writer.append("meta.kept_snapshots", pa.Table.from_pylist([snapshot_row]))
    if verdict == "promoted" and point:
        registry.set_alias(name, PRODUCTION, version.version)
    return version.version


def file_of(registry: Registry, forecast: Forecast | TargetForecast, version: int) -> Path:
    """The path of a version's file."""
    source = registry.version(model_name(target_of(forecast)), version).source
    return Path(source.removeprefix("file://")) / "model.onnx"


def spoil(registry: Registry, forecast: Forecast | TargetForecast, version: int, how: str) -> None:
    file = file_of(registry, forecast, version)
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(b"evil")


def decisions_of(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    """Read columns of the decisions, in the order of their instants."""
    return lake.rows(
        f"SELECT {', '.join(columns)} FROM gold.model_decisions "
        "ORDER BY decided_at, verdict = 'promoted', model_version"
    )
