"""Data Docs: the checks of Great Expectations as pages that load nothing from outside."""

from __future__ import annotations

import html
import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.contracts.silver import SILVER_BARS
from pipelines.contracts.tables import Table
from pipelines.core.errors import InvalidRequest, cannot_write, writing_to
from pipelines.core.settings import ROOT
from pipelines.lake import Lake, View
from pipelines.quality.checks import Verdict, as_table, enforce, not_empty
from pipelines.quality.expectations import (
    NEWEST,
    SITE,
    build_context,
    read_frame,
    run_suite,
    suite_for,
    window,
)

DOCUMENTED = ("silver", "gold")
REQUIRED = (SILVER_BARS,)  # an empty one is a failure; any other empty table is a warning
SUFFIX = "_gx"  # distinguishes these verdicts from those of the SQL checks in gold.checks
MARKER = ".bullion-docs"  # a folder without it was not created here, and is never replaced


@dataclass(frozen=True)
class TableResult:
    """A table's verdicts, and the page that shows them."""

    table: Table
    verdicts: list[Verdict]
    page: str


def docs_folder(lake: Lake) -> Path:
    """Return the folder of the docs: next to the catalog; in data_lake if that is on a server."""
    parent = Path(lake.target).parent if lake.kind == "sqlite" else ROOT / "data_lake"
    return parent / "docs"


def build_docs(
    lake: Lake,
    folder: Path | None = None,
    tables: Sequence[Table] | None = None,
    newest: int = NEWEST,
) -> Path:
    """Check the contracts, write Data Docs, record the verdicts, and return index.html.

    A failed check raises CheckFailed only after the pages and the verdicts are written.
    """
    folder = (folder or docs_folder(lake)).absolute()
    if tables is None:
        tables = [table for table in lake.tables if table.schema in DOCUMENTED]
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        raise InvalidRequest(
            f"{folder} holds something else than Data Docs", "name an empty or missing folder"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".docs-") as temporary:
        site = Path(temporary) / SITE
        with lake.view() as view, writing_to(folder.parent):
            results = _examine(view, site, tables, newest)
            (site / "index.html").write_text(_index(results, view.snapshot, newest), "utf-8")
        verdicts = [v for result in results for v in result.verdicts]
        # Under the writers' lock, so that two runs do not replace the folder at once.
        with lake.write("docs") as writer:
            recorded_verdicts = [replace(v, check=v.check + SUFFIX) for v in verdicts]
            writer.append("gold.checks", as_table(recorded_verdicts, datetime.now(UTC)))
            shutil.rmtree(folder, ignore_errors=True)
            site.rename(folder)
    enforce(verdicts)
    return folder / "index.html"


def _examine(view: View, site: Path, tables: Sequence[Table], newest: int) -> list[TableResult]:
    site_context = build_context(site)
    table_verdicts: list[tuple[Table, list[Verdict]]] = []
    for declared in tables:
        rows = read_frame(view.connection, declared, window(declared, "true", newest))
        if len(rows) or declared in REQUIRED:
            verdicts = run_suite(site_context, declared, rows)
        else:
            site_context.suites.add(suite_for(declared))
            verdicts = [replace(not_empty(declared.full_name, 0), kind="warning")]
        table_verdicts.append((declared, verdicts))
    # The library logs the traceback of a page that it could not write, and goes on without it.
    logging.getLogger("great_expectations.render.renderer.site_builder").setLevel(logging.CRITICAL)
    site_context.build_data_docs(site_names=[SITE])
    shutil.rmtree(site / "static")  # logos, fonts and a video that no page needs
    (site / MARKER).touch()
    for page in site.rglob("*.html"):
        page.write_text(_strip_external(page.read_text("utf-8")), "utf-8")
    pages = [_page(site, t) for t, _ in table_verdicts]
    if missing := [page for page in pages if not (site / page).exists()]:
        raise cannot_write(site.parent.parent, f"Great Expectations made no {missing[0]}")
    return [TableResult(t, v, page) for (t, v), page in zip(table_verdicts, pages, strict=True)]


def _page(site: Path, declared: Table) -> str:
    """Return the page with a table's results; without results, the page of its expectations."""
    folder = site / "validations" / declared.schema / declared.name
    pages = [
        *folder.rglob("*.html"),
        site / "expectations" / declared.schema / f"{declared.name}.html",
    ]
    return pages[0].relative_to(site).as_posix()


# The original pages load styles, fonts and scripts from six hosts. Here they need none, and the
# policy forbids the browser to load any: the pages show values that come from a source.
HEAD = """<meta charset="UTF-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left;
         vertical-align: top; overflow-wrap: anywhere; }
ul.nav { columns: 4; list-style: none; padding: 0; }
ol.breadcrumb { list-style: none; padding: 0; display: flex; gap: 1rem; }
.badge { background: #eee; border-radius: 4px; padding: 0 .3em; }
.failed, .text-danger { color: #b00020; } i.text-danger::before { content: "failed"; }
.passed, .text-success { color: #1b6e3c; } i.text-success::before { content: "passed"; }
.sticky > .card.mb-3, footer { display: none; }
code { font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>"""
EXTERNAL = re.compile(
    r"<(script|style|footer)\b.*?</\1\s*>|<(?:link|img)\b[^>]*>", re.DOTALL | re.IGNORECASE
)


def _strip_external(page: str) -> str:
    return EXTERNAL.sub("", page).replace("<head>", "<head>" + HEAD, 1)


def _index(results: Sequence[TableResult], snapshot: int, newest: int) -> str:
    """Build the first page: that of Great Expectations is empty without its scripts."""
    rows = "".join(_index_row(result) for result in results)
    return f"""<!DOCTYPE html>
<html lang="en"><head><title>Bullion: Data Docs</title>{HEAD}</head><body>
<h1>Data Docs</h1>
<p>The contract of each table, held by Great Expectations over its newest {newest:,} rows at most,
in snapshot {snapshot} of the lake, at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.
Every verdict is also a row of <code>gold.checks</code>, its name ending in {SUFFIX}.</p>
<table><tr><th>table</th><th>rows</th><th>verdict</th><th>what failed</th></tr>{rows}</table>
</body></html>
"""


def _index_row(result: TableResult) -> str:
    total = result.verdicts[0].rows_checked
    blocks = any(v.blocks for v in result.verdicts)
    verdict = "failed" if blocks else "passed" if total else "no rows"
    failed = "".join(
        f"<p><b>{html.escape(v.check)}</b>: {html.escape(v.detail)}<br>"
        f"<code>{html.escape(v.examples)}</code></p>"
        for v in result.verdicts
        if not v.passed
    )
    return (
        f'<tr><td><a href="{html.escape(result.page)}">'
        f"{html.escape(result.table.full_name)}</a><br>"
        f"{html.escape(result.table.meaning)}</td><td>{total:,}</td>"
        f'<td class="{verdict}">{verdict}</td><td>{failed}</td></tr>'
    )
