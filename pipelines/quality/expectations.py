"""The table contracts held by Great Expectations.

The checks that stop a run are SQL (pipelines/quality/checks.py). The same contracts are held here
in a second way, over a stated window of rows; pipelines/quality/data_docs.py writes them as pages.
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

NEWEST = 200_000  # rows of a table that are looked at, the newest first
SITE = "site"
INFINITE = (float("inf"), float("-inf"))

# What pandas makes of DuckDB's types, where that is one thing.
PANDAS_TYPES = {"VARCHAR": "str", "DOUBLE": "float64", "BIGINT": "int", "BOOLEAN": "bool"} | {
    "TIMESTAMPTZ": "Timestamp",
    "DATE": "datetime64",
    "BLOB": "bytes",
}


# -- the suite


def suite_for(declared: Table) -> ExpectationSuite:
    """A table's contract as expectations; `check` in their meta is the name checks.py gives."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    expectations: list[Any] = []

    def hold(check: str, expectation: Any, words: str) -> None:
        # The pages take a description for a template in HTML.
        expectation.description = html.escape(words).replace("$", "$$")
        expectation.meta = {"check": check, "number": len(expectations)}
        expectations.append(expectation)

    hold("not_empty", gxe.ExpectTableRowCountToBeBetween(min_value=1), "there are rows")
    columns = [*declared.column_names, *(f"rule_{rule.name}" for rule in declared.rules)]
    same = gxe.ExpectTableColumnsToMatchSet(column_set=columns, exact_match=True)
    hold("columns", same, f"the columns, and one for each rule, are {', '.join(columns)}")
    for column in declared.columns:
        if kind := PANDAS_TYPES.get(column.type):
            typed = gxe.ExpectColumnValuesToBeOfType(column=column.name, type_=kind)
            hold("types", typed, f"{column.name} is of type {column.type}")
    for column in declared.columns:
        # strict: a kind of violation that is not known here must not pass unheld.
        for violation, several in zip(violations([column]), _expected(column), strict=True):
            for expectation, words in several:
                hold(violation.check, expectation, words)
    for rule in declared.rules:
        met = gxe.ExpectColumnValuesToBeInSet(column=f"rule_{rule.name}", value_set=[True])
        hold(rule.check, met, f"{rule.meaning}: {rule.sql}")
    unique = (
        gxe.ExpectColumnValuesToBeUnique(column=declared.key[0])
        if len(declared.key) == 1
        else gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(declared.key), ignore_row_if="never"
        )
    )
    hold("unique_key", unique, f"no two rows share {', '.join(declared.key)}")
    notes = {"format": "string", "content": [html.escape(declared.meaning)]}
    return gx.ExpectationSuite(
        name=declared.full_name, meta={"notes": notes}, expectations=expectations
    )


def _expected(column: Column) -> list[list[tuple[Any, str]]]:
    """What is expected of a column, in words too: a list for each violation, in their order."""
    import great_expectations.expectations as gxe

    name = column.name
    meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
    expectations: list[list[tuple[Any, str]]] = []
    there = (gxe.ExpectColumnValuesToNotBeNull(column=name), f"{name} is there: {meaning}")
    if column.type == "DOUBLE":
        most = sys.float_info.max
        finite = gxe.ExpectColumnValuesToBeBetween(column=name, min_value=-most, max_value=most)
        words = f"{name} is a finite number (NaN is shown as inf): {meaning}"
        expectations.append([(finite, words), *([] if column.nullable else [there])])
    elif not column.nullable:
        expectations.append([there])
    for bound, words, limits in (
        (column.above, "above", {"min_value": column.above, "strict_min": True}),
        (column.low, "at least", {"min_value": column.low}),
        (column.high, "at most", {"max_value": column.high}),
    ):
        if bound is not None:
            within = gxe.ExpectColumnValuesToBeBetween(column=name, **limits)
            expectations.append([(within, f"{name} is {words} {bound:g}: {meaning}")])
    if column.among:
        known = gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.among))
        expectations.append([(known, f"{name} is one of {', '.join(column.among)}: {meaning}")])
    return expectations


# -- the verdicts


def validate(
    lake: Lake, declared: Table, where: str = "true", newest: int = NEWEST
) -> list[Verdict]:
    """Hold a table's contract over its newest rows, or the newest of those `where` names."""
    with lake.view() as view:
        return validate_relation(view.connection, declared, window(declared, where, newest))


def validate_relation(
    connection: duckdb.DuckDBPyConnection, declared: Table, relation: str
) -> list[Verdict]:
    """Hold a table's contract over every row of a relation."""
    return run(context(None), declared, frame(connection, declared, relation))


def frame(connection: duckdb.DuckDBPyConnection, declared: Table, relation: str) -> pd.DataFrame:
    """A relation's rows as pandas holds them, and a column for each rule.

    Pandas cannot tell NULL from NaN. A NaN therefore goes in as infinity: that is no number
    either, and DuckDB orders NaN there too, so that bounds judge it alike.
    """
    conversions = {
        "DOUBLE": "CASE WHEN isnan({0}) THEN 'infinity'::DOUBLE ELSE {0} END AS {0}",
        # The pages show values as they come: a source must not be able to write HTML there.
        "VARCHAR": "replace(replace(replace({0}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS {0}",
    }
    changed = [
        conversions[c.type].format(quoted(c.name))
        for c in declared.columns
        if c.type in conversions
    ]
    replaced = f"REPLACE ({', '.join(changed)})" if changed else ""
    rules = "".join(f", coalesce({r.sql}, true) AS rule_{r.name}" for r in declared.rules)
    arrow = connection.execute(f"SELECT * {replaced}{rules} FROM {relation}").to_arrow_table()
    # As objects, integers stay exact beside a NULL.
    rows: pd.DataFrame = arrow.to_pandas(date_as_object=False, integer_object_nulls=True)
    return rows


def window(declared: Table, where: str, newest: int) -> str:
    order = "ORDER BY batch DESC" if "batch" in declared.column_names else ""
    return f"(SELECT * FROM {declared.full_name} WHERE {where} {order} LIMIT {int(newest)})"


def context(site: Path | None) -> EphemeralDataContext:
    """A context that lives in memory and talks to nobody; its pages go to `site`."""
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


def run(context: EphemeralDataContext, declared: Table, rows: pd.DataFrame) -> list[Verdict]:
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
    context.data_sources.delete(name)  # it would hold the rows until the last table is done
    checks: dict[str, list[Any]] = {}
    for judged in sorted(result.results, key=lambda r: r.expectation_config.meta["number"]):
        checks.setdefault(judged.expectation_config.meta["check"], []).append(judged)
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
        detail = "not so: " + "; ".join(html.unescape(_words(r)) for r in failed)
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


def _words(result: Any) -> str:
    """What was expected, and why it could not be judged if that is what happened."""
    # One error, or one for each figure that could not be computed.
    errors = [result.exception_info, *result.exception_info.values()]
    messages = [e.get("exception_message") for e in errors if isinstance(e, dict)]
    return ": ".join(filter(None, [result.expectation_config.description, *messages]))


def _as_json(rows: pd.DataFrame) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, float | datetime):  # NaN and NaT are NULL, and JSON has no infinity
            return None if value != value else str(value) if value in INFINITE else value
        return html.unescape(value) if isinstance(value, str) else value

    records = [{k: plain(v) for k, v in row.items()} for row in rows.to_dict("records")]
    return json.dumps(records, default=str)
