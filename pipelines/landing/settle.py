"""Silver brought to what was judged, touching only the rows that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines.contracts.tables import quoted
from pipelines.lake import Writer
from pipelines.landing import judge as silver
from pipelines.landing.bronze import KEYED
from pipelines.landing.grid import Order
from pipelines.landing.judge import INCOMING, PRICE_NAMES, VALUES

if TYPE_CHECKING:
    from pipelines.landing.batch import Group, Landed

WRITTEN = f"symbol, ts, closes_at, session, {VALUES}, split_factor, received_at"
# The rows judged, among the bars before them.
SURROUNDED = """(SELECT symbol, ts, close, ts >= (SELECT min(ts) FROM grid WHERE near) AS fresh
                 FROM chosen)"""
COMPARED = ("closes_at", *PRICE_NAMES, "split_factor")


def replace_bars(
    writer: Writer, group: Group, symbols: Sequence[str], judged: silver.Judged, order: Order
) -> None:
    """chosen -> judged, standing, fresh: bring silver.bars to what was judged.

    What lies before the first row received is context: it is read, and stays as it is.
    """
    first, last = writer.rows("SELECT min(ts), max(ts) FROM grid WHERE near")[0]
    # Rows that nothing is compared with are read where they lie: no context lies before them.
    plain = judged.alone and not judged.leaps and judged.any
    writer.run(
        "CREATE OR REPLACE TEMP VIEW judged AS FROM chosen"
        if plain
        else f"""CREATE OR REPLACE TEMP TABLE judged AS
                 SELECT * FROM chosen WHERE ts >= '{first.isoformat()}'"""
    )
    writer.run(
        f"""CREATE OR REPLACE TEMP TABLE standing AS
            SELECT symbol, ts, closes_at, {VALUES}, split_factor FROM silver.bars
            WHERE {KEYED} AND ts BETWEEN ? AND ? AND symbol IN (SELECT unnest(?))""",
        [*group.key, first, last, list(symbols)],
    )
    writer.run(
        f"""CREATE OR REPLACE TEMP VIEW checked AS
            SELECT '{group.source}' AS source, '{group.interval.name}' AS "interval", {WRITTEN},
                   {writer.batch} AS batch FROM judged"""
    )
    known = bool(writer.one("SELECT count(*) FROM standing"))
    same = " AND ".join(f"c.{quoted(n)} IS NOT DISTINCT FROM s.{quoted(n)}" for n in COMPARED)
    differs = f"c.symbol = s.symbol AND c.ts = s.ts AND {same}"
    fresh = (
        f"SELECT c.* FROM judged c ANTI JOIN standing s ON {differs}" if known else "FROM judged"
    )
    writer.run(f"CREATE OR REPLACE TEMP VIEW fresh AS {fresh}")
    if known:
        _remove_stale(writer, group, differs)
    # Counting what is read where it lies costs as much as reading it.
    if (plain and not known) or writer.one("SELECT count(*) FROM fresh"):
        # What comes by symbol and bar comes by bar, if it is one symbol's.
        in_order = order.ascending and judged.alone and not known and len(symbols) == 1
        writer.touch("silver.bars")
        writer.run(
            f"""INSERT INTO silver.bars (source, "interval", {WRITTEN}, batch)
                SELECT ?, ?, {WRITTEN}, ? FROM fresh {"" if in_order else "ORDER BY ts, symbol"}""",
            [*group.key, writer.batch],
        )


def _remove_stale(writer: Writer, group: Group, differs: str) -> None:
    writer.run(
        f"""CREATE OR REPLACE TEMP VIEW stale AS
            SELECT s.symbol, s.ts FROM standing s ANTI JOIN judged c ON {differs}"""
    )
    stale, first, last = writer.rows("SELECT count(*), min(ts), max(ts) FROM stale")[0]
    if stale:
        writer.delete(
            "silver.bars",
            f"{KEYED} AND ts BETWEEN ? AND ? AND (symbol, ts) IN (SELECT (symbol, ts) FROM stale)",
            [*group.key, first, last],
        )


def count(writer: Writer, landed: Landed, repeated: int) -> None:
    """What became of the rows that came in."""
    flagged = f"SELECT reason FROM flagged WHERE version = {INCOMING}"
    landed.reasons.update(
        dict(
            writer.rows(
                f"""SELECT reason, count(*) FROM (
                        SELECT reason FROM row_rejects UNION ALL SELECT reason FROM conflicts
                        UNION ALL {flagged}) GROUP BY reason"""
            )
        )
    )
    good, unclosed, touched = writer.rows(
        f"""SELECT (SELECT count(*) FROM winners) - (SELECT count(*) FROM ({flagged})),
                   (SELECT count(*) FROM placed WHERE unclosed), (SELECT count(*) FROM fresh)"""
    )[0]
    landed.accepted, landed.replaced = writer.rows(
        f"""SELECT count(*) FILTER (WHERE s.ts IS NULL), count(*) FILTER (WHERE s.ts IS NOT NULL)
            FROM fresh f LEFT JOIN standing s USING (symbol, ts) WHERE f.version = {INCOMING}"""
    )[0]
    landed.unchanged = good - landed.accepted - landed.replaced + repeated
    landed.unclosed = unclosed
    landed.revised = touched - landed.accepted - landed.replaced


def quarantine(writer: Writer, group: Group) -> None:
    """Rejected rows into silver.quarantine, each once; acquitted ones out of it."""
    values = ", ".join(f"{name} := {quoted(name)}" for name in PRICE_NAMES)
    columns = f"symbol, label, {VALUES}, row, received_at, reason, detail"
    told = ", ".join(f"v.{quoted(name)}" for name in PRICE_NAMES)
    writer.run(
        f"""CREATE OR REPLACE TEMP TABLE rejected AS
            SELECT symbol, label AS ts, reason, detail,
                   to_json(struct_pack({values}))::VARCHAR AS original, row, received_at
            FROM (SELECT {columns} FROM row_rejects
                  UNION ALL SELECT {columns} FROM conflicts
                  UNION ALL
                  SELECT v.symbol, v.label, {told}, v.row, v.received_at, f.reason, f.detail
                  FROM versions v JOIN flagged f
                    ON v.symbol = f.symbol AND v.label = f.label AND v.version = f.version
                       AND v.row IS NOT DISTINCT FROM f.row
                  WHERE f.ts >= (SELECT min(ts) FROM grid WHERE near))"""
    )
    # What context condemned, a neighbour that came later may acquit, or condemn otherwise.
    reasons = ", ".join(f"'{reason}'" for reason in silver.CONTEXT_REASONS)
    condemned = f"{KEYED} AND reason IN ({reasons})"
    if writer.one(f"SELECT count(*) FROM silver.quarantine WHERE {condemned}", group.key):
        row = "symbol, ts, reason, original"
        writer.run(
            f"""CREATE OR REPLACE TEMP TABLE acquitted AS
                SELECT {row} FROM silver.quarantine q
                SEMI JOIN (SELECT symbol, label FROM versions
                           WHERE ts >= (SELECT min(ts) FROM grid WHERE near)) v
                  ON q.symbol = v.symbol AND q.ts = v.label
                ANTI JOIN rejected r USING ({row})
                WHERE {condemned}""",
            group.key,
        )
        if writer.one("SELECT count(*) FROM acquitted"):
            writer.delete(
                "silver.quarantine", f"{condemned} AND ({row}) IN (FROM acquitted)", group.key
            )
    _insert_rejected(writer, group)


def quarantine_unreadable(writer: Writer, group: Group, rejects: pa.Table) -> None:
    """Rows that never became bars, into silver.quarantine."""
    if rejects.num_rows:
        writer.connection.register("unreadable", rejects)
        writer.run("CREATE OR REPLACE TEMP TABLE rejected AS FROM unreadable")
        _insert_rejected(writer, group)


def _insert_rejected(writer: Writer, group: Group) -> None:
    rows = f"""
        SELECT r.* FROM (
            SELECT DISTINCT ON (symbol, ts, reason, original) * FROM rejected ORDER BY row
        ) r ANTI JOIN (SELECT * FROM silver.quarantine WHERE {KEYED}) q
          ON r.symbol IS NOT DISTINCT FROM q.symbol AND r.ts IS NOT DISTINCT FROM q.ts
             AND r.reason = q.reason AND r.original = q.original"""
    if writer.one("SELECT count(*) FROM rejected"):
        writer.touch("silver.quarantine")
        writer.run(
            f"""INSERT INTO silver.quarantine
                (source, symbol, "interval", ts, reason, detail, original, row, received_at, batch)
                SELECT ?, symbol, ?, ts, reason, detail, original, row, received_at, ?
                FROM ({rows})""",
            [*group.key, writer.batch, *group.key],
        )


def note_series(writer: Writer, group: Group, symbols: Sequence[str]) -> None:
    """Remember the calendar and grid of each series, where they are new or changed."""
    known = writer.rows(
        f"SELECT symbol, calendar, grid, split_adjusted FROM silver.series WHERE {KEYED}", group.key
    )
    same = {
        symbol
        for symbol, *rest in known
        if rest == [group.calendar, group.grid, group.split_adjusted]
    }
    changed = [symbol for symbol in symbols if symbol not in same]
    if changed:
        rows = pa.Table.from_pylist(
            [
                {
                    "source": group.source,
                    "symbol": symbol,
                    "interval": group.interval.name,
                    "calendar": group.calendar,
                    "grid": group.grid,
                    "split_adjusted": group.split_adjusted,
                }
                for symbol in changed
            ]
        )
        where = f"{KEYED} AND symbol IN (SELECT unnest(?))"
        writer.replace("silver.series", rows, where, [*group.key, changed])
