"""Temporary relations last as long as their landing."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from pipelines.landing.relations import Scratch

TEMPORARY = """SELECT table_name FROM duckdb_tables() WHERE temporary
               UNION ALL SELECT view_name FROM duckdb_views() WHERE temporary AND NOT internal"""


def test_relations_are_gone_after_the_landing_and_may_change_their_kind() -> None:
    connection = duckdb.connect()
    with Scratch(connection) as scratch:
        numbers = scratch.arrow("numbers", pa.table({"n": [1, 2, 3]}))
        odd = scratch.table("odd", f"SELECT n FROM {numbers} WHERE n % 2 = ?", [1])
        assert scratch.value(f"SELECT sum(n) FROM {odd}") == 4
    assert connection.execute(TEMPORARY).fetchall() == []
    with Scratch(connection) as scratch:
        assert scratch.value(f"SELECT n FROM {scratch.view('odd', 'SELECT 7 AS n')}") == 7


def test_files_are_checked_before_a_relation_reads_them() -> None:
    def refuse(query: str) -> None:
        raise ValueError(query)

    scratch = Scratch(duckdb.connect(), refuse)
    for create in (scratch.view, scratch.table):
        with pytest.raises(ValueError, match=r"silver\.bars"):
            create("rows", "FROM silver.bars")
    with pytest.raises(ValueError, match=r"silver\.bars"):
        scratch.value("SELECT count(*) FROM silver.bars")


def break_off(scratch: Scratch) -> None:
    with scratch:
        scratch.connection.execute("BEGIN")
        scratch.view("one_row", "SELECT 1 AS n")
        scratch.value("FROM nowhere")


def test_an_error_is_not_hidden_by_the_dropping() -> None:
    with pytest.raises(duckdb.Error, match="nowhere"):
        break_off(Scratch(duckdb.connect()))
