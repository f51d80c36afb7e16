"""Predictions, signals, their parts and the run's record, written in one commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, Writer
from pipelines.scoring.signals import CombinedSignals, combine_actions, concat_signals
from pipelines.scoring.weights import Weights
from pipelines.steps.scoring.report import NewestSignal, Scored

PREDICTIONS, SIGNALS, PARTS = "gold.predictions", "gold.index_signals", "gold.contributions"
OURS = 'forecast = ? AND source = ? AND "interval" = ?'


def publish(
    lake: Lake,
    forecast: Forecast,
    done: Scored,
    rows: pa.Table,
    found: CombinedSignals,
    weights: Mapping[str, Weights],
    now: datetime | None,
    run: str,
) -> None:
    """Write what was scored; what is live already stays as it is, and is not written again.

    Whether a row is live is asked here, with the turn to write in hand: whoever waited for it
    until the next bar had closed publishes nothing.
    """
    ours = [forecast.name, done.source, forecast.interval]
    span = [done.start, done.end]
    with lake.write(f"score {forecast.name}") as writer:
        scored_at = now or datetime.now(UTC)
        live = _live(writer, forecast, done.source, rows["timestamp_next"], scored_at)
        bars = pc.unique(rows["ts"].filter(pa.array(live)))  # that are published now, or were
        # Targets reach ahead by bars of their own: only those that combine make a signal live.
        combining = [one.target.name for one in forecast.per_target() if one.combinations]
        of_them = pc.is_in(rows["target"], pa.array(combining, pa.string()))
        signals_too = pc.and_(pa.array(live), of_them)
        signalled = pc.unique(rows["ts"].filter(signals_too))
        _forget(writer, ours, span)
        fresh = _unpublished(writer, ours, rows.filter(pa.array(live)), bars)
        late = rows.filter(pa.array(~live))
        done.published = int(live.sum()) - fresh.num_rows
        for some, is_live in ((late, False), (fresh, True)):
            writer.append(PREDICTIONS, _stamped(some, done.source, is_live, scored_at))
        for made, is_live in (
            (_without(found, signalled), False),
            (_signals_of(writer, forecast, ours, rows, signalled, weights), True),
        ):
            signals = _stamped(made.signals, done.source, is_live, scored_at)
            writer.append(SIGNALS, _named(signals, forecast))
            parts = _stamped(made.contributions, done.source, is_live, scored_at)
            writer.append(PARTS, _named(parts, forecast))
            done.signals += signals.num_rows
        done.written, done.live = late.num_rows + fresh.num_rows, fresh.num_rows
        done.newest = _newest(writer, ours, span)
        done.snapshot = writer.batch
        _record(writer, forecast, done, run)


def _live(
    writer: Writer, forecast: Forecast, source: str, after: pa.ChunkedArray, scored_at: datetime
) -> np.ndarray:
    """Which rows are written before the bar they are about has closed, or is known."""
    ends = after.to_numpy().astype("datetime64[us]")
    ahead: np.ndarray = ends > np.datetime64(scored_at.replace(tzinfo=None), "us")
    if not ahead.any():
        return ahead
    # A clock that was set back does not make known bars unknown.
    known = writer.one(
        """SELECT max(closes_at) FROM silver.bars WHERE source = ? AND "interval" = ?
           AND closes_at >= ? AND symbol IN (SELECT unnest(?))""",
        [
            source,
            forecast.interval,
            ends[ahead].min().item().replace(tzinfo=UTC),
            list(forecast.symbols),
        ],
    )
    if known is None:
        return ahead
    ahead &= ends > np.datetime64(known.astimezone(UTC).replace(tzinfo=None), "us")
    return ahead


def _forget(writer: Writer, ours: list[str], span: list[datetime]) -> None:
    """Take away what the range had that was not live."""
    where = f"{OURS} AND NOT live AND closes_at > ? AND closes_at <= ?"
    bars = writer.rows(f"SELECT DISTINCT ts FROM {SIGNALS} WHERE {where}", [*ours, *span])
    if bars:
        writer.delete(
            PARTS,
            f"{OURS} AND NOT live AND ts IN (SELECT unnest(?))",
            [*ours, [ts for (ts,) in bars]],
        )
        writer.delete(SIGNALS, where, [*ours, *span])
    writer.delete(PREDICTIONS, where, [*ours, *span])


def _unpublished(writer: Writer, ours: list[str], rows: pa.Table, bars: pa.Array) -> pa.Table:
    """Of rows that are live, those whose constituent has no live row of that role yet.

    A champion has one live row a bar, whichever model was the champion then.
    """
    if not rows.num_rows:
        return rows
    writer.connection.register("_live", rows)
    known = writer.sql(
        f"""SELECT symbol, ts, target, role, candidate FROM {PREDICTIONS}
            WHERE {OURS} AND live AND ts IN (SELECT unnest(?))""",
        [*ours, bars.to_pylist()],
    )
    writer.connection.register("_known", known)
    left = writer.sql(
        """SELECT l.* FROM _live l ANTI JOIN _known k ON l.symbol = k.symbol AND l.ts = k.ts
           AND l.target = k.target AND l.role = k.role
           AND (l.role = 'champion' OR l.candidate = k.candidate)
           ORDER BY l.ts, l.symbol"""
    )
    writer.connection.unregister("_live")
    writer.connection.unregister("_known")
    return left


def _signals_of(
    writer: Writer,
    forecast: Forecast,
    ours: list[str],
    rows: pa.Table,
    bars: pa.Array,
    weights: Mapping[str, Weights],
) -> CombinedSignals:
    """The signals still to be published of live bars, from the rows that are published."""
    combining = [one for one in forecast.per_target() if one.combinations]
    if not len(bars) or not combining:
        return combine_actions((), rows.slice(0, 0), weights)
    writer.connection.register("_rows_now", rows.select(["ts", "session"]))
    published = writer.sql(
        f"""SELECT p.* EXCLUDE (probabilities), s.session FROM {PREDICTIONS} p
            JOIN (SELECT DISTINCT ts, session FROM _rows_now) s ON p.ts = s.ts
            WHERE {OURS} AND live AND role = 'champion' AND p.ts IN (SELECT unnest(?))
            ORDER BY p.ts, p.symbol""",
        [*ours, bars.to_pylist()],
    )
    writer.connection.unregister("_rows_now")
    known = writer.rows(
        f"SELECT universe, ts FROM {SIGNALS} WHERE {OURS} AND live AND ts IN (SELECT unnest(?))",
        [*ours, bars.to_pylist()],
    )
    made = concat_signals(
        [
            combine_actions(
                one.combinations,
                published.filter(pc.equal(published["target"], one.target.name)),
                weights,
            )
            for one in combining
        ]
    )
    return CombinedSignals(_except(made.signals, known), _except(made.contributions, known))


def _except(table: pa.Table, known: list[tuple[str, datetime]]) -> pa.Table:
    there = set(known)
    pairs = zip(table["universe"].to_pylist(), table["ts"].to_pylist(), strict=True)
    return table.filter(pa.array([pair not in there for pair in pairs], pa.bool_()))


def _without(found: CombinedSignals, bars: pa.Array) -> CombinedSignals:
    """What was combined, but for the bars that are live."""
    if not len(bars):
        return found
    left = [
        table.filter(pc.invert(pc.is_in(table["ts"], value_set=bars)))
        for table in (found.signals, found.contributions)
    ]
    return CombinedSignals(*left)


def _stamped(rows: pa.Table, source: str, live: bool, scored_at: datetime) -> pa.Table:
    for name, value in (
        ("source", pa.scalar(source)),
        ("live", pa.scalar(live)),
        ("scored_at", pa.scalar(scored_at, UTC_TYPE)),
    ):
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def _named(rows: pa.Table, forecast: Forecast) -> pa.Table:
    for name, value in (("forecast", forecast.name), ("interval", forecast.interval)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _newest(writer: Writer, ours: list[str], span: list[datetime]) -> tuple[NewestSignal, ...]:
    """What the newest bar of the range says: as it was published, where it was."""
    found = writer.rows(
        f"""SELECT DISTINCT ON (universe) universe, closes_at, wss, signal, reason, coverage, live
            FROM {SIGNALS} WHERE {OURS} AND closes_at > ? AND closes_at <= ?
            ORDER BY universe, closes_at DESC, live DESC""",
        [*ours, *span],
    )
    return tuple(NewestSignal(row[0], row[1].astimezone(UTC), *row[2:]) for row in found)


def _record(writer: Writer, forecast: Forecast, done: Scored, run: str) -> None:
    row = {
        "run": run,
        "step": "score",
        "source": done.source,
        "about": forecast.name,
        "interval_start": done.start,
        "interval_end": done.end,
        "status": done.status,
        "counts": json.dumps(done.counts),
        "message": done.message,
        "finished_at": datetime.now(UTC),
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))
