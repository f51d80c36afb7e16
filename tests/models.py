"""Small real models that are registered and decided on without a training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa

from pipelines.forecasts import Forecast, TargetForecast
from pipelines.labels import Label
from pipelines.lake import Lake
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import Logistic, fit_classifier
from pipelines.modeling.description import PREFIX, Description
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import checksum
from pipelines.registry.mlflow import Registry
from pipelines.steps.models.train import model_name

THRESHOLDS = (-1.0, -0.4, 0.4, 1.0)
SHARES = {
    5: (0.1, 0.2, 0.4, 0.2, 0.1),
    3: (0.3, 0.4, 0.3),
    2: (0.45, 0.55),
}  # by the number of classes
CANDIDATE = "logistic_regression"


@cache
def body(
    forecast: Forecast | TargetForecast,
    seed: int = 0,
    *,
    untrained: tuple[str, ...] = (),
    definition: str | None = None,
    features: tuple[str, ...] = (),
) -> bytes:
    """The ONNX bytes of a model of a forecast's target; each seed gives another model.

    With `features` it reads a part of the forecast's.
    """
    label = target_of(forecast).label
    more = {
        "forecast": forecast.name,
        "definition": definition or target_of(forecast).model_fingerprint,
    }
    description = Description(
        classes=label.classes,
        features=features or forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=tuple(cut + seed / 10 for cut in THRESHOLDS[: max(0, len(label.classes) - 1)]),
        shares=SHARES.get(len(label.classes), ()),
        untrained=untrained,
        kind=label.kind,
        scores=label.scores,
        more=more | ({"target": label.name} if target_of(forecast).has_siblings else {}),
    )
    return BODIES[label.kind](description, label, seed)


def target_of(forecast: Forecast | TargetForecast) -> TargetForecast:
    """The forecast of one target; of a declaration, of the only target it has."""
    return forecast.target_forecast() if isinstance(forecast, Forecast) else forecast


def _classes(description: Description, label: Label, seed: int) -> bytes:
    """Train a classifier on noise; its actions are cut from the expected scores of this noise."""
    random = np.random.default_rng(seed)
    count, columns, classes = 400, len(description.features), len(description.classes)
    features = random.normal(0, 0.5, (count, columns)).astype(np.float32)
    symbol = np.arange(count) % len(description.symbols)
    lean = features @ random.normal(0, 1, columns) + random.normal(0, 0.1, count)
    truth = np.argsort(np.argsort(lean)) * classes // count
    inputs, rule = np.column_stack([features, symbol]), BY_EXPECTED_SCORE
    fitted = fit_classifier(Logistic(), inputs, truth, classes, seed)
    calibration = Calibration(description.shares)
    probabilities = calibration.probabilities(fitted.balanced_probabilities(inputs))
    thresholds = rule.learn(probabilities, label.scores, description.shares)
    model = ClassModel(fitted, calibration, rule, label.scores, thresholds)
    return to_onnx(model, description)


def _value(description: Description, label: Label, seed: int) -> bytes:
    """Build a model that predicts small values, each with an interval of the same width."""
    from onnx import TensorProto, helper, numpy_helper

    weights = (
        np.random.default_rng(seed).normal(0, 1e-4, (description.columns, 1)).astype(np.float32)
    )
    ends = np.array([[0.0, -0.02, 0.03]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["column"]),
            helper.make_node("Add", ["column", "ends"], ["interval"]),
            helper.make_node("Squeeze", ["column", "axis"], ["value"]),
        ],
        "value",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, description.columns])],
        [
            helper.make_tensor_value_info("interval", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [None]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(ends, "ends"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    for key, value in asdict(description).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    return bytes(model.SerializeToString())


BODIES = {"classes": _classes, "value": _value}


@dataclass(frozen=True)
class StoredModel:
    """A registered model, with the challengers of its training."""

    version: int
    sha256: str
    run_id: str
    definition: str
    challengers: Mapping[str, str]


def registered(
    registry: Registry,
    forecast: Forecast | TargetForecast,
    content: bytes,
    challengers: Mapping[str, bytes] | None = None,
) -> StoredModel:
    """Register a model's bytes as a training does, and log challengers with its run."""
    run = registry.client.create_run(registry.experiment(forecast.name))
    run_id = str(run.info.run_id)
    challenger_digests = {}
    for name, other in (challengers or {}).items():
        file = registry.folder / f"{name}.onnx"
        file.write_bytes(other)
        registry.client.log_artifact(run_id, str(file), "challengers")
        challenger_digests[name] = checksum(other)
    version = registry.register(model_name(target_of(forecast)), content, run_id, {})
    return StoredModel(
        version.version,
        version.sha256,
        run_id,
        target_of(forecast).model_fingerprint,
        challenger_digests,
    )


def store_verified(
    registry: Registry,
    forecast: Forecast | TargetForecast,
    content: bytes,
    version: int = 1,
    challengers: Mapping[str, bytes] | None = None,
) -> StoredModel:
    """Write a model to the verified files beside the lake, so that MLflow is not asked for it."""
    folder = registry.folder / "verified"
    folder.mkdir(parents=True, exist_ok=True)
    others = dict(challengers or {})
    for file_body in (content, *others.values()):
        (folder / f"{checksum(file_body)}.onnx").write_bytes(file_body)
    challenger_digests = {name: checksum(file_body) for name, file_body in others.items()}
    return StoredModel(
        version, checksum(content), "", target_of(forecast).model_fingerprint, challenger_digests
    )


def decide(
    lake: Lake,
    forecast: Forecast | TargetForecast,
    source: str,
    model: StoredModel,
    as_of: datetime,
    verdict: str = "promoted",
    *,
    proven: bool = True,
    reason: str = "all gates were passed",
    definition: str | None = None,
    candidate: str = CANDIDATE,
    gates: str = "[]",
) -> None:
    """Write the decision that lets a model serve."""
    row = {
        "forecast": forecast.name,
        "target": target_of(forecast).label.name,
        "source": source,
        "as_of": as_of,
        "model_version": model.version,
        "verdict": verdict,
        "proven": proven,
        "reason": reason,
        "gates": gates,
        "snapshot": 0,
        "definition": definition or model.definition,
        "candidate": candidate,
        "sha256": model.sha256,
        "challengers": json.dumps(dict(model.challengers)),
        "run_id": model.run_id,
        "decided_at": datetime.now(UTC),
    }
    with lake.write("decide") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([row]))
