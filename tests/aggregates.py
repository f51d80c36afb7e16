"""The minimum, maximum and counts of every column: as SQL says, and as the rows read in full do."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import duckdb

from pipelines.contracts.schema import Table, quoted
from pipelines.lake import Lake


def wrong_answers(lake: Lake, tables: Iterable[Table] = ()) -> list[str]:
    """Each answer of SQL on a whole column that the column's rows contradict."""
    differences = []
    with lake.view() as view, closing(duckdb.connect()) as plain:
        for table in tables or lake.tables:
            plain.register("all_rows", view.sql(f"FROM {table.full_name}"))
            # DuckDB takes all answers of a query from statistics or none, and of some types never.
            alike = [
                [quoted(column.name) for column in table.columns if column.type == kind]
                for kind in sorted({column.type for column in table.columns})
            ]
            columns = [quoted(name) for name in table.column_names]
            for question in (
                "count(*)",
                *(", ".join(f"min({name}), max({name})" for name in names) for names in alike),
                ", ".join(f"count({name})" for name in columns),
                ", ".join(f"count(DISTINCT {name})" for name in columns),
            ):
                answer = view.rows(f"SELECT {question} FROM {table.full_name}")
                right = plain.execute(f"SELECT {question} FROM all_rows").fetchall()
                if answer != right:
                    differences.append(f"{table.full_name}: {question} is {answer}, not {right}")
    return differences
