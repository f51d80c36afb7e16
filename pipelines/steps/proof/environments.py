"""The code and the libraries of now, beside those that trained a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipelines.core.errors import BullionError
from pipelines.registry.artifacts import fetch_artifact
from pipelines.registry.mlflow import Registry, mlflow_errors
from pipelines.registry.runs import environment

FILE = "environment.json"


def code_version() -> str:
    """Return the version of Bullion."""
    try:
        return version("bullion")
    except PackageNotFoundError:
        return "unknown"


def describe_now() -> str:
    """Say which code and which lock reproduce."""
    now = environment()
    return (
        f"reproduced by Bullion {code_version()}, Python {now['python']}, lock "
        f"{_short(now['lock_sha256'])}"
    )


def read_environment(registry: Registry, run_id: str) -> Mapping[str, Any] | None:
    """Read what a training logged of its libraries; None where MLflow does not have it."""
    if not run_id:
        return None
    try:
        with mlflow_errors(registry.uri):
            folder = registry.client.get_run(run_id).info.artifact_uri
            body = fetch_artifact(registry.uri, folder, FILE)
        record: Mapping[str, Any] = json.loads(body)
    except (BullionError, OSError, ValueError):
        return None
    return record


def compare_environments(then: Mapping[str, Any] | None) -> list[str]:
    """Say what differs between a training's libraries and those of now; empty: nothing does."""
    if then is None:
        return ["its libraries are not known: MLflow has no record of them"]
    now = environment()
    lines = [
        f"{name} was {then['packages'].get(name, 'not there')}, and is now "
        f"{now['packages'].get(name, 'not there')}"
        for name in sorted({*then["packages"], *now["packages"]})
        if then["packages"].get(name) != now["packages"].get(name)
    ]
    lines += [
        f"{name} was {then.get(name)}, and is now {now[name]}"
        for name in ("python", "platform")
        if then.get(name) != now[name]
    ]
    if then.get("lock_sha256") != now["lock_sha256"]:
        lines.append(
            f"the lock was {_short(then.get('lock_sha256'))}, and is now "
            f"{_short(now['lock_sha256'])}"
        )
    return lines


def describe_training(registry: Registry, run_id: str, name: str) -> list[str]:
    """Say of a model with which lock it was trained, and what differs now."""
    then = read_environment(registry, run_id)
    differences = compare_environments(then)
    if then is None:
        return [f"{name}: {differences[0]}"]
    lock = _short(then.get("lock_sha256"))
    if not differences:
        return [f"{name} was trained with the same libraries, lock {lock}"]
    return [f"{name} was trained with lock {lock}: {'; '.join(differences)}"]


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "unknown"
