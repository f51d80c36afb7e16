"""Checks that follow from the table contracts, as SQL that DuckDB runs on every row.

A blocking check that fails stops the run: nothing downstream uses the rows. A warning is
recorded, and the run goes on. A table without rows passes no check.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import duckdb
import pyarrow as pa

from pipelines.contracts.tables import Column, Rule, Table, quoted
from pipelines.core.errors import CheckFailed
from pipelines.core.sql import previous_value
from pipelines.quality.check_list import PAGE, describe_check

Kind = Literal["blocking", "warning"]
EXAMPLES = 5
MOST_MISSING = 0.1  # share of the bars that the calendar has
COMPLETENESS: dict[Kind, str] = {
    "blocking": "missing_below_10_percent",
    "warning": "missing_of_sparse_below_10_percent",
}


@dataclass(frozen=True)
class Verdict:
    """The result of a check."""

    table_name: str
    check: str
    kind: Kind
    passed: bool
    rows_checked: int
    offenders: int
    examples: str
    detail: str

    @property
    def blocks(self) -> bool:
        return self.kind == "blocking" and not self.passed


def violations(columns: Iterable[Column], rules: Iterable[Rule] = ()) -> list[Rule]:
    """Return the ways to break a contract as rules: each SQL is true for a row that breaks it.

    The `meaning` of such a rule is SQL, too: an expression that says what is wrong.
    """
    broken_rules: list[Rule] = []
    for c in columns:
        name = quoted(c.name)

        def add(reason: str, broken: str, words: str, column: str = c.name) -> None:
            broken_rules.append(Rule(reason, broken, f"'{column} ' || {words}", column))

        value = f"coalesce({name}::VARCHAR, 'missing')"
        if c.type == "DOUBLE":
            endless = f"NOT isfinite({name})"
            add(
                "not_a_number",
                endless if c.nullable else f"{name} IS NULL OR {endless}",
                f"'is ' || {value}",
            )
        elif not c.nullable:
            add("missing", f"{name} IS NULL", "'is missing'")
        for sign, bound, reason, words in (
            ("<=", c.above, "not_positive" if c.above == 0 else "too_small", "above"),
            ("<", c.low, "negative" if c.low == 0 else "too_small", "at least"),
            (">", c.high, "too_large", "at most"),
        ):
            if bound is not None:
                add(
                    reason,
                    f"{name} {sign} {bound}",
                    f"'is ' || {value} || ', not {words} {bound:g}'",
                )
        if c.among:
            allowed = ", ".join(f"'{v}'" for v in c.among)
            add("unknown_value", f"{name} NOT IN ({allowed})", f"'is ' || {value}")
    for rule in rules:
        meaning = rule.meaning.replace("'", "''")
        broken_rules.append(
            Rule(rule.name, f"NOT coalesce({rule.sql}, true)", f"'it is not so that {meaning}'")
        )
    return broken_rules


def contract_checks(
    connection: duckdb.DuckDBPyConnection,
    declared: Table,
    relation: str,
    constant_columns: Sequence[str] = (),
) -> list[Verdict]:
    """Run every check of a table's contract over the rows of a relation.

    The columns in `constant_columns` have one value in all rows; the check of the key skips them.
    """
    rules = violations(declared.columns, declared.rules)
    counts = ", ".join(f"count(*) FILTER (WHERE {rule.sql})" for rule in rules)
    row = connection.execute(f"SELECT count(*), {counts} FROM {relation}").fetchone()
    assert row is not None
    total, *broken = (int(value) for value in row)
    verdicts = [not_empty(declared.full_name, total)]
    for rule, count in zip(rules, broken, strict=True):
        offending = f"SELECT * FROM {relation} WHERE {rule.sql}"
        verdicts.append(_verdict(connection, declared, rule.check, total, count, offending))
    verdicts.append(unique_key(connection, declared, relation, total, constant_columns))
    return verdicts


def some_stand(table_name: str, received: int, reasons: Counter[str]) -> Verdict:
    """Fail when every received row was rejected: the wrong time zone, a changed unit, ..."""
    rejected = reasons.total()
    summary = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
    all_rejected = received > 0 and rejected == received
    detail = (
        f"all {received} rows received were rejected: {summary}"
        if all_rejected
        else f"{received} rows"
    )
    return Verdict(
        table_name,
        "some_stand",
        "blocking",
        not all_rejected,
        received,
        rejected * all_rejected,
        "[]",
        detail,
    )


def not_empty(table_name: str, total: int) -> Verdict:
    detail = (
        f"{total} rows"
        if total
        else (
            "there are no rows at all: the exchange was closed, or the source has none of that span"
        )
    )
    return Verdict(table_name, "not_empty", "blocking", total > 0, total, 0, "[]", detail)


def unique_key(
    connection: duckdb.DuckDBPyConnection,
    declared: Table,
    relation: str,
    total: int,
    constant_columns: Sequence[str] = (),
) -> Verdict:
    names = [c for c in declared.key if c not in constant_columns]
    if total and is_strictly_increasing(connection, relation, names):
        return _verdict(connection, declared, "unique_key", total, 0, "")
    key = ", ".join(map(quoted, names))
    doubled = f"SELECT {key}, count(*) AS times FROM {relation} GROUP BY ALL HAVING times > 1"
    row = connection.execute(f"SELECT count(*) FROM ({doubled})").fetchone()
    assert row is not None
    return _verdict(connection, declared, "unique_key", total, int(row[0]), doubled)


def is_strictly_increasing(
    connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]
) -> bool:
    """Return whether a key increases from each row to the next, so that no key repeats.

    Most tables are in this order, and this costs a tenth of grouping the rows.
    """
    rises = "false"
    for name in map(quoted, reversed(names)):
        rises = f"({name} > lag({name}) OVER () OR ({name} = lag({name}) OVER () AND {rises}))"
    row = connection.execute(
        f"SELECT count(*) - count(*) FILTER (WHERE rises) FROM (SELECT {rises} AS rises "
        f"FROM {relation})"
    ).fetchone()
    assert row is not None
    return int(row[0]) <= 1  # the first row has no predecessor


def _verdict(
    connection: duckdb.DuckDBPyConnection,
    declared: Table,
    name: str,
    total: int,
    offenders: int,
    query: str,
    kind: Kind = "blocking",
) -> Verdict:
    examples = examples_of(connection, query) if offenders else "[]"
    detail = f"{offenders} of {total} rows break it" if offenders else f"all {total} rows pass"
    return Verdict(
        declared.full_name,
        name,
        kind,
        total > 0 and not offenders,
        total,
        offenders,
        examples,
        detail,
    )


def examples_of(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the first few rows of a query, as JSON."""
    rows = connection.execute(f"SELECT * FROM ({query}) LIMIT {EXAMPLES}").to_arrow_table()
    return json.dumps([{k: _json_value(v) for k, v in row.items()} for row in rows.to_pylist()])


