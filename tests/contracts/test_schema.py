"""A declared table can be created in DuckDB as it is declared, and refuses a wrong key."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from pipelines.contracts.schema import Column, Rule, Table
from pipelines.core.errors import InvalidRequest

TRADES = Table(
    "gold",
    "trades",
    "The broker's trades",
    (
        Column("symbol", "VARCHAR", "ticker of the trade's stock"),
        Column("order", "BIGINT", "number of the order", low=1),
        Column("price", "DOUBLE", "price paid", "dollars", nullable=True, above=0),
    ),
    key=("symbol", "order"),
)


def test_the_ddl_creates_the_declared_table_with_its_comments() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA gold")
        for statement in TRADES.ddl():
            connection.execute(statement)
        columns = connection.execute(
            "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            "WHERE table_name = 'trades' ORDER BY column_index"
        ).fetchall()
        comment = connection.execute("SELECT comment FROM duckdb_tables()").fetchone()
    assert columns == [
        ("symbol", "VARCHAR", False, "ticker of the trade's stock"),
        ("order", "BIGINT", False, "number of the order"),
        ("price", "DOUBLE", True, "price paid [dollars]"),
    ]
    assert comment == ("The broker's trades",)
    assert "PARTITIONED" not in " ".join(TRADES.ddl())
    partitioned = replace(TRADES, partition=("symbol", "year(ts)")).ddl()
    assert "ALTER TABLE gold.trades SET PARTITIONED BY (symbol, year(ts))" in partitioned


def test_a_key_and_an_order_name_columns_of_the_table() -> None:
    for changes in ({"key": ("symbl",)}, {"sort": ("symbl",)}):
        with pytest.raises(InvalidRequest) as caught:
            replace(TRADES, **changes)
        assert "gold.trades" in caught.value.message
        assert "symbol" in caught.value.hint
    with pytest.raises(InvalidRequest, match=r"unknown column of gold\.trades 'prize'"):
        TRADES.column("prize")


def test_a_changed_column_keeps_the_rest() -> None:
    price = TRADES.column("price")
    changed = price.replace(nullable=False)
    assert (changed.nullable, changed.unit, changed.above) == (False, "dollars", 0)
    assert price.nullable


def test_the_check_of_a_rule_names_the_column_that_it_is_about() -> None:
    assert Rule("negative", "price < 0", "x", "price").check == "price_negative"
    assert Rule("high_low", "high >= low", "x").check == "high_low"
