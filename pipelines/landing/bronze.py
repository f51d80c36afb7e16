"""What was said, kept; and what bronze already knows of the same bars."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.tables import quoted
from pipelines.core.calendar import UTC_TYPE, Calendar
from pipelines.lake import Writer
from pipelines.landing import judge as silver
from pipelines.landing.grid import Order
from pipelines.landing.judge import PRICE_NAMES, VALUES
from pipelines.sources.base import MOST_SHARES, Answer

if TYPE_CHECKING:
    from pipelines.landing.batch import Group

PART_BYTES = 4 << 20
KEYED = 'source = ? AND "interval" = ?'


def keep_answers(writer: Writer, answers: Sequence[tuple[str, Answer]]) -> None:
    """The raw answers, compressed and cut, into bronze.answers, by the piece they answer."""
    rows = []
    for piece, answer in answers:
        body = memoryview(answer.body)
        cuts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            hashing = pool.submit(sha256, body)
            parts = list(pool.map(_compressed, cuts or [body]))
            digest = hashing.result().hexdigest()
        for part, compressed in enumerate(parts):
            rows.append(
                {
                    "source": answer.source,
                    "kind": answer.kind,
                    "piece": piece,
                    "asked": json.dumps(dict(answer.asked), sort_keys=True, default=str),
                    "media_type": answer.media_type,
                    "bytes": len(body),
                    "sha256": digest,
                    "part": part,
                    "body": compressed,
                    "received_at": answer.received_at,
                }
            )
    if rows:
        writer.append("bronze.answers", pa.Table.from_pylist(rows))


def _compressed(part: memoryview) -> bytes:
    squeezed: bytes = pa.Codec("zstd", compression_level=1).compress(part, asbytes=True)
    return squeezed


def note_actions(writer: Writer, group: Group, actions: pa.Table) -> list[str]:
    """Keep splits and dividends. The symbols whose history a split of these re-adjusts."""
    if actions.num_rows == 0:
        return []
    writer.connection.register("told", actions)
    fresh = writer.sql(
        """SELECT DISTINCT ON (symbol, date, kind)
                  ? AS source, symbol, date, kind, value, received_at
           FROM told ANTI JOIN (
               SELECT symbol, date, kind, last(value ORDER BY batch) AS value
               FROM bronze.actions WHERE source = ? GROUP BY ALL
           ) known USING (symbol, date, kind, value)
           WHERE value > 0 AND isfinite(value)
             AND (kind <> 'split' OR value BETWEEN 1 / ? AND ?)
           ORDER BY received_at DESC""",
        [group.source, group.source, MOST_SHARES, MOST_SHARES],
    )
    writer.append("bronze.actions", fresh)
    split = fresh.filter(pc.equal(fresh["kind"], "split"))
    return sorted(set(split["symbol"].to_pylist()))


def span_to_judge(
    writer: Writer, group: Group, bars: pa.Table, split: Sequence[str]
) -> tuple[datetime, datetime] | None:
    """From the first to the last bar that the rows, or a split found in them, can change."""
    ends = [pc.min(bars["ts"]).as_py(), pc.max(bars["ts"]).as_py()]
    if split:
        ends += writer.rows(
            f"""SELECT min(ts), max(ts) FROM bronze.bars
                WHERE {KEYED} AND symbol IN (SELECT unnest(?))""",
            [*group.key, list(split)],
        )[0]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known else None


def note_splits(writer: Writer, group: Group, market: Calendar, symbols: Sequence[str]) -> bool:
    """splits: the newest word on every split of these symbols, and when it took effect."""
    known = writer.sql(
        """SELECT symbol, date, last(value ORDER BY batch) AS value FROM bronze.actions
           WHERE source = ? AND kind = 'split' AND symbol IN (SELECT unnest(?))
           GROUP BY ALL HAVING last(value ORDER BY batch) <> 1""",
        [group.source, list(symbols)],
    )
    effective = [market.first_open(date) for date in known["date"].to_pylist()]
    splits = known.append_column("effective", pa.array(effective, UTC_TYPE))
    writer.connection.register("splits", splits)
    return bool(splits.num_rows)


def recall(writer: Writer, group: Group, symbols: Sequence[str]) -> None:
    """heard, older: what bronze has on this stretch of grid, and of that what is sane."""
    first, last = writer.rows("SELECT min(label), max(label) FROM grid")[0]
    writer.run(
        f"""CREATE OR REPLACE TEMP TABLE heard AS
            SELECT symbol, ts AS label, {VALUES}, row, received_at, batch FROM bronze.bars
            WHERE {KEYED} AND ts BETWEEN ? AND ? AND symbol IN (SELECT unnest(?))""",
        [*group.key, first, last, list(symbols)],
    )
    broken = " OR ".join(f"({rule.sql})" for rule in silver.ROW_RULES)
    writer.run(
        f"""CREATE OR REPLACE TEMP VIEW older AS
            SELECT h.symbol, g.ts, h.label, g.closes_at, g.session, g.place,
                   {", ".join(f"h.{quoted(name)}" for name in PRICE_NAMES)},
                   h.row, h.received_at, h.batch
            FROM (SELECT * FROM heard WHERE NOT coalesce({broken}, false)) h
            JOIN grid g ON h.label = g.label"""
    )


def append(writer: Writer, group: Group, order: Order) -> None:
    """Append what bronze has not heard yet; a row it heard last makes no new version."""
    rows = "SELECT * FROM placed WHERE NOT unclosed"
    if order.repeats:
        rows += (
            f" QUALIFY row_number() OVER (PARTITION BY symbol, label, {VALUES} ORDER BY row) = 1"
        )
    if writer.one("SELECT count(*) FROM heard"):
        same = " AND ".join(
            f"p.{quoted(n)} IS NOT DISTINCT FROM l.{quoted(n)}" for n in PRICE_NAMES
        )
        rows = f"""
            SELECT p.* FROM ({rows}) p ANTI JOIN (
                SELECT * FROM heard
                QUALIFY batch = max(batch) OVER (PARTITION BY symbol, label)
            ) l ON p.symbol = l.symbol AND p.label = l.label AND {same}"""
    # A write of no rows would still make an empty file.
    if writer.one(f"SELECT true FROM ({rows}) LIMIT 1"):
        writer.touch("bronze.bars")
        writer.run(
            f"""INSERT INTO bronze.bars
                (source, symbol, "interval", ts, {VALUES}, row, received_at, batch)
                SELECT ?, symbol, ?, label, {VALUES}, row, received_at, ?
                FROM ({rows}) {"" if order.ascending else "ORDER BY symbol, label"}""",
            [*group.key, writer.batch],
        )
