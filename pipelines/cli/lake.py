"""The commands on the lake: fill it, query it, look after it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import duckdb
import typer
from rich.text import Text

from pipelines import steps
from pipelines.cli.app import (
    AsOfOption,
    SnapshotOption,
    SourceOption,
    app,
    chosen_source,
    named_folder,
    out,
    progress_bar,
)
from pipelines.cli.complaints import err
from pipelines.cli.ingest_news import ingest_dataset
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import CheckFailed, InvalidRequest
from pipelines.core.settings import settings
from pipelines.core.universes import members_between
from pipelines.core.universes import universe as find_universe
from pipelines.lake import compaction, verification
from pipelines.lake.attach import attach_statements
from pipelines.lake.export import export_schema
from pipelines.quality.data_docs import build_docs
from pipelines.steps.data.extra_bars import fund_bars
from pipelines.steps.lake import open_lake

LONGEST_KEPT = 36_500  # days


@app.command()
def ingest(
    source: SourceOption = None,
    dataset: Annotated[str, typer.Option(help="bars or news")] = "bars",
    universe: Annotated[str | None, typer.Option(help="a named list, such as qqq")] = None,
    symbols: Annotated[str | None, typer.Option(help="or symbols: AAPL,MSFT")] = None,
    topic: Annotated[str | None, typer.Option(help="what news are about, such as sp500")] = None,
    interval: Annotated[str, typer.Option(help="1m 5m 15m 30m 1h 1d 1w 1mo")] = "1h",
    start: Annotated[
        str | None,
        typer.Option(help="first bar, UTC; default 30 days ago, files: all, news: a day ago"),
    ] = None,
    end: Annotated[str | None, typer.Option(help="bars open before this, UTC; default now")] = None,
    force: Annotated[bool, typer.Option(help="ask the source again for recent bars")] = False,
) -> None:
    """Bring bars or news from a source to silver; of a universe its fund's bars too."""
    if dataset != "bars":
        bar_options = {"--universe": universe, "--symbols": symbols}
        ingest_dataset(dataset, source, topic, start, end, bar_options, force=force)
        return
    if topic is not None:
        raise InvalidRequest("bars have no topic", "add --dataset news, or leave out --topic")
    bar_source = chosen_source(source)
    if universe is not None and symbols is not None:
        raise InvalidRequest("--universe and --symbols exclude each other", "keep one of them")
    if symbols is not None:
        names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    else:
        names = ()
    members: tuple[str, ...] = ()
    # An empty --symbols is a slip, such as an unset variable: it never means all there is.
    if not names and universe is None and (symbols is not None or not bar_source.whole):
        raise InvalidRequest("no symbols were named", "add --universe qqq or --symbols AAPL,MSFT")
    until = utc(end) if end is not None else datetime.now(UTC)
    since = utc(start) if start is not None else None
    if universe is not None:
        first = since or (None if bar_source.whole else until - steps.DEFAULT_SPAN)
        members = members_between(universe, first, until)
        names = steps.listed_symbols(bar_source, members, universe)
    run = f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    with open_lake() as lake, progress_bar() as progress:
        report = steps.ingest(
            lake,
            bar_source,
            names,
            interval_of(interval),
            since,
            until,
            about=universe or "",
            run=run,
            force=force,
            members=members,
            progress=progress,
        )
        lines = [report.summary()]
        fund = find_universe(universe).fund if universe is not None else ""
        if fund and fund not in names:
            lines.append(
                steps.ingest_extra_bars(
                    lake,
                    bar_source,
                    fund_bars(fund),
                    interval_of(interval),
                    since,
                    until,
                    run=run,
                    force=force,
                )
            )
    out.print("\n".join(lines), highlight=False, soft_wrap=True)
    report.enforce()


@app.command()
def weights(
    source: SourceOption = None,
    universe: Annotated[
        str | None, typer.Option(help="a named list; default BULLION_UNIVERSE")
    ] = None,
    as_of: AsOfOption = None,
) -> None:
    """Bring the index weights of a universe to silver, from the source or a holdings file.

    A file as the fund company publishes it is named in BULLION_HOLDINGS_CSV.
    """
    bar_source = chosen_source(source)
    at = utc(as_of) if as_of is not None else None
    name = settings().universe if universe is None else universe
    with open_lake() as lake:
        report = steps.ingest_weights(lake, bar_source, name, as_of=at)
    line = f"{bar_source.name} weights of {name}: {report.summary()}"
    out.print(line, highlight=False, soft_wrap=True)


