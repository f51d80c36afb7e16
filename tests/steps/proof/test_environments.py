"""The libraries of a training are compared with those of now, one by one."""

from __future__ import annotations

from pathlib import Path

from pipelines.registry.mlflow import Registry
from pipelines.registry.runs import environment
from pipelines.steps.proof.environments import (
    compare_environments,
    describe_now,
    describe_training,
)


def test_each_version_that_differs_is_named() -> None:
    now = environment()
    assert compare_environments(now) == []
    then = now | {
        "python": "3.10.1",
        "packages": now["packages"] | {"numpy": "1.0"},
        "lock_sha256": "abcdef0123456789",
    }
    numpy, python, lock = compare_environments(then)
    assert numpy == f"numpy was 1.0, and is now {now['packages']['numpy']}"
    assert python.startswith("python was 3.10.1")
    assert lock.startswith("the lock was abcdef012345, and is now")


def test_a_training_without_a_record_says_so(tmp_path: Path) -> None:
    (line,) = describe_training(Registry(folder=tmp_path), "", "version 1")
    assert line == "version 1: its libraries are not known: MLflow has no record of them"
    assert "reproduced by Bullion" in describe_now()
