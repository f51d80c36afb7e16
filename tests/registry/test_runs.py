"""A comparison in MLflow: everything is there, or no run says that it is finished."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pipelines.gates import Decision, GateVerdict
from pipelines.labels import Action
from pipelines.modeling import artefacts
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Split
from pipelines.modeling.description import Description
from pipelines.modeling.forms import Form, check_challengers, convert_candidates
from pipelines.registry.mlflow import Registry, RegistryError
from pipelines.registry.runs import PARENT, environment, log_comparison
from tests.modeling.hourly_rows import hourly_rows
from tests.steps.served import fresh_registry

NAMES = ("a", "b", "c", "d", "e", "f")
TAGS = {"as_of": "2026-09-01T00:00:00+00:00", "snapshot": 17, "definition": "d1", "seed": 7}
DECISION = Decision(
    False, (GateVerdict("drift", True, 0.0, 1.0, False, "no drift", report=b"<html>"),), "refused"
)
BOOSTING = "histogram_gradient_boosting"


@dataclass(frozen=True)
class Broken(Logistic):
    name: str = "broken"

    def estimator(self, seed: int) -> object:
        raise ValueError("no such kernel")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    candidates = (HistogramBoosting(rounds=5), Logistic(), Broken())
    return compare(hourly_rows(80), Action(), candidates, Split(folds=2), 7, names=NAMES)


@pytest.fixture(scope="module")
def onnx_forms(comparison: Comparison) -> dict[str, Form]:
    description = Description(
        comparison.label.classes,
        NAMES,
        ("A", "B", "C", "D"),
        comparison.thresholds,
        comparison.shares,
    )
    return convert_candidates(comparison, description) | {
        BOOSTING: Form(failure="no ONNX form: odd")
    }


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


@dataclass(frozen=True)
class LoggedRuns:
    """The runs of one experiment."""

    parent: Run
    nested: dict[str, Run]

    def file(self, run: Run, name: str) -> bytes:
        return (Path(run.info.artifact_uri.removeprefix("file://")) / name).read_bytes()

    def files(self, run: Run) -> set[str]:
        folder = Path(run.info.artifact_uri.removeprefix("file://"))
        return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def read(registry: Registry, experiment: str) -> LoggedRuns:
    runs = registry.client.search_runs([registry.experiment(experiment)])
    nested = {run.info.run_name: run for run in runs if PARENT in run.data.tags}
    (parent,) = (run for run in runs if PARENT not in run.data.tags)
    return LoggedRuns(parent, nested)


@pytest.fixture(scope="module")
def runs(registry: Registry, comparison: Comparison, onnx_forms: dict[str, Form]) -> LoggedRuns:
    challenger_forms = check_challengers(comparison, ("logistic_regression", BOOSTING), onnx_forms)
    run_id = log_comparison(
        registry,
        "whole",
        comparison,
        DECISION,
        TAGS,
        forms=onnx_forms,
        challengers=challenger_forms,
    )
    logged_runs = read(registry, "whole")
    assert logged_runs.parent.info.run_id == run_id
    return logged_runs


def test_the_parent_has_the_parameters_of_the_winner(
    runs: LoggedRuns, comparison: Comparison
) -> None:
    params, parent = runs.parent.data.params, runs.parent
    assert parent.info.status == "FINISHED"
    assert (params["snapshot"], params["definition"], params["seed"]) == ("17", "d1", "7")
    assert params["winner"] == comparison.ranking[0].name
    assert json.loads(params["thresholds"]) == list(comparison.thresholds)
    assert float(params["label_share.hold"]) == comparison.shares[2]
    assert params["judging.rows"] == str(len(comparison.judging))
    assert params["training.span"].startswith("2026-01-01T14:00Z to ")
    assert params["dropped.no outcome"] == "0"
    assert params[f"{BOOSTING}.rounds"] == "5"
    assert parent.data.tags["gate.drift"] == "no drift"
    assert parent.data.metrics["judging.macro_f1"] == comparison.judging_metrics.macro_f1
    assert parent.data.metrics["judging.buy.recall"] == comparison.judging_metrics.classes[3].recall


def test_the_parent_has_pictures_reports_and_the_environment(runs: LoggedRuns) -> None:
    assert runs.files(runs.parent) == {
        *(f"judging/{n}.png" for n in ("confusion", "roc", "precision_recall", "calibration")),
        *(f"{part}_confusion.json" for part in ("training", "selection", "judging")),
        "importance.png", "importance.json", "ranking.json", "data.json", "environment.json",
        "drift.html", "challengers/logistic_regression.onnx",
    }  # fmt: skip
    importances = json.loads(runs.file(runs.parent, "importance.json"))
    assert importances["features"][0]["name"] == "a"
    environment_of_run = json.loads(runs.file(runs.parent, "environment.json"))
    assert environment_of_run["packages"]["scikit-learn"]
    ranking = json.loads(runs.file(runs.parent, "ranking.json"))
    assert len(ranking[0]["folds"]) == 2


def test_every_candidate_has_its_run_with_its_file(
    runs: LoggedRuns, comparison: Comparison, onnx_forms: dict[str, Form]
) -> None:
    assert set(runs.nested) == {result.name for result in comparison.ranking}
    run = runs.nested["logistic_regression"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["sha256"] == sha256(runs.file(run, "model.onnx")).hexdigest()
    assert {"model.onnx", "roc.png", "calibration.png"} < runs.files(run)


def test_a_challengers_file_is_named_by_its_checksum(
    runs: LoggedRuns, onnx_forms: dict[str, Form]
) -> None:
    tags = runs.parent.data.tags
    body = runs.file(runs.parent, "challengers/logistic_regression.onnx")
    assert tags["challenger.logistic_regression"] == sha256(body).hexdigest()
    assert tags[f"challenger.{BOOSTING}"] == "no ONNX form: odd"


def test_without_an_onnx_form_the_tag_says_why(runs: LoggedRuns) -> None:
    run = runs.nested[BOOSTING]
    assert run.info.status == "FINISHED"
    assert (run.data.tags["onnx"], run.data.tags["sha256"]) == ("no ONNX form: odd", "")
    assert "model.onnx" not in runs.files(run)


def test_a_candidate_that_failed_has_a_failed_run(runs: LoggedRuns) -> None:
    run = runs.nested["broken"]
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == "ValueError: no such kernel"
    assert runs.files(run) == set()


def test_figures_of_folds_are_steps(
    runs: LoggedRuns, registry: Registry, comparison: Comparison
) -> None:
    run_id = runs.nested["logistic_regression"].info.run_id
    history = registry.client.get_metric_history(run_id, "fold.macro_f1")
    result = next(result for result in comparison.ranking if result.name == "logistic_regression")
    expected = [(step, fold.macro_f1) for step, fold in enumerate(result.folds, 1)]
    assert [(point.step, point.value) for point in history] == expected


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures, which only take time where a test is about failures."""
    monkeypatch.setattr(
        artefacts.pictures, "draw_predictions", lambda *values: {"roc.png": b"a picture"}
    )
    monkeypatch.setattr(artefacts.pictures, "importance", lambda *values: b"a picture")


