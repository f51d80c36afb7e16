"""Files of models: verified ones, the store of MLflow, and a pinned file."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.modeling.scorer import OnnxScorer
from serving.schemas.scoring import ModelInfo
from tests.models import body
from tests.servers.in_thread import serve_in_thread
from tests.serving.serving_models import (
    HOURLY,
    LATER,
    SOURCE,
    api_client,
    build_request,
    cache_path,
    reasons,
    registry_at,
    serve_model,
    version,
)
from tests.steps.served import fresh_registry, train_model


def test_the_last_verified_model_serves_when_mlflow_is_down(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_model(lake, folder)
    newer = serve_model(lake, folder, seed=1, version=2, as_of=LATER)
    cache_path(folder, newer).unlink()
    monkeypatch.setattr(
        "serving.state.model_files.Registry.__init__", registry_at(folder, "http://127.0.0.1:9")
    )
    with api_client() as client:
        prediction = client.post("/predict", json=build_request()).json()
        assert prediction["model_version"] == 1
        assert any("version 2 cannot serve" in notice for notice in prediction["notices"])
        assert any("MLflow cannot give" in reason for reason in reasons(client))


@pytest.mark.parametrize("download", ["sound", "evil"])
def test_a_file_is_fetched_over_http_and_verified(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, download: str
) -> None:
    model = serve_model(lake, folder)
    content = cache_path(folder, model).read_bytes()
    cache_path(folder, model).unlink()
    paths: list[str] = []

    class MLflow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path.partition("?")[0])
            version_info = {"model_version": {"source": "mlflow-artifacts:/1/run/artifacts/model"}}
            file = content if download == "sound" else b"evil"
            answer = json.dumps(version_info).encode() if "model-versions" in self.path else file
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), MLflow)
    with serve_in_thread(server):
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr("serving.state.model_files.Registry.__init__", registry_at(folder, uri))
        with api_client() as client:
            assert version(client) == (1 if download == "sound" else None)
    assert paths[:2] == [
        "/api/2.0/mlflow/model-versions/get",
        "/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/model/model.onnx",
    ]
    assert cache_path(folder, model).exists() == (download == "sound")


def test_a_trained_model_is_read_from_the_folder_of_mlflow(lake: Lake, folder: Path) -> None:
    registry = fresh_registry(folder / "mlflow")
    number = train_model(lake, registry, HOURLY, SOURCE, point=False)
    assert not (folder / "mlflow" / "verified").exists()
    with api_client() as client:
        assert version(client) == number


@pytest.mark.parametrize("digest", ["right", "wrong", "none"])
def test_a_file_can_be_pinned_by_its_checksum(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, digest: str
) -> None:
    serve_model(lake, folder)
    file = folder / "pinned.onnx"
    file.write_bytes(body(HOURLY, 3))
    sha = OnnxScorer(file.read_bytes()).checksum
    monkeypatch.setenv("MODEL_URI", file.as_uri())
    if digest != "none":
        monkeypatch.setenv("BULLION_MODEL_SHA256", sha if digest == "right" else "0" * 64)
    with api_client() as client:
        info = ModelInfo.model_validate_json(client.get("/model-info").text)
        if digest == "right":
            assert (info.sha256, info.model_version, info.origin) == (sha, None, "MODEL_URI")
            assert not info.proven
            assert reasons(client) == []
        else:
            assert info.model_version == 1
            assert any("SHA256" in r or "SHA-256" in r for r in reasons(client))
