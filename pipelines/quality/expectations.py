"""Check the table contracts with Great Expectations.

The checks that stop a run are SQL (pipelines/quality/checks.py). Here the same contracts are
checked a second way, over the newest rows; pipelines/quality/data_docs.py writes them as pages.
The library takes seconds to import, so it is imported inside functions, and never between a bar's
close and the signal.
"""

from __future__ import annotations

import html
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.contracts.tables import Column, Table, quoted
from pipelines.lake import Lake
from pipelines.quality.checks import EXAMPLES, Verdict, violations

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.data_context import EphemeralDataContext

NEWEST = 200_000  # rows of a table that are checked, the newest first
SITE = "site"
INFINITE = (float("inf"), float("-inf"))

# The pandas type of each DuckDB type that has exactly one.
PANDAS_TYPES = {"VARCHAR": "str", "DOUBLE": "float64", "BIGINT": "int", "BOOLEAN": "bool"} | {
    "TIMESTAMPTZ": "Timestamp",
    "DATE": "datetime64",
    "BLOB": "bytes",
}


# -- the suite


def suite_for(declared: Table) -> ExpectationSuite:
    """Build a table's contract as a suite; `check` in the meta is the check's name in checks.py."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    expectations: list[Any] = []

    def add(check: str, expectation: Any, words: str) -> None:
        # The pages treat a description as an HTML template.
        expectation.description = html.escape(words).replace("$", "$$")
        expectation.meta = {"check": check, "number": len(expectations)}
        expectations.append(expectation)

    add("not_empty", gxe.ExpectTableRowCountToBeBetween(min_value=1), "there are rows")
    columns = [*declared.column_names, *(f"rule_{rule.name}" for rule in declared.rules)]
    column_set = gxe.ExpectTableColumnsToMatchSet(column_set=columns, exact_match=True)
    add("columns", column_set, f"the columns, and one for each rule, are {', '.join(columns)}")
    for column in declared.columns:
        if kind := PANDAS_TYPES.get(column.type):
            of_type = gxe.ExpectColumnValuesToBeOfType(column=column.name, type_=kind)
            add("types", of_type, f"{column.name} is of type {column.type}")
    for column in declared.columns:
        # strict: a kind of violation without an expectation here must not go unchecked.
        for violation, pairs in zip(
            violations([column]), _column_expectations(column), strict=True
        ):
            for expectation, words in pairs:
                add(violation.check, expectation, words)
    for rule in declared.rules:
        is_true = gxe.ExpectColumnValuesToBeInSet(column=f"rule_{rule.name}", value_set=[True])
        add(rule.check, is_true, f"{rule.meaning}: {rule.sql}")
    unique = (
        gxe.ExpectColumnValuesToBeUnique(column=declared.key[0])
        if len(declared.key) == 1
        else gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(declared.key), ignore_row_if="never"
        )
    )
    add("unique_key", unique, f"no two rows share {', '.join(declared.key)}")
    notes = {"format": "string", "content": [html.escape(declared.meaning)]}
    return gx.ExpectationSuite(
        name=declared.full_name, meta={"notes": notes}, expectations=expectations
    )


def _column_expectations(column: Column) -> list[list[tuple[Any, str]]]:
    """Return the expectations of a column with descriptions: a list for each violation."""
    import great_expectations.expectations as gxe

    name = column.name
    meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
    expectations: list[list[tuple[Any, str]]] = []
    not_null = (gxe.ExpectColumnValuesToNotBeNull(column=name), f"{name} is there: {meaning}")
    if column.type == "DOUBLE":
        largest = sys.float_info.max
        finite = gxe.ExpectColumnValuesToBeBetween(
            column=name, min_value=-largest, max_value=largest
        )
        words = f"{name} is a finite number (NaN is shown as inf): {meaning}"
        expectations.append([(finite, words), *([] if column.nullable else [not_null])])
    elif not column.nullable:
        expectations.append([not_null])
    for bound, words, limits in (
        (column.above, "above", {"min_value": column.above, "strict_min": True}),
        (column.low, "at least", {"min_value": column.low}),
        (column.high, "at most", {"max_value": column.high}),
    ):
        if bound is not None:
            between = gxe.ExpectColumnValuesToBeBetween(column=name, **limits)
            expectations.append([(between, f"{name} is {words} {bound:g}: {meaning}")])
    if column.among:
        in_set = gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.among))
        expectations.append([(in_set, f"{name} is one of {', '.join(column.among)}: {meaning}")])
    return expectations


# -- the verdicts


def validate(
    lake: Lake, declared: Table, where: str = "true", newest: int = NEWEST
) -> list[Verdict]:
    """Check a table's contract on its newest rows, or on the newest that match `where`."""
    with lake.view() as view:
        return validate_relation(view.connection, declared, window(declared, where, newest))