def _json_value(value: object) -> object:
    """Return a value for JSON, which has no NaN, no infinity and no time: these become text."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    return value if isinstance(value, int | str | bool | None) else str(value)


def completeness(
    table_name: str, expected: Counter[str], missing: Counter[str], *, kind: Kind = "blocking"
) -> Verdict:
    """Compare rows with the calendar: fewer than a tenth of the expected bars may be missing."""
    due, absent, worst = expected.total(), missing.total(), missing.most_common(3)
    share = absent / due if due else 1.0
    detail = f"{absent} of {due} bars of the calendar are missing ({share:.1%})"
    if worst:
        detail += ", most of " + ", ".join(f"{symbol} ({count})" for symbol, count in worst)
    return Verdict(
        table_name,
        COMPLETENESS[kind],
        kind,
        due > 0 and share < MOST_MISSING,
        due,
        absent,
        json.dumps([{"symbol": s, "missing": n} for s, n in worst]),
        detail,
    )


def stream_agreement(table_name: str, settled: int, differing: int) -> Verdict:
    """Warn of bars that were built from the stream and have other prices than the source's own."""
    detail = f"{differing:,} of {settled:,} bars built from the stream differ from the source's own"
    passed = differing == 0
    return Verdict(
        table_name, "stream_agreement", "warning", passed, settled, differing, "[]", detail
    )


