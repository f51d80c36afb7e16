"""Log a comparison of candidates to MLflow: a parent run, and a nested run for each candidate.

All figures and files are built before the first run is created, so that an error there leaves
nothing behind. Each run takes one batch of figures and one folder of files. A run that was not
logged to its end is marked FAILED, or stays RUNNING if MLflow itself is gone; never FINISHED.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.settings import ROOT
from pipelines.gates import Decision
from pipelines.modeling.artefacts import (
    candidate_files,
    comparison_files,
    describe_data,
    measure_importances,
    metrics_by_part,
)
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.forms import Form
from pipelines.modeling.importance import Importances
from pipelines.modeling.kinds import Metrics, kind_of
from pipelines.registry.mlflow import Registry, mlflow_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

PARENT = "mlflow.parentRunId"  # the tag that makes MLflow's page show one run inside another
LONGEST = 5000  # letters of a parameter or a tag
BATCH = 100  # parameters or tags that MLflow takes in one batch
LIBRARIES = (
    "bullion", "numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "pandas",
    "pyarrow", "duckdb", "TA-Lib", "mlflow", "evidently", "matplotlib", "exchange-calendars",
)  # fmt: skip


def log_comparison(
    registry: Registry,
    experiment: str,
    comparison: Comparison,
    decision: Decision,
    tags: Mapping[str, Any],
    *,
    forms: Mapping[str, Form] | None = None,
    challengers: Mapping[str, Form] | None = None,
    importances: Importances | None = None,
) -> str:
    """Log a comparison as runs; return the id of the parent run.

    `forms` are the candidates' ONNX files, `challengers` those that score beside the champion.
    The importances of the winner's features are measured here where they were not before.
    """
    forms, challengers = forms or {}, challengers or {}
    no_form = Form(failure="no ONNX form was made")
    if importances is None:
        importances = measure_importances(comparison, forms.get(comparison.ranking[0].name))
    files = comparison_files(comparison, importances)
    files["environment.json"] = json.dumps(environment(), indent=1).encode()
    files |= {f"{v.name}.html": v.report for v in decision.verdicts if v.report}
    files |= {f"challengers/{name}.onnx": c.body for name, c in challengers.items() if c.body}
    candidate_contents = [
        candidate_files(comparison, result, forms.get(result.name, no_form))
        for result in comparison.ranking
    ]
    parent_tags = {key: str(value)[:LONGEST] for key, value in tags.items()}
    verdict_tags = {
        f"gate.{verdict.name}": verdict.reason[:LONGEST] for verdict in decision.verdicts
    }
    verdict_tags |= {
        f"challenger.{name}": (form.sha256 or form.failure)[:LONGEST]
        for name, form in challengers.items()
    }
    with mlflow_errors(registry.uri):
        experiment_id, client = registry.experiment(experiment), registry.client
        with _run(
            client, experiment_id, parent_tags | verdict_tags, f"train {parent_tags['as_of'][:16]}"
        ) as parent:
            for place, (result, contents) in enumerate(
                zip(comparison.ranking, candidate_contents, strict=True), 1
            ):
                form = forms.get(result.name, no_form)
                run_tags = {
                    PARENT: parent,
                    "rank": str(place),
                    "failure": result.failure[:LONGEST],
                    "sha256": form.sha256,
                    "onnx": form.failure[:LONGEST] or "model.onnx",
                }
                with _run(
                    client, experiment_id, run_tags, result.name, failed=bool(result.failure)
                ) as run_id:
                    _log(
                        client,
                        run_id,
                        result.parameters,
                        _candidate_points(result),
                        contents,
                    )
            figures = [
                metric
                for part, metrics in metrics_by_part(comparison).items()
                for metric in _points(part, metrics)
            ]
            figures += _gate_points(decision)
            _log(client, parent, _parameters(comparison, tags), figures, files)
    return parent


@contextmanager
def _run(
    client: MlflowClient, number: str, tags: Mapping[str, str], name: str, *, failed: bool = False
) -> Iterator[str]:
    """Create a run, and mark it FINISHED at the end of the block, or FAILED where that raises."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    run_id = str(client.create_run(number, tags=dict(tags), run_name=name).info.run_id)
    try:
        yield run_id
        client.set_terminated(run_id, "FAILED" if failed else "FINISHED")
    except BaseException:
        # Where MLflow is gone this fails as well; the first error is the one to raise.
        with suppress(MlflowException, OSError, SQLAlchemyError):
            client.set_terminated(run_id, "FAILED")
        raise