def validate_relation(
    connection: duckdb.DuckDBPyConnection, declared: Table, relation: str
) -> list[Verdict]:
    """Check a table's contract on every row of a relation."""
    return run_suite(build_context(None), declared, read_frame(connection, declared, relation))


def read_frame(
    connection: duckdb.DuckDBPyConnection, declared: Table, relation: str
) -> pd.DataFrame:
    """Read a relation's rows into pandas, with one more column for each rule.

    Pandas cannot tell NULL from NaN. A NaN is therefore read as infinity: that is no finite
    number either, and DuckDB sorts NaN there too, so that bounds give the same verdict.
    """
    conversions = {
        "DOUBLE": "CASE WHEN isnan({0}) THEN 'infinity'::DOUBLE ELSE {0} END AS {0}",
        # The pages show values unescaped: a source must not be able to put HTML there.
        "VARCHAR": "replace(replace(replace({0}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS {0}",
    }
    replacements = [
        conversions[c.type].format(quoted(c.name))
        for c in declared.columns
        if c.type in conversions
    ]
    replace_clause = f"REPLACE ({', '.join(replacements)})" if replacements else ""
    rules = "".join(f", coalesce({r.sql}, true) AS rule_{r.name}" for r in declared.rules)
    arrow = connection.execute(f"SELECT * {replace_clause}{rules} FROM {relation}").to_arrow_table()
    # As objects, integers stay exact in a column with NULL.
    rows: pd.DataFrame = arrow.to_pandas(date_as_object=False, integer_object_nulls=True)
    return rows


def window(declared: Table, where: str, newest: int) -> str:
    order = "ORDER BY batch DESC" if "batch" in declared.column_names else ""
    return f"(SELECT * FROM {declared.full_name} WHERE {where} {order} LIMIT {int(newest)})"


def build_context(site: Path | None) -> EphemeralDataContext:
    """Build a context in memory, without any network; its pages go to `site`."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    builder = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(site),
        },
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={SITE: builder} if site else {},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def run_suite(context: EphemeralDataContext, declared: Table, rows: pd.DataFrame) -> list[Verdict]:
    import great_expectations as gx

    name = declared.full_name
    asset = context.data_sources.add_pandas(name).add_dataframe_asset("rows")
    definition = gx.ValidationDefinition(
        name=name,
        data=asset.add_batch_definition_whole_dataframe("newest"),
        suite=context.suites.add(suite_for(declared)),
    )
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": rows},
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
    )
    context.data_sources.delete(
        name
    )  # it would keep the rows in memory until the last table is done
    checks: dict[str, list[Any]] = {}
    for check_result in sorted(result.results, key=lambda r: r.expectation_config.meta["number"]):
        checks.setdefault(check_result.expectation_config.meta["check"], []).append(check_result)
    return [_verdict(declared, check, results, rows) for check, results in checks.items()]


def _verdict(declared: Table, check: str, results: list[Any], rows: pd.DataFrame) -> Verdict:
    total = len(rows)
    failed = [result for result in results if not result.success]
    offenders = sum(int(r.result.get("unexpected_count", 0)) for r in failed)
    columns = [c for c in rows.columns if c in declared.column_names]
    places = [p for r in failed for p in r.result.get("partial_unexpected_index_list") or []]
    if not total:
        detail = "there are no rows at all"
    elif offenders and check != "types":
        detail = f"{offenders} of {total} rows break it"
    elif failed:
        detail = "not so: " + "; ".join(html.unescape(_describe(r)) for r in failed)
    else:
        detail = f"all {total} rows pass"
    return Verdict(
        declared.full_name,
        check,
        "blocking",
        total > 0 and not failed,
        total,
        offenders,
        _as_json(rows[columns].iloc[places[:EXAMPLES]]) if places else "[]",
        detail,
    )


def _describe(result: Any) -> str:
    """Return what was expected, and why it could not be checked, if so."""
    # One error, or one for each metric that could not be computed.
    errors = [result.exception_info, *result.exception_info.values()]
    messages = [e.get("exception_message") for e in errors if isinstance(e, dict)]
    return ": ".join(filter(None, [result.expectation_config.description, *messages]))


def _as_json(rows: pd.DataFrame) -> str:
    def json_value(value: Any) -> Any:
        if isinstance(value, float | datetime):  # NaN and NaT are NULL, and JSON has no infinity
            return None if value != value else str(value) if value in INFINITE else value
        return html.unescape(value) if isinstance(value, str) else value

    records = [{k: json_value(v) for k, v in row.items()} for row in rows.to_dict("records")]
    return json.dumps(records, default=str)
