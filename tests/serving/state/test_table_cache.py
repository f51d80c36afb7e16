"""A table that is computed once for a snapshot."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.lake import Lake, View
from serving.state.reader import Reader
from serving.state.table_cache import TableCache
from tests.lake_rows import replace_series


def test_a_query_runs_once_for_a_snapshot(lake: Lake) -> None:
    reader, runs = Reader(), list[int]()
    cache = TableCache(reader)

    def count(view: View) -> pa.Table:
        runs.append(view.snapshot)
        return view.sql("SELECT count(*) AS series FROM silver.series")

    def read(name: str = "series") -> int:
        with reader.view() as view:
            value: int = cache.read(view, name, count)["series"][0].as_py()
            return value

    before = read()
    assert (read(), len(runs)) == (before, 1)
    read("other")
    assert len(runs) == 2
    replace_series(lake, ["AAA", "BBB"])
    assert (read(), len(runs)) == (before + 2, 3)
    # A catalog that was restored may have the number of another one.
    reader.catalog_file = (0, 0)
    with reader.view() as view:
        reader.catalog_file = (0, 0)
        cache.read(view, "series", count)
    assert len(runs) == 4


def test_a_query_that_fails_is_tried_again(lake: Lake) -> None:
    reader = Reader()
    cache, failures = TableCache(reader), [ValueError("no"), None]

    def compute(view: View) -> pa.Table:
        failure = failures.pop(0)
        if failure:
            raise failure
        return view.sql("SELECT 1 AS one")

    with reader.view() as view:
        with pytest.raises(ValueError, match="no"):
            cache.read(view, "one", compute)
        assert cache.read(view, "one", compute)["one"].to_pylist() == [1]
    assert failures == []
