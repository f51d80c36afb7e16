"""Settings that Airflow has no option for. Airflow imports this module by its name, everywhere.

Without it a backfill on SQLite often fails because the database is locked, and the runs that it
deletes again can stop the scheduler; and every task spends a second or two on imports.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOCK_TIMEOUT = 60  # seconds
# Modules that the hourly tasks import. None is of this repository, whose code may change meanwhile.
PRELOADED = (
    "pandas", "pyarrow.compute", "scipy.special", "exchange_calendars", "duckdb", "onnxruntime",
    "pydantic_settings", "yaml", "filelock", "concurrent.futures", "mlflow",
)  # fmt: skip

if sys.argv[1:2] == ["scheduler"]:  # whose LocalExecutor forks a process for each task
    for name in PRELOADED:
        with suppress(ImportError):
            import_module(name)


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """The engine of the metadata database; Airflow calls this in place of its own."""
    from sqlalchemy import create_engine, event

    sqlite = sql_alchemy_conn.startswith("sqlite")
    if sqlite:  # a backfill of a year holds the turn to write for longer than the usual 5 s
        connect_args = {"timeout": LOCK_TIMEOUT, **connect_args}
    engine = create_engine(sql_alchemy_conn, connect_args=connect_args, future=True, **engine_args)
    if sqlite:
        event.listen(engine, "savepoint", _begin)
    return engine


def _begin(connection: Connection, _name: str) -> None:
    """Begin a savepoint with the write lock, which waits for other writers.

    It would begin by reading otherwise, and SQLite refuses a write after an outdated read.
    """
    if not connection.connection.dbapi_connection.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
