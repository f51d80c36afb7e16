"""Files in the artifact store: fetched whole, and told apart from missing ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from pipelines.registry.artifacts import FILE, fetch_artifact, has_artifact
from pipelines.registry.errors import UnsoundModel
from pipelines.registry.mlflow import Registry
from tests.steps.served import fresh_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def folder(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run's folder of artifacts, with two files."""
    files = tmp_path_factory.mktemp("files")
    run = registry.client.create_run(registry.experiment("train")).info
    for name, body in ((FILE, b"a model"), ("mlp.onnx", b"a challenger")):
        (files / name).write_bytes(body)
        registry.client.log_artifact(run.run_id, str(files / name), "model")
    return f"{run.artifact_uri}/model"


def test_a_file_is_fetched_whole(registry: Registry, folder: str) -> None:
    assert fetch_artifact(registry.uri, folder) == b"a model"
    assert fetch_artifact(registry.uri, folder, "mlp.onnx") == b"a challenger"


def test_a_missing_file_is_not_listed_and_cannot_be_fetched(
    registry: Registry, folder: str
) -> None:
    assert has_artifact(registry.uri, folder)
    assert has_artifact(registry.uri, folder, "mlp.onnx")
    assert not has_artifact(registry.uri, folder, "svc.onnx")
    with pytest.raises(MlflowException, match=r"svc\.onnx"):
        fetch_artifact(registry.uri, folder, "svc.onnx")


def test_a_folder_in_the_files_place_is_no_model(registry: Registry, folder: str) -> None:
    place = Path(folder.removeprefix("file://")) / "folder.onnx"
    (place / "inside").mkdir(parents=True)
    with pytest.raises(UnsoundModel, match="cannot be read"):
        fetch_artifact(registry.uri, folder, "folder.onnx")
