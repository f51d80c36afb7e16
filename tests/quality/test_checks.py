"""Checks read rows that lie in order without sorting them, and say the same."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.schema import Column, Table
from pipelines.quality.checks import is_strictly_increasing, outliers, unique_key
from tests.laws import law

KEYED = Table(
    "made",
    "rows",
    "Rows with a key",
    (Column("symbol", "VARCHAR", "name"), Column("ts", "BIGINT", "place")),
    key=("symbol", "ts"),
)
keys = st.lists(
    st.tuples(st.sampled_from(["A", "B", None]), st.integers(0, 9) | st.none()), max_size=9
)


def connected(**columns: list[object]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("rows", pa.table(columns))
    return connection


@law(25)
@given(keys | keys.map(lambda found: sorted(set(found), key=str)))
def test_a_key_that_climbs_is_unique_and_any_other_is_counted(
    key_values: list[tuple[str | None, int | None]],
) -> None:
    symbols = pa.array([s for s, _ in key_values], pa.string())
    connection = connected(symbol=symbols, ts=pa.array([t for _, t in key_values], pa.int64()))
    verdict = unique_key(connection, KEYED, "rows", len(key_values))
    doubled = {key for key in key_values if key_values.count(key) > 1}
    assert verdict.offenders == len(doubled)
    if is_strictly_increasing(connection, "rows", KEYED.key):
        assert not doubled


def test_rows_in_order_climb_over_many_blocks() -> None:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE rows AS SELECT chr(65 + (n // 90000)::INTEGER) AS symbol, n AS ts "
        "FROM range(270000) r(n)"
    )
    assert is_strictly_increasing(connection, "rows", KEYED.key)
    for swapped in (89999, 122879, 269999):  # the last of a symbol, of a row group, of all
        twice = f"(SELECT symbol, CASE WHEN ts = {swapped} THEN ts - 1 ELSE ts END AS ts FROM rows)"
        assert not is_strictly_increasing(connection, twice, KEYED.key)
        assert unique_key(connection, KEYED, twice, 270000).offenders == 1


@law(25)
@given(
    st.lists(st.floats(1, 1.01), min_size=30, max_size=60),
    st.sets(st.integers(0, 29), max_size=3),
    st.integers(0, 30),
)
def test_outliers_in_order_are_those_of_rows_sorted(
    closes: list[float], far: set[int], fresh: int
) -> None:
    prices = [close * (100 if n in far else 1) for n, close in enumerate(closes)]
    connection = connected(
        symbol=["A"] * 30 + ["B"] * (len(prices) - 30),
        ts=list(range(len(prices))),
        close=prices,
        fresh=[n >= fresh for n in range(len(prices))],
    )
    one, other = (
        outliers(connection, "rows", "made.rows", len(prices), in_order=lying)
        for lying in (True, False)
    )
    assert (one.offenders, one.passed, one.rows_checked) == (
        other.offenders,
        other.passed,
        other.rows_checked,
    )