def _log(
    client: MlflowClient,
    run_id: str,
    parameters: Mapping[str, Any],
    metrics: Sequence[Metric],
    files: Mapping[str, bytes],
) -> None:
    from mlflow.entities import Param

    params = [Param(key, str(value)[:LONGEST]) for key, value in parameters.items()]
    batches = [params[first : first + BATCH] for first in range(0, len(params), BATCH)]
    points = [metrics[first : first + 1000] for first in range(0, len(metrics), 1000)]
    for batch, figures in zip_longest(batches, points, fillvalue=()):
        client.log_batch(run_id, params=list(batch), metrics=list(figures))
    with tempfile.TemporaryDirectory() as folder:
        for name, body in files.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(body)
        if files:
            client.log_artifacts(run_id, folder)


def _parameters(comparison: Comparison, tags: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a training, flat, so that MLflow's page can compare two trainings."""
    data = describe_data(comparison)
    parameters = {
        **tags,
        "winner": comparison.ranking[0].name,
        "settled": comparison.calibration_reason,
        "thresholds": data["thresholds"],
        **kind_of(comparison.label).learned(comparison.winner),
        **{f"label_share.{name}": share for name, share in data["label_shares"].items()},
        **{f"dropped.{reason}": rows for reason, rows in comparison.dropped.items()},
    }
    for name, part in data["parts"].items():
        parameters[f"{name}.rows"] = part["rows"]
        parameters[f"{name}.span"] = f"{part['first_close']} to {part['last_close']}"
    for number, stretch in enumerate(data["stretches"], 1):
        parameters[f"stretch_{number}.winner"] = stretch["candidate"]
        parameters[f"stretch_{number}.rows"] = stretch["rows"]
        parameters[f"stretch_{number}.span"] = (
            f"{stretch['first_close']} to {stretch['last_close']}"
        )
    for result in comparison.ranking:
        parameters |= {
            f"{result.name}.{key}": v for key, v in result.parameters.items() if key != "name"
        }
    return parameters


def _candidate_points(result: Result) -> list[Metric]:
    from mlflow.entities import Metric

    points = [Metric("fit_seconds", result.seconds, 0, 0)]
    if result.metrics is not None:
        points += _points("selection", result.metrics)
    if result.aucs is not None:
        figures = asdict(result.aucs) | {"gap": result.aucs.gap}
        points += [Metric(f"auc.{name}", v, 0, 0) for name, v in figures.items() if v is not None]
    for step, fold in enumerate(result.folds, 1):
        points += _points("fold", fold, step)
    return points


def _points(part: str, metrics: Metrics, step: int = 0) -> list[Metric]:
    from mlflow.entities import Metric

    figures = metrics.figures.items()
    return [Metric(f"{part}.{name}", float(value), 0, step) for name, value in figures]


def _gate_points(decision: Decision) -> list[Metric]:
    """What each gate measured, and the lower bound where it has one."""
    from mlflow.entities import Metric

    values = {f"gate.{verdict.name}": verdict.value for verdict in decision.verdicts}
    values |= {
        f"gate.{verdict.name}.low": verdict.low
        for verdict in decision.verdicts
        if verdict.low is not None
    }
    return [Metric(name, float(value), 0, 0) for name, value in values.items() if isfinite(value)]


def environment(lock: Path = ROOT / "requirements.txt") -> dict[str, Any]:
    """Python, the libraries that a model depends on, and the lock's checksum if it is there."""
    packages = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
    }
