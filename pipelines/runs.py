"""A comparison as MLflow runs: one parent, a nested run for each candidate."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.gates import Decision
from pipelines.modeling.compare import Comparison, Result
from pipelines.modeling.metrics import Metrics
from pipelines.registry import Registry, reached

PARENT = "mlflow.parentRunId"  # what makes MLflow's page show one run inside another


def keep_runs(
    registry: Registry,
    experiment: str,
    found: Comparison,
    decision: Decision,
    tags: Mapping[str, Any],
) -> str:
    """Log a comparison; the parent run's id."""
    number = registry.experiment(experiment)
    told = {key: str(value) for key, value in tags.items()}
    with reached(registry.uri):
        client = registry.client
        parent = client.create_run(number, tags=told, run_name=f"train {told['as_of'][:16]}")
        run_id = str(parent.info.run_id)
        try:
            for place, one in enumerate(found.ranking, 1):
                _candidate(registry, number, run_id, place, one)
            _figures(registry, run_id, "training", found.training_metrics)
            _figures(registry, run_id, "selection", found.selection_metrics)
            _figures(registry, run_id, "judging", found.judging_metrics)
            for verdict in decision.verdicts:
                client.set_tag(run_id, f"gate.{verdict.name}", verdict.reason[:500])
                if verdict.report:
                    _file(registry, run_id, f"{verdict.name}.html", verdict.report)
            _file(registry, run_id, "ranking.json", _ranking(found))
            client.log_param(run_id, "winner", found.ranking[0].name)
            client.log_param(run_id, "calibration", found.calibrated.reason[:500])
            client.log_param(run_id, "thresholds", list(found.thresholds))
            client.set_terminated(run_id, "FINISHED")
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
    return run_id


def _candidate(registry: Registry, number: str, parent: str, place: int, one: Result) -> None:
    client = registry.client
    tags = {PARENT: parent, "rank": str(place), "failure": one.failure[:5000]}
    run_id = str(client.create_run(number, tags=tags, run_name=one.name).info.run_id)
    for name, value in one.parameters.items():
        client.log_param(run_id, name, value)
    client.log_metric(run_id, "fit_seconds", one.seconds)
    if one.metrics is not None:
        _figures(registry, run_id, "selection", one.metrics)
    client.set_terminated(run_id, "FAILED" if one.failure else "FINISHED")


def _figures(registry: Registry, run_id: str, part: str, metrics: Metrics) -> None:
    from mlflow.entities import Metric

    told = {
        name: getattr(metrics, name)
        for name in ("macro_f1", "accuracy", "log_loss", "rank_ic", "calibration_error")
    }
    for one in metrics.classes:
        told |= {f"{one.name}.{name}": getattr(one, name) for name in ("precision", "recall", "f1")}
    points = [Metric(f"{part}.{name}", float(value), 0, 0) for name, value in told.items()]
    registry.client.log_batch(run_id, metrics=points)
    confusion = json.dumps(metrics.confusion.tolist()).encode()
    _file(registry, run_id, f"{part}_confusion.json", confusion)


def _file(registry: Registry, run_id: str, name: str, body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(body)
        registry.client.log_artifact(run_id, str(file))


def _ranking(found: Comparison) -> bytes:
    rows = [
        {
            "rank": place,
            "candidate": one.name,
            "macro_f1": one.metrics.macro_f1 if one.metrics else None,
            "accuracy": one.metrics.accuracy if one.metrics else None,
            "seconds": one.seconds,
            "failure": one.failure,
            "parameters": one.parameters,
        }
        for place, one in enumerate(found.ranking, 1)
    ]
    return json.dumps(rows, indent=1, default=str).encode()