def fails_at(nth: int, failure: Exception) -> Callable[..., None]:
    calls = []

    def failing(self: MlflowClient, *args: Any, **more: Any) -> None:
        calls.append(args)
        if len(calls) >= nth:
            raise failure

    return failing


FULL = OSError(errno.ENOSPC, "No space left on device")
GONE = MlflowException("the server does not answer")


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("failure", [FULL, GONE])
@pytest.mark.parametrize(
    ("call", "nth"), [("log_artifacts", 1), ("log_artifacts", 3), ("log_batch", 2)]
)
def test_a_failure_while_logging_leaves_a_failed_parent(
    registry: Registry, comparison: Comparison, monkeypatch: pytest.MonkeyPatch,
    call: str, nth: int, failure: Exception,
) -> None:  # fmt: skip
    experiment = f"{call} {nth} {type(failure).__name__}"
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, fails_at(nth, failure))
        with pytest.raises(RegistryError, match=r"No space|not answer") as error:
            log_comparison(registry, experiment, comparison, DECISION, TAGS)
    assert "space left" in error.value.hint
    logged_runs = read(registry, experiment)
    assert logged_runs.parent.info.status == "FAILED"
    assert "RUNNING" not in {run.info.status for run in logged_runs.nested.values()}


@pytest.mark.usefixtures("without_pictures")
def test_where_mlflow_is_gone_for_good_no_run_is_finished(
    registry: Registry, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", fails_at(1, GONE))
        patch.setattr(MlflowClient, "set_terminated", fails_at(1, MlflowException("nor now")))
        with pytest.raises(RegistryError, match="does not answer"):
            log_comparison(registry, "gone", comparison, DECISION, TAGS)
    logged_runs = read(registry, "gone")
    assert {run.info.status for run in (logged_runs.parent, *logged_runs.nested.values())} == {
        "RUNNING"
    }


@pytest.mark.usefixtures("without_pictures")
def test_a_folder_that_cannot_be_written_is_an_error(
    registry: Registry, comparison: Comparison
) -> None:
    (registry.folder / "artifacts").mkdir(exist_ok=True)
    (registry.folder / "artifacts" / "blocked").write_text("a file stands in the folder's place")
    with pytest.raises(RegistryError, match="blocked") as error:
        log_comparison(registry, "blocked", comparison, DECISION, TAGS)
    assert error.value.hint
    assert read(registry, "blocked").parent.info.status == "FAILED"


def test_a_picture_that_fails_leaves_no_run(
    registry: Registry, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*values: object) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(artefacts.pictures, "importance", broken)
    with pytest.raises(RuntimeError, match="no font"):
        log_comparison(registry, "unmade", comparison, DECISION, TAGS)
    assert registry.client.get_experiment_by_name("unmade") is None


def test_the_environment_names_the_lock(tmp_path: Path) -> None:
    assert environment(tmp_path / "none")["lock_sha256"] is None
    (tmp_path / "lock").write_bytes(b"numpy==2.4.6\n")
    values = environment(tmp_path / "lock")
    assert values["lock_sha256"] == sha256(b"numpy==2.4.6\n").hexdigest()
    assert {"numpy", "onnxruntime", "mlflow"} < set(values["packages"])