def outliers(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    table_name: str,
    total: int,
    in_order: bool = False,
) -> Verdict:
    """Find returns beyond five deviations: worth a look, no reason to stop.

    `relation` has symbol, ts, close and `fresh`. `total` of its rows are fresh and are checked;
    the others only serve to estimate the deviation. `in_order` says that the rows are ordered by
    symbol and time.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE outlying AS
        WITH steps AS {"" if in_order else "MATERIALIZED"} (
            SELECT symbol, ts, close, fresh,
                   height - {previous_value("height", in_order)} AS log_return
            FROM (SELECT *, ln(close) AS height FROM {relation})
        ), spread AS (
            SELECT symbol, nullif(stddev(log_return), 0) AS deviation FROM steps GROUP BY symbol
        )
        SELECT symbol, ts, close, log_return, log_return / deviation AS deviations
        FROM steps JOIN spread USING (symbol)
        WHERE fresh AND abs(log_return / deviation) > 5""")
    row = connection.execute("SELECT count(*) FROM outlying").fetchone()
    assert row is not None
    count = int(row[0])
    worst = "SELECT * FROM outlying ORDER BY abs(deviations) DESC"
    return Verdict(
        table_name,
        "returns_within_5_deviations",
        "warning",
        total > 0 and not count,
        total,
        count,
        examples_of(connection, worst) if count else "[]",
        f"{count} of {total} returns lie beyond five deviations of the bars around them",
    )


def merge_verdicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Merge the verdicts of one check on several groups of rows into one."""
    merged_verdicts: dict[tuple[str, str], Verdict] = {}
    for v in verdicts:
        key = (v.table_name, v.check)
        if (previous := merged_verdicts.get(key)) is None:
            merged_verdicts[key] = v
            continue
        rows, offenders = previous.rows_checked + v.rows_checked, previous.offenders + v.offenders
        examples = [*json.loads(previous.examples), *json.loads(v.examples)][:EXAMPLES]
        merged_verdicts[key] = replace(
            v,
            passed=previous.passed and v.passed,
            rows_checked=rows,
            offenders=offenders,
            examples=json.dumps(examples),
            detail=f"{offenders} of {rows} rows break it" if offenders else f"all {rows} rows pass",
        )
    return list(merged_verdicts.values())


def as_table(verdicts: Sequence[Verdict], checked_at: datetime) -> pa.Table:
    """Return the verdicts as rows of gold.checks."""
    columns = list(Verdict.__dataclass_fields__)
    values = {name: [getattr(v, name) for v in verdicts] for name in columns}
    values["checked_at"] = [checked_at] * len(verdicts)
    return pa.table(values)


def enforce(verdicts: Sequence[Verdict], outcome: str = "nothing was changed") -> None:
    """Raise CheckFailed if blocking checks failed, with the offending rows and what to do.

    `outcome` says what became of the rows: who reads that a check failed asks that first.
    """
    failed = [v for v in verdicts if v.blocks]
    if failed:
        examples = [(v, v.examples if v.offenders else "") for v in failed]
        lines = [f"{v.table_name} {v.check}: {v.detail} {rows}".rstrip() for v, rows in examples]
        remedies = dict.fromkeys(describe_check(v.check).remedy for v in failed)
        raise CheckFailed(
            f"{outcome}; these checks failed:\n  " + "\n  ".join(lines),
            f"{'; '.join(remedies)}. Each check is explained in {PAGE}; all verdicts: "
            "SELECT * FROM gold.checks WHERE NOT passed ORDER BY checked_at DESC",
        )
