"""A DuckDB instance that is used again has nothing of the connection before."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.instance_pool import Connection, InstancePool, keep_instances


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> InstancePool:
    for name in ("close", "__exit__"):  # which a plain `pytest` gets back afterwards
        monkeypatch.setattr(Connection, name, getattr(Connection, name))
    keep_instances()
    return InstancePool(lambda: duckdb.connect(config={"threads": 1}))


def databases(connection: Connection) -> set[str]:
    query = "SELECT database_name FROM duckdb_databases() WHERE NOT internal"
    return {name for (name,) in connection.execute(query).fetchall()}


def test_an_instance_is_used_again_and_has_nothing_of_the_connection_before(
    pool: InstancePool, tmp_path: Path
) -> None:
    file = tmp_path / "lake.duckdb"
    with pool.connect() as first:
        first.execute(f"ATTACH '{file}' AS lake; CREATE TABLE lake.a AS SELECT 1")
        first.execute("CREATE TABLE b AS SELECT 2; CREATE TEMP VIEW c AS SELECT 3")
        first.cursor().execute("BEGIN; CREATE TABLE lake.d AS SELECT 4")  # and never ended
        assert databases(first) == {"lake", "own", "memory"}
    assert len(pool) == 1
    second = pool.connect()
    assert len(pool) == 0, "it is the same instance"
    assert databases(second) == {"own", "memory"}
    tables = "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() "
    assert second.execute(f"{tables} WHERE NOT internal").fetchall() == []
    open_files = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()}
    assert str(file) not in open_files
    second.close()
    assert len(pool) == 1


def test_two_connections_at_once_have_an_instance_each(pool: InstancePool) -> None:
    with pool.connect() as first, pool.connect() as second:
        first.execute("CREATE TABLE a AS SELECT 1")
        with pytest.raises(duckdb.CatalogException):
            second.execute("FROM a")
    assert len(pool) == 2


def test_closing_twice_gives_an_instance_back_once(pool: InstancePool) -> None:
    connection = pool.connect()
    connection.close()
    connection.close()
    assert len(pool) == 1


def test_a_connection_that_nobody_closed_takes_its_instance_with_it(pool: InstancePool) -> None:
    pool.connect()
    assert len(pool) == 0


def test_a_connection_of_no_pool_is_closed_as_ever(pool: InstancePool) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SELECT 1")
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")
    assert len(pool) == 0
