"""The drill: back up between two bars, destroy everything, restore, score: the same signal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.backup.places import find_model_store
from pipelines.backup.restore import restore_backup
from pipelines.lake.file_store import FolderStore
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.backup.restored import rows_of_all_tables
from tests.build_once import build_once
from tests.serving.scored_api import SOON, build_folder, publish

COMMITTED = ("scored_at", "delay_seconds", "batch")


def publish_last_bar(folder: Path) -> list[dict[str, object]]:
    """Score the last bar; return the signal and its contributions."""
    with open_lake() as lake:
        publish(lake, folder, SOON)
        return [
            {name: value for name, value in row.items() if name not in COMMITTED}
            for table in ("index_signals", "contributions", "predictions")
            for row in lake.sql(f"SELECT * FROM gold.{table} WHERE live ORDER BY ALL").to_pylist()
        ]


def test_a_restored_platform_publishes_the_same_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(build_once("scored", build_folder), home)
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{home}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{home}/files")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow/mlflow.db")
    with open_lake(adopt=True) as lake:
        # The newest bar and all that was said of it are still to come.
        with lake.write("forget") as writer:
            for table in ("index_signals", "contributions", "predictions"):
                writer.delete(f"gold.{table}", "live")
            writer.delete("silver.bars", "ts = (SELECT max(ts) FROM silver.bars)")
        rows = rows_of_all_tables(lake)
        objects = Objects(FolderStore(str(tmp_path / "backups")))
        create_backup(lake, objects, find_model_store())
    signal = publish_last_bar(home)
    assert len({str(row) for row in signal}) > 10
    shutil.rmtree(home)
    restore_backup(objects, None, find_model_store())
    with open_lake() as lake:
        assert rows_of_all_tables(lake) == rows
        assert verify(lake).problems == []
    assert publish_last_bar(home) == signal
