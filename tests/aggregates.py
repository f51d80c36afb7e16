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
            questions = _list_questions(table)
            everything = ", ".join(part for parts in questions for part in parts)
            [rights] = plain.execute(f"SELECT {everything} FROM all_rows").fetchall()
            start = 0
            for parts in questions:
                question, right = ", ".join(parts), rights[start : start + len(parts)]
                start += len(parts)
                answer = view.rows(f"SELECT {question} FROM {table.full_name}")
                if answer != [right]:
                    differences.append(f"{table.full_name}: {question} is {answer}, not {right}")
    return differences


def _list_questions(table: Table) -> list[list[str]]:
    """List what is asked of a table, one query each.

    DuckDB takes all answers of a query from statistics or none, and of some types never.
    """
    kinds = sorted({column.type for column in table.columns})
    names_of_kinds = [[quoted(c.name) for c in table.columns if c.type == kind] for kind in kinds]
    names = [quoted(name) for name in table.column_names]
    return [
        ["count(*)"],
        *([f"{f}({name})" for name in alike for f in ("min", "max")] for alike in names_of_kinds),
        [f"count({name})" for name in names],
        [f"count(DISTINCT {name})" for name in names],
    ]
