"""Write predictions, signals, their contributions and the run's record in one commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.instants import from_numpy
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, Writer
from pipelines.scoring.live import delay_seconds, mark_live
from pipelines.scoring.signals import CombinedSignals, combine_predictions, concat_signals
from pipelines.scoring.weights import Weights
from pipelines.steps.scoring.report import NewestSignal, ScoringReport

PREDICTIONS, SIGNALS, CONTRIBUTIONS = "gold.predictions", "gold.index_signals", "gold.contributions"
SERIES = 'forecast = ? AND source = ? AND "interval" = ?'


def publish(
    lake: Lake,
    forecast: Forecast,
    report: ScoringReport,
    rows: pa.Table,
    combined: CombinedSignals,
    weights: Mapping[str, Weights],
    now: datetime | None,
    run: str,
) -> None:
    """Write what was scored; rows that are live already stay, and are not written again.

    Whether a row is live is decided here, once it is this writer's turn: who had to wait until
    the next bar had closed publishes nothing live.
    """
    series = [forecast.name, report.source, forecast.interval]
    span = [report.start, report.end]
    sources = {"source": report.source, "news_source": forecast.news_source(report.source)}
    with lake.write(f"score {forecast.name}") as writer:
        scored_at = now or datetime.now(UTC)
        live = _mark_live(writer, forecast, report.source, rows["live_until"], scored_at)
        live_bars = pc.unique(rows["ts"].filter(pa.array(live)))
        _delete_not_live(writer, series, span)
        unpublished = _not_yet_published(writer, series, rows.filter(pa.array(live)), live_bars)
        late = rows.filter(pa.array(~live))
        report.published = int(live.sum()) - unpublished.num_rows
        for predictions, is_live in ((late, False), (unpublished, True)):
            writer.append(PREDICTIONS, _with_publication(predictions, sources, is_live, scored_at))
        for combined_bars, is_live in (
            (_without_bars(combined, live_bars), False),
            (_live_signals(writer, forecast, series, rows, live_bars, weights), True),
        ):
            signals = _with_publication(combined_bars.signals, sources, is_live, scored_at)
            writer.append(SIGNALS, _with_forecast(signals, forecast))
            parts = _with_publication(combined_bars.contributions, sources, is_live, scored_at)
            writer.append(CONTRIBUTIONS, _with_forecast(parts, forecast))
            report.signals += signals.num_rows
        report.written, report.live = late.num_rows + unpublished.num_rows, unpublished.num_rows
        report.delay_seconds = _newest_delay(unpublished, scored_at)
        report.newest = _newest_signals(writer, series, span)
        report.snapshot = writer.batch
        _write_run(writer, forecast, report, run)


def _mark_live(
    writer: Writer,
    forecast: Forecast,
    source: str,
    live_until: pa.ChunkedArray,
    scored_at: datetime,
) -> np.ndarray:
    """Mark the rows that are written before the next own bar has closed, or is known."""
    deadlines = live_until.to_numpy().astype("datetime64[us]")
    in_time = mark_live(deadlines, scored_at)
    if not in_time.any():
        return in_time
    # A clock that was set back does not make known bars unknown.
    known = writer.one(
        """SELECT max(closes_at) FROM silver.bars WHERE source = ? AND "interval" = ?
           AND closes_at >= ? AND symbol IN (SELECT unnest(?))""",
        [
            source,
            forecast.interval,
            from_numpy(deadlines[in_time].min()),
            list(forecast.symbols),
        ],
    )
    return in_time if known is None else in_time & mark_live(deadlines, known)


def _delete_not_live(writer: Writer, series: list[str], span: list[datetime]) -> None:
    """Delete the rows of the range that are not live."""
    where = f"{SERIES} AND NOT live AND closes_at > ? AND closes_at <= ?"
    bars = writer.rows(f"SELECT DISTINCT ts FROM {SIGNALS} WHERE {where}", [*series, *span])
    if bars:
        writer.delete(
            CONTRIBUTIONS,
            f"{SERIES} AND NOT live AND ts IN (SELECT unnest(?))",
            [*series, [ts for (ts,) in bars]],
        )
        writer.delete(SIGNALS, where, [*series, *span])
    writer.delete(PREDICTIONS, where, [*series, *span])


def _not_yet_published(
    writer: Writer, series: list[str], rows: pa.Table, bars: pa.Array
) -> pa.Table:
    """Return the rows whose constituent has no live row of that role yet.

    A champion has one live row for each bar, whichever model was the champion then.
    """
    if not rows.num_rows:
        return rows
    writer.connection.register("_live", rows)
    published = writer.sql(
        f"""SELECT symbol, ts, target, role, candidate FROM {PREDICTIONS}
            WHERE {SERIES} AND live AND ts IN (SELECT unnest(?))""",
        [*series, bars.to_pylist()],
    )
    writer.connection.register("_known", published)
    rows = writer.sql(
        """SELECT l.* FROM _live l ANTI JOIN _known k ON l.symbol = k.symbol AND l.ts = k.ts
           AND l.target = k.target AND l.role = k.role
           AND (l.role = 'champion' OR l.candidate = k.candidate)
           ORDER BY l.ts, l.symbol"""
    )
    writer.connection.unregister("_live")
    writer.connection.unregister("_known")
    return rows


def _live_signals(
    writer: Writer,
    forecast: Forecast,
    series: list[str],
    rows: pa.Table,
    bars: pa.Array,
    weights: Mapping[str, Weights],
) -> CombinedSignals:
    """Combine the live bars that have no published signal yet, from their published rows."""
    combining = [f for f in forecast.per_target() if f.combinations]
    if not len(bars) or not combining:
        return concat_signals(())
    writer.connection.register("_rows_now", rows.select(["ts", "session"]))
    published = writer.sql(
        f"""SELECT p.* EXCLUDE (probabilities), s.session FROM {PREDICTIONS} p
            JOIN (SELECT DISTINCT ts, session FROM _rows_now) s ON p.ts = s.ts
            WHERE {SERIES} AND live AND role = 'champion' AND p.ts IN (SELECT unnest(?))
            ORDER BY p.ts, p.symbol""",
        [*series, bars.to_pylist()],
    )
    writer.connection.unregister("_rows_now")
    published_keys = writer.rows(
        f"SELECT universe, ts FROM {SIGNALS} WHERE {SERIES} AND live AND ts IN (SELECT unnest(?))",
        [*series, bars.to_pylist()],
    )
    signals = concat_signals(
        [
            combine_predictions(
                f, published.filter(pc.equal(published["target"], f.target.name)), weights
            )
            for f in combining
        ]
    )
    return CombinedSignals(
        _without_known(signals.signals, published_keys),
        _without_known(signals.contributions, published_keys),
    )


def _without_known(table: pa.Table, published_keys: list[tuple[str, datetime]]) -> pa.Table:
    """Drop the rows of universes and bars that have a published signal."""
    published_pairs = set(published_keys)
    pairs = zip(table["universe"].to_pylist(), table["ts"].to_pylist(), strict=True)
    return table.filter(pa.array([pair not in published_pairs for pair in pairs], pa.bool_()))


def _without_bars(combined: CombinedSignals, bars: pa.Array) -> CombinedSignals:
    """Drop the bars that are live."""
    if not len(bars):
        return combined
    tables = [
        table.filter(pc.invert(pc.is_in(table["ts"], value_set=bars)))
        for table in (combined.signals, combined.contributions)
    ]
    return CombinedSignals(*tables)


def _with_publication(
    rows: pa.Table, sources: Mapping[str, str | None], live: bool, scored_at: datetime
) -> pa.Table:
    if live and "closes_at" in rows.column_names:
        delays = delay_seconds(_instants(rows, "closes_at"), scored_at)
        rows = rows.append_column("delay_seconds", pa.array(delays))
    for name, value in (
        *((name, pa.scalar(source, pa.string())) for name, source in sources.items()),
        ("live", pa.scalar(live)),
        ("scored_at", pa.scalar(scored_at, UTC_TYPE)),
    ):
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def _newest_delay(live_rows: pa.Table, scored_at: datetime) -> float | None:
    """Return how long after its close the newest live bar was written; None where none was."""
    if not live_rows.num_rows:
        return None
    return float(delay_seconds(_instants(live_rows, "closes_at").max(), scored_at))


def _instants(rows: pa.Table, name: str) -> np.ndarray:
    return np.asarray(rows[name].to_numpy().astype("datetime64[us]"))


def _with_forecast(rows: pa.Table, forecast: Forecast) -> pa.Table:
    for name, value in (("forecast", forecast.name), ("interval", forecast.interval)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _newest_signals(
    writer: Writer, series: list[str], span: list[datetime]
) -> tuple[NewestSignal, ...]:
    """Read the newest signals of the range: the published one where there is one."""
    rows = writer.rows(
        f"""SELECT DISTINCT ON (universe) universe, closes_at, wss, signal, reason, coverage, live,
                   delay_seconds
            FROM {SIGNALS} WHERE {SERIES} AND closes_at > ? AND closes_at <= ?
            ORDER BY universe, closes_at DESC, live DESC""",
        [*series, *span],
    )
    return tuple(NewestSignal(row[0], row[1].astimezone(UTC), *row[2:]) for row in rows)


def _write_run(writer: Writer, forecast: Forecast, report: ScoringReport, run: str) -> None:
    row = {
        "run": run,
        "step": "score",
        "source": report.source,
        "about": forecast.name,
        "interval_start": report.start,
        "interval_end": report.end,
        "status": report.status,
        "counts": json.dumps(report.counts),
        "message": report.message,
        "finished_at": datetime.now(UTC),
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))
