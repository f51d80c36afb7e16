"""Pieces of SQL mean in DuckDB what they say."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.core.sql import previous_value, text_literal


@pytest.mark.parametrize("text", ["", "o'hara", "''", "a\nb", "; DROP TABLE x --"])
def test_a_text_comes_back_as_it_went_in(text: str) -> None:
    assert duckdb.sql(f"SELECT {text_literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("in_order", [True, False])
def test_the_previous_value_is_that_of_the_same_symbol(in_order: bool) -> None:
    rows = "VALUES ('A', 1, 10.0), ('A', 2, 11.0), ('B', 1, 20.0), ('B', 2, 21.0)"
    answer = duckdb.sql(
        f"SELECT close, {previous_value('close', in_order)} "
        f"FROM ({rows}) bars(symbol, ts, close) ORDER BY close"
    )
    assert answer.fetchall() == [(10.0, None), (11.0, 10.0), (20.0, None), (21.0, 20.0)]
