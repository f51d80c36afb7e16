"""Small real models, registered and decided on in no time, so that scoring need not train."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa

from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.modeling.calibration import Calibration, Model
from pipelines.modeling.candidates import Logistic, fit
from pipelines.modeling.onnx import Description, to_onnx
from pipelines.modeling.scorer import checksum
from pipelines.registry import Registry
from pipelines.steps.train import model_name

THRESHOLDS = (-1.0, -0.4, 0.4, 1.0)
SHARES = (0.1, 0.2, 0.4, 0.2, 0.1)
CANDIDATE = "logistic_regression"


@cache
def body(
    forecast: Forecast,
    seed: int = 0,
    *,
    untrained: tuple[str, ...] = (),
    definition: str | None = None,
) -> bytes:
    """A model of a forecast's features that has seen noise; another seed, another model."""
    random = np.random.default_rng(seed)
    count, columns = 400, len(forecast.features)
    features = random.normal(0, 0.5, (count, columns)).astype(np.float32)
    symbol = np.arange(count) % len(forecast.symbols)
    lean = features @ random.normal(0, 1, columns) + random.normal(0, 0.1, count)
    classes = np.argsort(np.argsort(lean)) * 5 // count
    fitted = fit(Logistic(), np.column_stack([features, symbol]), classes, 5, seed)
    told = Description(
        classes=forecast.label.classes,
        features=forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=tuple(cut + seed / 10 for cut in THRESHOLDS),
        shares=SHARES,
        untrained=untrained,
        more={"forecast": forecast.name, "definition": definition or forecast.definition},
    )
    return to_onnx(Model(fitted, Calibration(SHARES)), told)


@dataclass(frozen=True)
class Made:
    """A registered model, with those beside it."""

    version: int
    sha256: str
    run_id: str
    definition: str
    challengers: Mapping[str, str]


def registered(
    registry: Registry,
    forecast: Forecast,
    content: bytes,
    challengers: Mapping[str, bytes] | None = None,
) -> Made:
    """Register a model's bytes, as training does, and keep others beside it."""
    run = registry.client.create_run(registry.experiment(forecast.name))
    run_id = str(run.info.run_id)
    beside = {}
    for name, other in (challengers or {}).items():
        file = registry.folder / f"{name}.onnx"
        file.write_bytes(other)
        registry.client.log_artifact(run_id, str(file), "challengers")
        beside[name] = checksum(other)
    made = registry.register(model_name(forecast), content, run_id, {})
    return Made(made.version, made.sha256, run_id, forecast.definition, beside)


def kept(
    registry: Registry,
    forecast: Forecast,
    content: bytes,
    version: int = 1,
    challengers: Mapping[str, bytes] | None = None,
) -> Made:
    """A model that was verified before: it lies beside the lake, and MLflow is not asked."""
    folder = registry.folder / "verified"
    folder.mkdir(parents=True, exist_ok=True)
    others = dict(challengers or {})
    for one in (content, *others.values()):
        (folder / f"{checksum(one)}.onnx").write_bytes(one)
    beside = {name: checksum(one) for name, one in others.items()}
    return Made(version, checksum(content), "", forecast.definition, beside)


def decide(
    lake: Lake,
    forecast: Forecast,
    source: str,
    made: Made,
    as_of: datetime,
    verdict: str = "promoted",
    *,
    proven: bool = True,
    reason: str = "all gates were passed",
    definition: str | None = None,
) -> None:
    """Write the decision that lets a model serve."""
    row = {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": source,
        "as_of": as_of,
        "model_version": made.version,
        "verdict": verdict,
        "proven": proven,
        "reason": reason,
        "gates": "[]",
        "snapshot": 0,
        "definition": definition or made.definition,
        "candidate": CANDIDATE,
        "sha256": made.sha256,
        "challengers": json.dumps(dict(made.challengers)),
        "run_id": made.run_id,
        "decided_at": datetime.now(UTC),
    }
    with lake.write("decide") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([row]))
