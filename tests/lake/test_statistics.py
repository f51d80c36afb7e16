"""The minimum, maximum and count of a column are those of its rows, after any write or delete."""

from __future__ import annotations

from pipelines.contracts.meta import CHECKSUMS
from pipelines.contracts.silver import SERIES
from pipelines.contracts.tables import TABLES, Table, quoted
from pipelines.lake import Lake, Writer
from pipelines.lake.compaction import compact
from tests.aggregates import wrong_answers
from tests.lake_rows import keep_snapshot, list_symbols, replace_series, series

# A value of each type that grows with a row's number `i`; texts name partitions, hence few of them.
VALUES = {
    "VARCHAR": "'v' || lpad((i // 500)::VARCHAR, 4, '0')",
    "BLOB": "encode('v' || lpad(i::VARCHAR, 4, '0'))",
    "BOOLEAN": "i > 1500",
    "DATE": "DATE '2026-01-01' + i::INTEGER",
    "TIMESTAMPTZ": "TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL 1 HOUR",
    "TIMESTAMPTZ[]": "[TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL 1 HOUR]",
    "VARCHAR[]": "['v' || lpad(i::VARCHAR, 4, '0')]",
    "MAP(VARCHAR, DOUBLE)": "MAP {'a': i}",
}


def insert(writer: Writer, table: Table, low: int, high: int) -> None:
    """Insert the rows from `low` to `high`; each third has NULL where the table allows it."""
    columns = []
    for column in table.columns:
        value = f"({VALUES.get(column.type, 'i')})::{column.type}"
        if column.nullable:
            value = f"CASE WHEN i % 3 > 0 THEN {value} END"
        columns.append(f"{value} AS {quoted(column.name)}")
    rows = writer.connection.sql(f"SELECT {', '.join(columns)} FROM range({low}, {high}) r(i)")
    writer.append(table.full_name, rows)


def delete_from(writer: Writer, table: Table, low: int) -> None:
    """Delete the rows from number `low` on."""
    column = table.column(table.key[0])
    value = f"({VALUES.get(column.type, 'i')})::{column.type}"
    lowest = f"(SELECT {value} FROM range({low}, {low + 1}) r(i))"
    writer.delete(table.full_name, f"{quoted(column.name)} >= {lowest}")


def test_minimum_maximum_and_counts_are_those_of_the_rows(lake: Lake) -> None:
    for low, high in ((500, 505), (1000, 2200)):  # to the catalog, and to files
        with lake.write() as writer:
            for table in TABLES:
                insert(writer, table, low, high)
    with lake.write() as writer:
        for table in TABLES:
            insert(writer, table, 3000, 3003)
            delete_from(writer, table, 3000)
    assert wrong_answers(lake) == []
    with lake.write() as writer:
        for table in TABLES:
            delete_from(writer, table, 2000)
    assert wrong_answers(lake) == []
    compact(lake)
    with lake.write() as writer:
        for table in TABLES:
            # The checksums of the lake's own files stay: without them nothing is read.
            all_rows = table.full_name != CHECKSUMS.full_name
            writer.delete(table.full_name, "true" if all_rows else "path LIKE 'v%'")
            insert(writer, table, 600, 603)
    assert wrong_answers(lake) == []


def test_a_table_never_written_has_no_minimum_and_no_maximum(lake: Lake) -> None:
    assert lake.rows("SELECT min(known_at), max(known_at) FROM gold.outcomes") == [(None, None)]
    assert wrong_answers(lake, (SERIES,)) == []


def test_a_row_written_and_deleted_in_one_commit_is_in_no_answer(lake: Lake) -> None:
    with lake.write() as writer:
        writer.append("silver.series", series(["A"], source="a"))
        writer.delete("silver.series", "source = 'a'")
    replace_series(lake, ["M"], source="m")
    assert wrong_answers(lake, (SERIES,)) == []


def test_a_compaction_takes_no_row_from_an_older_snapshot(lake: Lake) -> None:
    """DuckLake's rewrite narrowed the statistics, which it reads an older snapshot by as well."""
    first = replace_series(lake, list_symbols("A"), "old")
    keep_snapshot(lake, first, "model 1")
    for condition in ("symbol < 'A01000'", "symbol >= 'A01000'"):
        with lake.write() as writer:
            writer.delete("silver.series", condition)
    replace_series(lake, list_symbols("Z"), "new", source="z")
    question = "SELECT count(*) FROM silver.series {} WHERE symbol < 'M'"
    compact(lake)
    with lake.view(first) as view:
        assert view.rows(question.format("")) == [(len(list_symbols()),)]
    assert lake.rows(question.format(f"AT (VERSION => {first})")) == [(len(list_symbols()),)]
