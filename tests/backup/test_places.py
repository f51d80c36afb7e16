"""MLflow's models go with the lake, and are found where they are restored to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.backup.places import find_model_store
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from tests.backup.restored import restore_into

NAME = "a.target"


def register(registry: Registry, body: bytes) -> int:
    """Register a file as a model's next version."""
    run = registry.client.create_run(registry.experiment("a"))
    return registry.register(NAME, body, run.info.run_id, {}, staging=False).version


@pytest.mark.parametrize("elsewhere", [False, True])
def test_models_come_back_with_their_files(
    lake: Lake,
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    folder = tmp_path / "mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    registry = Registry()
    first = register(registry, b"one model")
    before = create_backup(lake, objects, find_model_store())
    second = register(registry, b"two models")
    after = create_backup(lake, objects, find_model_store())
    unchanged = before.manifest.artifacts.keys() & after.manifest.artifacts.keys()
    assert unchanged
    assert len(after.manifest.artifacts) > len(unchanged)
    digests = [registry.version(NAME, number).sha256 for number in (first, second)]
    place = tmp_path / ("elsewhere" if elsewhere else "mlflow")
    shutil.rmtree(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    with restore_into(objects, tmp_path / "restored", models=find_model_store()):
        restored = Registry()
        bodies = [
            restored.read_model(NAME, number, digest)
            for number, digest in zip((first, second), digests, strict=True)
        ]
    assert bodies == [b"one model", b"two models"]


def test_a_server_of_mlflow_needs_its_places_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    with pytest.raises(InvalidRequest, match="is the server") as caught:
        find_model_store()
    assert "--mlflow-database" in caught.value.hint
    with pytest.raises(InvalidRequest, match="artifacts") as caught:
        find_model_store("postgres:dbname=mlflow")
    assert "--mlflow-artifacts" in caught.value.hint
