"""Files in MLflow's artifact store."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipelines.registry.errors import UNUSABLE
from pipelines.registry.model_files import read_model_file

FILE = "model.onnx"


def fetch_artifact(uri: str, folder: str, name: str = FILE) -> bytes:
    """Download a model's file from a folder of the artifact store of MLflow at `uri`."""
    import mlflow

    with tempfile.TemporaryDirectory() as local:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{folder}/{name}", dst_path=local, tracking_uri=uri
        )
        return read_model_file(Path(path), UNUSABLE)


def has_artifact(uri: str, folder: str, name: str = FILE) -> bool:
    """Whether the artifact store lists the file; a store that cannot be listed raises."""
    import mlflow

    files = mlflow.artifacts.list_artifacts(artifact_uri=folder, tracking_uri=uri)
    return any(Path(file.path).name == name for file in files)
