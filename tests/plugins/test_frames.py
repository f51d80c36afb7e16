"""What Airflow's api-server answers cannot be shown in a frame of another site."""

from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize("path", ["/", "/api/v2/version", "/not-there", "/static/none"])
def test_every_answer_refuses_frames(path: str) -> None:
    from airflow.api_fastapi.app import init_plugins
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()
    app.get("/api/v2/version")(lambda: {"version": "3"})
    with pytest.MonkeyPatch.context() as patch:
        import frames
        from airflow import plugins_manager

        middlewares = frames.FramesPlugin.fastapi_root_middlewares
        patch.setattr(plugins_manager, "get_fastapi_plugins", lambda: ([], middlewares))
        init_plugins(app)
    answer: httpx.Response = TestClient(app).get(path)
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
