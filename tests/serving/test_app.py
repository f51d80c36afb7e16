"""The assembled API: what it loads, what two of them share, and what is left when it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from serving.app import create_app
from tests.serving.scored_api import api_at


def test_the_routes_load_no_training_library() -> None:
    code = (
        "import sys, serving.routes.predict, serving.state.model_files; "
        "print({'airflow', 'sklearn', 'mlflow', 'pandas', 'scipy'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    process = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert process.stdout.strip() == "set()", process.stderr


def test_each_app_has_its_own_settings_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    first = create_app().state
    monkeypatch.setenv("BULLION_API_ROWS", "7")
    second = create_app().state
    assert (first.settings.rows, second.settings.rows) == (10_000, 7)
    for name in ("keys", "metrics", "bodies", "unread", "reader", "follower", "models", "queries"):
        assert getattr(first, name) is not getattr(second, name)


def test_the_threads_of_an_app_end_with_it(scored_folder: Path) -> None:
    with api_at(scored_folder) as client:
        state = client.app.state  # type: ignore[attr-defined]
        threads = (state.follower._thread, state.models._thread)
        assert all(thread.is_alive() for thread in threads)
        assert client.get("/signal/index").is_success
    assert not any(thread.is_alive() for thread in threads)
    assert state.reader._lake is None
