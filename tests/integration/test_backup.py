"""The drill: back up while a writer and an analyst work, destroy everything, restore, go on.

The catalog is in a real PostgreSQL and the files are in an S3-speaking server; backups lie in a
bucket too. tests/backup has the same for SQLite and folders.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.backup.places import ModelStore
from pipelines.backup.restore import restore_backup
from pipelines.core.settings import Settings
from pipelines.lake.file_store import open_store
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.backup.restored import rows_of_all_tables
from tests.busy_lake import fill_with_deletes
from tests.lake_rows import list_symbols, replace_series
from tests.servers import postgres
from tests.servers.s3 import BUCKET, s3

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing()),
]


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A PostgreSQL, whose target is yielded, and a bucket."""
    monkeypatch.setattr("pipelines.lake.door.ROOT", tmp_path)
    monkeypatch.setenv("BULLION_STATE", str(tmp_path / "state"))
    with s3() as bucket, postgres.postgres() as target:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        yield target


def settings_of(server: str, name: str) -> Settings:
    target = postgres.create_database(server, name)
    return Settings(lake_catalog=f"postgres:{target}", lake_data=f"s3://{BUCKET}/{name}")


def test_all_is_there_again_after_everything_was_destroyed(servers: str, tmp_path: Path) -> None:
    objects = Objects(open_store(f"s3://{BUCKET}/backups"))
    config = settings_of(servers, "first")
    models_target = postgres.create_database(servers, "mlflow")
    models = ModelStore(
        "postgres",
        models_target,
        open_store(f"s3://{BUCKET}/artifacts"),
        open_store(str(tmp_path / "copies")),
    )
    models.artifacts.write("1/run/model.onnx", b"a model")
    with closing(psycopg2.connect(models_target)) as server, server, server.cursor() as cursor:
        cursor.execute("CREATE TABLE experiments AS SELECT 7 AS experiment_id")
    stop = threading.Event()
    read: list[int] = []

    def write() -> None:
        with open_lake(config) as lake:
            number = 0
            while not stop.is_set():
                number += 1
                replace_series(lake, list_symbols("W", 40), str(number), source="w")

    def analyse() -> None:
        with open_lake(config, read_only=True) as lake:
            while not stop.is_set():
                read.append(len(lake.rows("SELECT symbol FROM silver.series WHERE source = 'w'")))

    with open_lake(config) as lake:
        fill_with_deletes(lake)
        replace_series(lake, list_symbols("W", 40), "0", source="w")
        then = datetime.now(UTC)
        threads = [threading.Thread(target=write), threading.Thread(target=analyse)]
        for thread in threads:
            thread.start()
        try:
            report = create_backup(lake, objects, models)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        with lake.view(report.manifest.snapshot) as view:
            rows = rows_of_all_tables(view)
        with lake.view() as view:
            has_gone_on = view.snapshot >= report.manifest.snapshot
        assert has_gone_on
        lake.store.remove(lake.store.listing(""))
    assert set(read) == {40}, "the analyst saw whole states alone"
    models.artifacts.remove(models.artifacts.listing(""))

    place = settings_of(servers, "second")
    store = replace(models, target=postgres.create_database(servers, "mlflow2"))
    restored = restore_backup(Objects(objects.store), None, store, config=place)
    assert restored.snapshot == report.manifest.snapshot
    assert store.artifacts.read("1/run/model.onnx") == b"a model"
    with closing(psycopg2.connect(store.target)) as server, server.cursor() as cursor:
        cursor.execute("SELECT experiment_id FROM experiments")
        assert cursor.fetchall() == [(7,)]
    with open_lake(place) as lake:
        assert rows_of_all_tables(lake) == rows
        assert verify(lake).problems == []
        replace_series(lake, list_symbols("N", 10), source="n")

    earlier = settings_of(servers, "third")
    restore_backup(Objects(objects.store), then, None, config=earlier)
    with open_lake(earlier, read_only=True) as lake:
        [(version,)] = lake.rows("SELECT DISTINCT calendar FROM silver.series WHERE source = 'w'")
        assert version == "0"
