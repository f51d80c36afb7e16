"""What the serving image carries: enough for the API, and nothing that trains or schedules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import lock_in_step
from tests.servers.compose import ROOT, fence, image_tree

LOCK = ROOT / "requirements-serving.txt"
HEAVY = {
    "apache-airflow", "apache-airflow-core", "scikit-learn", "torch", "mlflow", "mlflow-skinny",
    "xgboost-cpu", "lightgbm", "evidently", "great-expectations", "matplotlib", "pytest",
}  # fmt: skip


def test_nothing_heavy_is_locked_for_serving() -> None:
    assert not set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), re.MULTILINE)) & HEAVY


@pytest.mark.parametrize("module", ["serving.app", "sklearn"])
def test_the_api_imports_from_the_image_alone(tmp_path: Path, module: str) -> None:
    tree = image_tree("serving", tmp_path / "image")
    fence(tmp_path / "only", LOCK)
    path = os.pathsep.join([str(tree), str(tmp_path / "only")])
    # What is only used by some requests is imported then, so it is asked for here.
    modules = "onnxruntime, talib, scipy.stats, httpx, exchange_calendars, websockets, httptools"
    process = subprocess.run(
        [sys.executable, "-c", f"import {module}, {modules}; print({module}.__file__)"],
        env=os.environ | {"PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if module == "sklearn":
        assert "sklearn is not in the image" in process.stderr
    else:
        assert process.stdout.startswith(str(tree)), process.stderr


def test_the_locks_are_in_step() -> None:
    assert lock_in_step.differences() == []
    assert lock_in_step.differences("requirements-serving") == []
    assert lock_in_step.apart() == []
    assert lock_in_step.differences("requirements-torch") == []
    assert lock_in_step.locked_twice() == []


def test_a_lock_out_of_step_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("requirements", "requirements-serving"):
        for kind in ("in", "txt"):
            text = (ROOT / f"{name}.{kind}").read_text()
            (tmp_path / f"{name}.{kind}").write_text(text)
    lock = tmp_path / LOCK.name
    lock.write_text(re.sub(r"^orjson==\S+", "orjson==0.1", lock.read_text(), flags=re.MULTILINE))
    with (tmp_path / "requirements-serving.in").open("a") as out:
        out.write("\nmlflow  # it grew\n")
    monkeypatch.setattr(lock_in_step, "ROOT", tmp_path)
    assert any("orjson" in problem for problem in lock_in_step.apart())
    assert lock_in_step.differences("requirements-serving") == ["mlflow is not locked"]
    (tmp_path / "requirements-torch.txt").write_text("numpy==1.0\n")
    assert len(lock_in_step.locked_twice()) == 1