# A query may begin with a comment, which is no option.
@app.command(context_settings={"ignore_unknown_options": True})
def sql(
    query: Annotated[str, typer.Argument(help="SQL on schema.table; - reads what is piped in")],
    snapshot: SnapshotOption = None,
    csv: Annotated[bool, typer.Option(help="print CSV")] = False,
) -> None:
    """Query the lake, read-only."""
    query = sys.stdin.read() if query == "-" else query
    with open_lake(read_only=True) as lake, lake.view(snapshot) as view:
        view.check_files(query)
        try:
            _print_answer(view.connection, query, csv)
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            raise InvalidRequest(
                str(error), "tables and columns are listed in data_lake/README.md"
            ) from None
        except duckdb.Error as error:
            if lake.store.root in str(error):
                raise  # a file of the lake is at fault, and not the query
            raise InvalidRequest(
                str(error), "check the query; `bullion verify` tells whether the lake is damaged"
            ) from None


def _print_answer(connection: duckdb.DuckDBPyConnection, query: str, csv: bool) -> None:
    query.encode()  # DuckDB has no clear error for what is not UTF-8
    kinds = [statement.type for statement in connection.extract_statements(query)]
    if not kinds:
        raise InvalidRequest("the query is empty", "for example: SELECT * FROM gold.runs")
    if duckdb.StatementType.TRANSACTION in kinds:
        raise InvalidRequest(
            "a query cannot begin or end a transaction",
            "leave BEGIN, COMMIT and ROLLBACK out: all of it sees one snapshot anyway",
        )
    answer = connection.sql(query)
    if answer is None:
        return
    # Only now are the rows computed: a query may still fail here.
    if csv:
        answer.df().to_csv(sys.stdout, index=False)
    else:
        answer.show(max_rows=60, max_width=out.width if out.is_terminal else 10_000)


@app.command(name="sql-init", hidden=True)
def sql_init() -> None:
    """Print the statements that attach the lake read-only, for the DuckDB prompt."""
    with open_lake(read_only=True):
        typer.echo(";\n".join(attach_statements(settings(), read_only=True)) + ";")


@app.command()
def verify() -> None:
    """Check every file of the lake, and every row in its catalog, against its checksum."""
    with open_lake(read_only=True) as lake:
        result = verification.verify(lake)
    for problem in result.problems:
        err.print(Text.assemble((problem.path, "red"), f" {problem.what}"), soft_wrap=True)
    count = len(result.problems)
    out.print(f"{result.files} files, {result.bytes:,} bytes, {count} problems")
    if count:
        raise CheckFailed(
            f"{count} files or commits are not what they were",
            "restore them from a copy; see data_lake/README.md",
        )


@app.command()
def compact(
    keep_days: Annotated[float, typer.Option(help="snapshots younger than this stay")] = 7.0,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="remove unknown files, however many and of any catalog"),
    ] = False,
) -> None:
    """Move inlined rows to files, rewrite small files, expire snapshots, remove orphans."""
    if not 0 <= keep_days <= LONGEST_KEPT:
        raise InvalidRequest(
            f"snapshots cannot be kept for {keep_days:g} days",
            f"name a number of days from 0 to {LONGEST_KEPT}",
        )
    with open_lake(create=False) as lake:
        steps.release_snapshots(lake)
        report = compaction.compact(lake, keep=timedelta(days=keep_days), orphans=orphans)
    out.print(report.summary(), soft_wrap=True)
    for warning in report.warnings():
        err.print(warning, style="yellow", highlight=False, soft_wrap=True)


@app.command()
def adopt() -> None:
    """Give the data folder to this catalog, whichever catalog owned its files until now."""
    with open_lake(adopt=True) as lake:
        place = lake.store.root
    out.print(f"{place} belongs to this catalog from now on", highlight=False, soft_wrap=True)


@app.command()
def export(
    folder: Annotated[str, typer.Argument(help="an empty or missing folder")],
    schema: Annotated[str, typer.Option(help="gold, silver or bronze")] = "gold",
    snapshot: SnapshotOption = None,
) -> None:
    """Write a schema as plain Parquet and as one .duckdb file, for tools without DuckLake."""
    target = named_folder(folder)
    with open_lake(read_only=True) as lake:
        for name, rows in export_schema(lake, target, schema=schema, snapshot=snapshot):
            out.print(f"{name}: {rows:,} rows", highlight=False)
    out.print(f"in {target}: {schema}.duckdb and {schema}/*.parquet", highlight=False)


@app.command()
def docs(
    folder: Annotated[str | None, typer.Argument(help="default: docs beside the catalog")] = None,
) -> None:
    """Check the table contracts with Great Expectations, and write its Data Docs."""
    target = named_folder(folder) if folder is not None else None
    with open_lake(create=False) as lake:
        out.print(str(build_docs(lake, target)), highlight=False, soft_wrap=True)
