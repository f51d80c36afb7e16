"""Check of an audit: features computed on a history that ends at a bar's close.

The tables are shown to the same code through views that end at that time, by the true time of each
row: a bar's close, a story's known_at, a window's end. What saw anything later is another value
then, whatever it was joined by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import utc
from pipelines.lake import Lake, View
from pipelines.lake.catalog import NAME
from pipelines.steps.data.features import recompute_features
from pipelines.steps.data.news_signals import FIGURES, summarize_stories
from pipelines.steps.proof.differences import Findings, first_difference
from pipelines.steps.proof.draw import DrawnSeries
from pipelines.steps.proof.published import PublishedBar

CUT = "getvariable('cut')"
# By table: what was known at the cut.
KNOWN = {
    "silver.series": "true",
    "silver.bars": f"closes_at <= {CUT}",
    "silver.news": f"known_at <= {CUT}",
    "gold.news_sentiment": f"known_at <= {CUT}",
    "gold.news_signals": f"window_end <= {CUT} AND known_at <= {CUT}",
}
WINDOW_FIGURES = tuple(name for name in FIGURES if not name.startswith("sentiment_"))


def check_features(lake: Lake, view: View, series: DrawnSeries) -> Findings:
    """Recompute the features of the drawn bars on a history cut at their closes."""
    findings = Findings()
    with history(lake, view) as cut:
        for bar in series.bars:
            _set_cut(cut, bar.closes_at)
            _compare_features(view, cut, bar, findings)
            for topic in series.forecast.topics:
                _compare_window(view, cut, bar, topic, findings)
    return findings


@contextmanager
def history(lake: Lake, view: View) -> Iterator[View]:
    """Yield the snapshot of a view, cut where its variable `cut` says."""
    for table in KNOWN:  # once, by the view's guard: the connection below has none
        view.check_files(table)
    connection = lake.connect(read_only=True, snapshot=view.snapshot)
    try:
        _create_views(connection)
        yield View(connection, view.snapshot)
    finally:
        connection.execute(f"USE {NAME}")
        connection.execute("DETACH history")
        connection.close()


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    _set_cut(View(connection, 0), datetime(2000, 1, 1, tzinfo=UTC))
    connection.execute("ATTACH ':memory:' AS history")
    connection.execute("USE history")
    for schema in sorted({table.partition(".")[0] for table in KNOWN}):
        connection.execute(f"CREATE SCHEMA {schema}")
    for table, condition in KNOWN.items():
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {NAME}.{table} WHERE {condition}")


def _set_cut(view: View, at: datetime) -> None:
    view.connection.execute(f"SET VARIABLE cut = TIMESTAMPTZ '{at.isoformat()}'")


def _compare_features(view: View, cut: View, bar: PublishedBar, findings: Findings) -> None:
    declared = bar.forecast
    symbols = sorted(set(bar.predictions["symbol"].to_pylist()))
    names = ["symbol", "ts", "closes_at", "session", "place", *declared.feature_names]
    listed = ", ".join(f'"{name}"' for name in names)
    stored = view.sql(
        f"""SELECT {listed} FROM {declared.table.full_name}
            WHERE source = ? AND ts = ? AND symbol IN (SELECT unnest(?))""",
        [bar.source, bar.ts, symbols],
    )
    findings.left_out += len(symbols) - stored.num_rows  # their bars were withdrawn since
    if not stored.num_rows:
        return
    again = recompute_features(
        cut, declared, bar.source, stored["symbol"].to_pylist(), bar.ts, bar.ts
    )
    again = again.select(names).cast(stored.schema)
    findings.rows += stored.num_rows
    for symbol in stored["symbol"].to_pylist():
        difference = first_difference(
            declared.table.full_name,
            stored.filter(pc.equal(stored["symbol"], symbol)),
            again.filter(pc.equal(again["symbol"], symbol)),
            ("symbol", "ts"),
        )
        if difference:
            findings.differences.append(f"{difference} (history cut at the bar's close)")


def _compare_window(
    view: View, cut: View, bar: PublishedBar, topic: str, findings: Findings
) -> None:
    """Compare the newest window of news before a close with the stories known by then."""
    source = bar.forecast.news_source(bar.source)
    stored = view.sql(
        """SELECT * FROM gold.news_signals WHERE source = ? AND topic = ?
           AND window_end <= ? AND known_at <= ? ORDER BY window_end DESC, known_at DESC LIMIT 1""",
        [source, topic, bar.closes_at, bar.closes_at],
    )
    if not stored.num_rows or stored["sentiment_sha256"][0].as_py() is None:
        return
    row = stored.to_pylist()[0]
    late = view.one(
        """SELECT count(*) FROM silver.news WHERE source = ? AND known_at > ? AND known_at <= ?
           AND received_at > ?""",
        [source, row["window_start"], row["window_end"], row["computed_at"]],
    )
    if late:  # a live row stays as it was said, without the stories that came late
        findings.left_out += 1
        return
    end = utc(row["window_end"])
    again, _ = summarize_stories(cut, source or "", topic, [end], row["sentiment_sha256"])
    findings.rows += 1
    key = ("window_end",)
    names = [*key, *WINDOW_FIGURES]
    difference = first_difference(
        f"gold.news_signals {topic}", stored.select(names), _typed(again, stored, names), key
    )
    if difference:
        findings.differences.append(f"{difference} (stories known by the bar's close)")


def _typed(table: pa.Table, like: pa.Table, names: list[str]) -> pa.Table:
    return table.select(names).cast(like.select(names).schema)
