"""Airflow on SQLite: who reads and then writes waits for the turn, and is not refused."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy


def test_a_savepoint_that_reads_and_then_writes_is_not_refused(tmp_path: Path) -> None:
    from airflow_local_settings import create_metadata_engine

    engine = create_metadata_engine(f"sqlite:///{tmp_path}/a.db", engine_args={}, connect_args={})
    with engine.begin() as setup:
        setup.exec_driver_sql("PRAGMA journal_mode=wal")
        setup.exec_driver_sql("CREATE TABLE t (x INTEGER)")

    def insert() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")

    thread = threading.Thread(target=insert)
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.execute(sqlalchemy.text("SELECT * FROM t")).all()
            thread.start()
            thread.join(0.3)
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.commit()
    thread.join()
    with engine.connect() as connection:
        values = connection.execute(sqlalchemy.text("SELECT x FROM t ORDER BY x")).scalars().all()
    engine.dispose()
    assert values == [1, 2]


def test_only_a_scheduler_is_warmed_and_none_of_our_code_is() -> None:
    from airflow_local_settings import PRELOADED

    assert not any(name.startswith(("pipelines", "airflow", "serving")) for name in PRELOADED)
