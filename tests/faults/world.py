"""A small platform on disk that a step changes, and that can be put back as it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake

Content = dict[str, list[tuple[object, ...]]]

# Runs are a diary: a run that was killed stands there too. Snapshots are named by their numbers.
DIARIES = ("gold.runs", "meta.kept_snapshots", "meta.checksums", "meta.migrations")


class World:
    """Lake, MLflow and state below one folder. Its place never changes: a lake knows its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._saved = folder / "world", folder / "saved"
        self.backups = folder / "backups"
        self.folder.mkdir(parents=True)
        self._saved.mkdir()
        self.name_in(monkeypatch)

    def name_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the settings name this world."""
        place = str(self.folder)
        monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{place}/catalog.sqlite")
        monkeypatch.setenv("BULLION_LAKE_DATA", f"{place}/files")
        monkeypatch.setenv("BULLION_STATE", f"{place}/state")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")

    def save(self, name: str) -> None:
        """Keep the world as it is now."""
        shutil.copytree(self.folder, self._saved / name)

    def put_back(self, name: str) -> None:
        """Make the world what it was when it was saved by that name."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._saved / name, self.folder)

    @contextmanager
    def lake(self) -> Iterator[Lake]:
        with open_lake() as lake:
            yield lake

    def problems(self) -> list[str]:
        """Return what verify finds."""
        with self.lake() as lake:
            return [str(problem) for problem in verify(lake).problems]

    def content(self) -> Content:
        """Return every distinct row of each table, a column a list: see what_agrees."""
        with self.lake() as lake:
            names = [
                name
                for (name,) in lake.rows(
                    """SELECT table_schema || '.' || table_name FROM information_schema.tables
                       WHERE table_catalog = 'lake' AND table_schema IN ('bronze', 'silver', 'gold')
                       ORDER BY ALL"""
                )
                if name not in DIARIES
            ]
            return {
                f"{name}.{column}": lake.rows(
                    f'SELECT DISTINCT {_key(lake, name)}, "{column}" FROM {name} ORDER BY ALL'
                )
                for name in names
                for column in _columns(lake, name)
            }


def what_agrees(content: Content, other: Content) -> Content:
    """Return the columns that two undisturbed runs have in common: not when and by whom."""
    return {name: rows for name, rows in content.items() if other.get(name) == rows}


def differences(content: Content, expected: Content) -> list[str]:
    """Return the columns in which a disturbed run is another than the undisturbed ones."""
    return [name for name, rows in expected.items() if content.get(name) != rows]


def _columns(lake: Lake, name: str) -> list[str]:
    return [column for column, *_ in lake.rows(f"DESCRIBE {name}")]


def _key(lake: Lake, name: str) -> str:
    """Return what names a row of a table beside its other columns."""
    key_columns = ("symbol", "ts", "forecast", "target", "role", "candidate")
    keys = [f'"{column}"' for column in _columns(lake, name) if column in key_columns]
    return ", ".join(keys) or "1"
