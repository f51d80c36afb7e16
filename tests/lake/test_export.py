"""A schema is exported as plain files, all of one snapshot."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.lake.export import export_schema
from tests.lake_rows import replace_series


def test_the_files_have_the_rows_of_the_snapshot(lake: Lake, tmp_path: Path) -> None:
    first = replace_series(lake, ["A", "B"], "1")
    replace_series(lake, ["A"], "2")
    folder = tmp_path / "an analyst's"
    counts = dict(export_schema(lake, folder, schema="silver", snapshot=first))
    assert counts["silver.series"] == 2
    assert counts.keys() == {t.full_name for t in lake.tables if t.schema == "silver"}
    query = "SELECT symbol, calendar FROM {} ORDER BY ALL"
    with duckdb.connect(str(folder / "silver.duckdb"), read_only=True) as single:
        file = folder / "silver" / "series.parquet"
        parquet = single.read_parquet(str(file)).query("parquet", query.format("parquet"))
        assert parquet.fetchall() == [("A", "1"), ("B", "1")]
        assert single.execute(query.format("series")).fetchall() == [("A", "1"), ("B", "1")]


def test_nothing_is_written_over_what_is_there(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder, schema, message in (
        (tmp_path, "gold", "is not empty"),
        (tmp_path / "mine.txt", "gold", "is a file"),
        (tmp_path / "new", "golden", "unknown schema 'golden'"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            list(export_schema(lake, folder, schema=schema))
    assert [path.name for path in tmp_path.iterdir() if path.name != "lake"] == ["mine.txt"]
