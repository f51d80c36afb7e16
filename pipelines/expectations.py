"""The table contracts held by Great Expectations, and its Data Docs.

The checks that stop a run are SQL (pipelines/checks.py). The same contracts are held here in
a second way, over a stated window of rows, and written as pages for analysts. Its import
takes seconds, so it happens inside functions, and never between a bar's close and the signal.
"""

from __future__ import annotations

import html
import json
import math
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.checks import EXAMPLES, Verdict, as_table, enforce, not_empty, violations
from pipelines.errors import InvalidRequest
from pipelines.lake import Lake, View
from pipelines.settings import ROOT
from pipelines.tables import SILVER_BARS, TABLES, Column, Table, quoted

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.data_context import EphemeralDataContext

NEWEST = 200_000  # rows of a table that are looked at, the newest first
DOCUMENTED = tuple(t for t in TABLES if t.schema in ("silver", "gold"))
REQUIRED = (SILVER_BARS,)  # being empty is a failure here, and only worth a word elsewhere
SUFFIX = "_gx"  # tells these verdicts from those of the SQL in gold.checks
SITE = "site"
MARKER = ".bullion-docs"  # a folder without it was not made here, and is never replaced

# What pandas makes of DuckDB's types; lists have no type of their own there.
PANDAS_TYPES = {
    "VARCHAR": ["str"],
    "DOUBLE": ["float64"],
    "BIGINT": ["int64", "int"],
    "INTEGER": ["int32", "int"],
    "BOOLEAN": ["bool"],
    "TIMESTAMPTZ": ["Timestamp"],
    "DATE": ["datetime64"],
    "BLOB": ["bytes"],
}


# -- the suite


def suite_for(declared: Table) -> ExpectationSuite:
    """A table's contract as expectations; `check` in their meta is the name checks.py gives."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    rules = [f"rule_{rule.name}" for rule in declared.rules]
    columns = [*declared.column_names, *rules]
    listed = ", ".join(declared.key)
    if len(declared.key) == 1:
        unique = gxe.ExpectColumnValuesToBeUnique(column=declared.key[0])
    else:
        unique = gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(declared.key), ignore_row_if="never"
        )
    # pairs of a check's name and one expectation; a check may have two
    pairs: list[tuple[str, Any]] = [
        ("not_empty", _said(gxe.ExpectTableRowCountToBeBetween(min_value=1), "there are rows")),
        (
            "columns",
            _said(
                gxe.ExpectTableColumnsToMatchSet(column_set=columns, exact_match=True),
                "the columns are those of the contract, and one for each rule: "
                + ", ".join(columns),
            ),
        ),
    ]
    for column in declared.columns:
        if types := PANDAS_TYPES.get(column.type):
            typed = gxe.ExpectColumnValuesToBeInTypeList(column=column.name, type_list=types)
            pairs.append(("types", _said(typed, f"{column.name} is of type {column.type}")))
    seen: dict[str, int] = {}
    for column in declared.columns:
        # strict: a kind of violation that is not known here must not pass unheld.
        for violation, held in zip(violations([column]), _held(column), strict=True):
            name = _numbered(violation.name, seen)
            pairs += [(name, expectation) for expectation in held]
    for rule, column_name in zip(declared.rules, rules, strict=True):
        met = gxe.ExpectColumnValuesToBeInSet(column=column_name, value_set=[True])
        said = _said(met, f"{rule.meaning}: {rule.sql}")
        pairs.append((_numbered(rule.name, seen), said))
    pairs.append(("unique_key", _said(unique, f"no two rows share {listed}")))
    suite = gx.ExpectationSuite(
        name=declared.full_name,
        meta={"notes": {"format": "string", "content": [html.escape(declared.meaning)]}},
    )
    for number, (name, expectation) in enumerate(pairs):
        expectation.meta = {"check": name, "number": number}
        suite.add_expectation(expectation)
    return suite


def _held(column: Column) -> list[list[Any]]:
    """The expectations of one column, a list for each of its violations and in their order."""
    import great_expectations.expectations as gxe

    name = column.name
    meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
    held: list[list[Any]] = []
    there = _said(gxe.ExpectColumnValuesToNotBeNull(column=name), f"{name} is there: {meaning}")
    if column.type == "DOUBLE":
        most = sys.float_info.max
        finite = gxe.ExpectColumnValuesToBeBetween(column=name, min_value=-most, max_value=most)
        told = f"{name} is a finite number (NaN is shown as inf): {meaning}"
        held.append([_said(finite, told), *([] if column.nullable else [there])])
    elif not column.nullable:
        held.append([there])
    bounds: list[tuple[float | None, str, dict[str, Any]]] = [
        (column.above, "above", {"min_value": column.above, "strict_min": True}),
        (column.low, "at least", {"min_value": column.low}),
        (column.high, "at most", {"max_value": column.high}),
    ]
    for bound, words, limits in bounds:
        if bound is not None:
            within = gxe.ExpectColumnValuesToBeBetween(column=name, **limits)
            held.append([_said(within, f"{name} is {words} {bound:g}: {meaning}")])
    if column.among:
        known = gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.among))
        held.append([_said(known, f"{name} is one of {', '.join(column.among)}: {meaning}")])
    return held


def _said(expectation: Any, words: str) -> Any:
    """The expectation with words that the pages show; they take them for a template in HTML."""
    expectation.description = html.escape(words).replace("$", "$$")
    return expectation


def _numbered(name: str, seen: dict[str, int]) -> str:
    """The n-th check of a name gets its number, as in checks.contract_checks."""
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}_{seen[name]}"


# -- the verdicts


def validate(
    lake: Lake, declared: Table, where: str = "true", newest: int = NEWEST
) -> list[Verdict]:
    """Hold a table's contract over its newest rows, or the newest of those `where` names."""
    with lake.view() as view:
        return validate_relation(view.connection, declared, _window(declared, where, newest))


