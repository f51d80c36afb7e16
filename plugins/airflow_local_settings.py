"""Settings that Airflow has no option for. Airflow imports this module by its name, everywhere.

Without it a backfill on SQLite often fails because the database is locked, and the runs that it
then deletes can stop the scheduler; and every task spends a second or two on imports.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PATIENCE = 60  # seconds
# What the tasks of an hour import. No module of Bullion: its code may change meanwhile.
WARM = (
    "pandas", "pyarrow.compute", "scipy.special", "exchange_calendars", "duckdb", "onnxruntime",
    "pydantic_settings", "yaml", "filelock", "concurrent.futures",
)  # fmt: skip

if sys.argv[1:2] == ["scheduler"]:  # whose LocalExecutor forks a process for each task
    for name in WARM:
        with suppress(ImportError):
            import_module(name)


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """The engine of the metadata database; Airflow calls this in place of its own."""
    from sqlalchemy import create_engine, event

    sqlite = sql_alchemy_conn.startswith("sqlite")
    if sqlite:  # a backfill of a year holds the turn to write for longer than the usual 5 s
        connect_args = {"timeout": PATIENCE, **connect_args}
    engine = create_engine(sql_alchemy_conn, connect_args=connect_args, future=True, **engine_args)
    if sqlite:
        event.listen(engine, "savepoint", _begin)
    return engine


def _begin(connection: Connection, _name: str) -> None:
    """Ask for the turn to write at once, and wait for it.

    A savepoint would begin by reading, and SQLite refuses a write by whoever has read older rows.
    """
    if not connection.connection.dbapi_connection.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