def validate_relation(
    connection: duckdb.DuckDBPyConnection, declared: Table, relation: str
) -> list[Verdict]:
    """Hold a table's contract over every row of a relation."""
    return _run(_context(None), declared, frame(connection, declared, relation))


def frame(connection: duckdb.DuckDBPyConnection, declared: Table, relation: str) -> pd.DataFrame:
    """A relation's rows as pandas holds them, and a column for each rule.

    Pandas cannot tell NULL from NaN. A NaN therefore goes in as infinity: that is no number
    either, and DuckDB orders NaN there too, so that bounds judge it alike.
    """
    numbers = [quoted(c.name) for c in declared.columns if c.type == "DOUBLE"]
    finite = ", ".join(
        f"CASE WHEN isnan({n}) THEN 'infinity'::DOUBLE ELSE {n} END AS {n}" for n in numbers
    )
    replaced = f"REPLACE ({finite})" if finite else ""
    rules = "".join(f", coalesce({r.sql}, true) AS rule_{r.name}" for r in declared.rules)
    rows = connection.execute(f"SELECT * {replaced}{rules} FROM {relation}").to_arrow_table()
    # As objects, integers stay exact beside a NULL.
    return rows.to_pandas(date_as_object=False, integer_object_nulls=True)


def _window(declared: Table, where: str, newest: int) -> str:
    order = "ORDER BY batch DESC" if "batch" in declared.column_names else ""
    return f"(SELECT * FROM {declared.full_name} WHERE {where} {order} LIMIT {int(newest)})"


def _context(site: Path | None) -> EphemeralDataContext:
    """A context that lives in memory and talks to nobody; its pages go to `site`."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)}
    builder = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": store,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={SITE: builder} if site else {},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _run(context: EphemeralDataContext, declared: Table, rows: pd.DataFrame) -> list[Verdict]:
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
    for one in sorted(result.results, key=lambda r: r.expectation_config.meta["number"]):
        checks.setdefault(one.expectation_config.meta["check"], []).append(one)
    return [_verdict(declared, check, results, rows) for check, results in checks.items()]


def _verdict(declared: Table, check: str, results: list[Any], rows: pd.DataFrame) -> Verdict:
    total = len(rows)
    if check == "not_empty":
        return not_empty(declared.full_name, total)
    failed = [one for one in results if not one.success]
    offenders = sum(int(one.result.get("unexpected_count", 0)) for one in failed)
    places = [p for one in failed for p in one.result.get("partial_unexpected_index_list") or []]
    if not total:
        detail = "there are no rows at all"
    elif offenders:
        detail = f"{offenders} of {total} rows break it"
    elif failed:
        detail = "not so: " + "; ".join(html.unescape(_words(one)) for one in failed)
    else:
        detail = f"all {total} rows pass"
    return Verdict(
        declared.full_name,
        check,
        "blocking",
        total > 0 and not failed,
        total,
        offenders,
        _as_json(rows.iloc[places[:EXAMPLES]]) if places else "[]",
        detail,
    )


def _words(result: Any) -> str:
    """What was expected, and why it could not be judged if that is what happened."""
    told = str(result.expectation_config.description)
    # One error, or one for each figure that could not be computed.
    errors = [result.exception_info, *result.exception_info.values()]
    said = [
        e["exception_message"] for e in errors if isinstance(e, dict) and e.get("exception_message")
    ]
    return f"{told} ({said[0]})" if said else told


def _as_json(rows: pd.DataFrame) -> str:
    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    shown = [{k: plain(v) for k, v in row.items()} for row in rows.to_dict("records")]
    return json.dumps(shown, default=str)


# -- the pages


@dataclass(frozen=True)
class Examined:
    """A table's verdicts, and the page that shows them."""

    table: Table
    verdicts: list[Verdict]
    page: str

    @property
    def failed(self) -> list[Verdict]:
        return [v for v in self.verdicts if not v.passed]


def docs_folder(lake: Lake) -> Path:
    """Beside the catalog; for a catalog on a server, in data_lake."""
    beside = Path(lake.target).parent if lake.kind == "sqlite" else ROOT / "data_lake"
    return beside / "docs"


def build_docs(
    lake: Lake,
    folder: Path | None = None,
    tables: Sequence[Table] = DOCUMENTED,
    newest: int = NEWEST,
) -> Path:
    """Hold the contracts, write Data Docs, record the verdicts, and return index.html.

    The pages stand and the verdicts are in gold.checks before a failed one raises CheckFailed.
    """
    folder = (folder or docs_folder(lake)).absolute()
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        raise InvalidRequest(
            f"{folder} holds something else than Data Docs", "name an empty or missing folder"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".docs-") as made:
        site = Path(made) / SITE
        with lake.view() as view:
            examined = _examine(view, site, tables, newest)
            (site / "index.html").write_text(_index(examined, view.snapshot, newest), "utf-8")
        verdicts = [v for one in examined for v in one.verdicts]
        # In the writers' turn, so that two runs do not replace the folder at once.
        with lake.write("docs") as writer:
            named = [replace(v, check=v.check + SUFFIX) for v in verdicts]
            writer.append("gold.checks", as_table(named, datetime.now(UTC)))
            shutil.rmtree(folder, ignore_errors=True)
            site.rename(folder)
    enforce(verdicts)
    return folder / "index.html"


def _examine(view: View, site: Path, tables: Sequence[Table], newest: int) -> list[Examined]:
    context = _context(site)
    examined: list[tuple[Table, list[Verdict]]] = []
    for declared in tables:
        rows = frame(view.connection, declared, _window(declared, "true", newest))
        if len(rows) or declared in REQUIRED:
            verdicts = _run(context, declared, rows)
        else:
            context.suites.add(suite_for(declared))
            verdicts = [replace(not_empty(declared.full_name, 0), kind="warning")]
        examined.append((declared, verdicts))
    context.build_data_docs(site_names=[SITE])
    shutil.rmtree(site / "static")  # logos, fonts and a film: none of the pages needs them
    (site / MARKER).touch()
    for page in site.rglob("*.html"):
        page.write_text(_offline(page.read_text("utf-8")), "utf-8")
    return [Examined(t, verdicts, _page(site, t)) for t, verdicts in examined]


def _page(site: Path, declared: Table) -> str:
    """The page with a table's results; without results, the one with what is expected."""
    folder = site / "validations" / declared.schema / declared.name
    pages = [
        *folder.rglob("*.html"),
        site / "expectations" / declared.schema / f"{declared.name}.html",
    ]
    return pages[0].relative_to(site).as_posix()


# The pages as they come load styles, fonts and scripts from six hosts. Here they need none, and
# their browser is told to load none: values of a source are shown on them.
HEAD = """<meta charset="UTF-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
table table { width: auto; }
th, td { border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left;
         vertical-align: top; overflow-wrap: anywhere; }
ul.nav { columns: 4; list-style: none; padding: 0; }
ol.breadcrumb { list-style: none; padding: 0; display: flex; gap: 1rem; }
a { color: #06c; }
.badge { background: #eee; border-radius: 4px; padding: 0 .3em; }
.failed, .text-danger { color: #b00020; }
.passed, .text-success { color: #1b6e3c; }
i.text-success::before { content: "passed"; }
i.text-danger::before { content: "failed"; }
.sticky > .card.mb-3, footer { display: none; }
code { font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>"""
LOADED = re.compile(
    r"<(script|style|footer)\b.*?</\1\s*>|<(?:link|img)\b[^>]*>", re.DOTALL | re.IGNORECASE
)


def _offline(page: str) -> str:
    return LOADED.sub("", page).replace("<head>", "<head>" + HEAD, 1)


def _index(examined: Sequence[Examined], snapshot: int, newest: int) -> str:
    """Our own first page: the one that comes with the site is empty without its scripts."""
    rows = "".join(_index_row(one) for one in examined)
    return f"""<!DOCTYPE html>
<html lang="en"><head><title>Bullion: Data Docs</title>{HEAD}</head><body>
<h1>Data Docs</h1>
<p>The contract of each table, held by Great Expectations over its newest {newest:,} rows at most,
in snapshot {snapshot} of the lake, at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.
Every verdict is also a row of <code>gold.checks</code>, its name ending in {SUFFIX}.</p>
<table><tr><th>table</th><th>rows</th><th>verdict</th><th>what failed</th></tr>{rows}</table>
</body></html>
"""


def _index_row(one: Examined) -> str:
    total = one.verdicts[0].rows_checked
    blocks = any(v.blocks for v in one.verdicts)
    verdict = "failed" if blocks else "passed" if total else "no rows"
    failed = "".join(
        f"<p><b>{html.escape(v.check)}</b>: {html.escape(v.detail)}<br>"
        f"<code>{html.escape(v.examples)}</code></p>"
        for v in one.failed
    )
    return (
        f'<tr><td><a href="{html.escape(one.page)}">{html.escape(one.table.full_name)}</a><br>'
        f"{html.escape(one.table.meaning)}</td><td>{total:,}</td>"
        f'<td class="{verdict}">{verdict}</td><td>{failed}</td></tr>'
    )
