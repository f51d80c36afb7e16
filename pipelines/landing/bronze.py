"""The versions in bronze: what a source sends is appended, what it sent before is recalled."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.tables import quoted
from pipelines.core.calendar import UTC_TYPE, Calendar
from pipelines.lake import Writer
from pipelines.landing.grid import BarGrid, RowOrder
from pipelines.landing.group import KEYED, Group
from pipelines.landing.relations import KnownVersions, PlacedRows, Scratch, Splits
from pipelines.landing.rules import BREAKS_A_RULE, PRICE_NAMES, VALUES
from pipelines.sources.base import MOST_SHARES, Answer

PART_BYTES = 4 << 20
APPEND_BYTES = 64 << 20  # compressed, and appended at a time


def keep_answers(writer: Writer, answers: Sequence[tuple[str, Answer]]) -> None:
    """Append the raw answers to bronze.answers, compressed and cut, by the piece they answer."""
    rows: list[dict[str, Any]] = []
    byte_count = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for piece, answer in answers:
            digest = _sha256_of(answer)
            for part, compressed in enumerate(_compressed_parts(pool, answer)):
                rows.append(
                    {
                        "source": answer.source,
                        "kind": answer.kind,
                        "piece": piece,
                        "asked": json.dumps(dict(answer.query), sort_keys=True, default=str),
                        "media_type": answer.media_type,
                        "bytes": answer.size,
                        "sha256": digest,
                        "part": part,
                        "body": compressed,
                        "received_at": answer.received_at,
                    }
                )
                byte_count += len(compressed)
                if byte_count > APPEND_BYTES:
                    writer.append("bronze.answers", pa.Table.from_pylist(rows))
                    rows, byte_count = [], 0
    if rows:
        writer.append("bronze.answers", pa.Table.from_pylist(rows))


def _sha256_of(answer: Answer) -> str:
    digest, file = sha256(), answer.open()
    while part := file.read(PART_BYTES):
        digest.update(part)
    return digest.hexdigest()


def _compressed_parts(pool: ThreadPoolExecutor, answer: Answer) -> Iterator[bytes]:
    """Yield the compressed parts of an answer, in order; one of an empty answer."""
    sizes = range(0, max(1, answer.size), PART_BYTES)
    file = answer.open()
    waiting: deque[Future[bytes]] = deque()
    for _ in sizes:
        waiting.append(pool.submit(_compress, memoryview(file.read(PART_BYTES))))
        if len(waiting) > (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _compress(part: memoryview) -> bytes:
    compressed: bytes = pa.Codec("zstd", compression_level=1).compress(part, asbytes=True)
    return compressed


def append_actions(writer: Writer, scratch: Scratch, group: Group, actions: pa.Table) -> list[str]:
    """Append new splits and dividends; return the symbols whose history a new split re-adjusts."""
    if actions.num_rows == 0:
        return []
    received = scratch.arrow("received_actions", actions)
    new_actions = writer.sql(
        f"""SELECT DISTINCT ON (symbol, date, kind)
                   ? AS source, symbol, date, kind, value, received_at
            FROM {received} ANTI JOIN (
                SELECT symbol, date, kind, last(value ORDER BY batch) AS value
                FROM bronze.actions WHERE source = ? GROUP BY ALL
            ) known USING (symbol, date, kind, value)
            WHERE value > 0 AND isfinite(value)
              AND (kind <> 'split' OR value BETWEEN 1 / ? AND ?)
            ORDER BY received_at DESC""",
        [group.source, group.source, MOST_SHARES, MOST_SHARES],
    )
    writer.append("bronze.actions", new_actions)
    splits = new_actions.filter(pc.equal(new_actions["kind"], "split"))
    return sorted(set(splits["symbol"].to_pylist()))


def span_to_judge(
    writer: Writer,
    group: Group,
    bar_ends: Sequence[datetime | None],
    split_symbols: Sequence[str],
) -> tuple[datetime, datetime] | None:
    """Return the first and last bar that the rows, or a split received with them, can change."""
    ends = list(bar_ends)
    if split_symbols:
        ends += writer.rows(
            f"""SELECT min(ts), max(ts) FROM bronze.bars
                WHERE {KEYED} AND symbol IN (SELECT unnest(?))""",
            [*group.key, list(split_symbols)],
        )[0]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known else None


def recall_splits(
    writer: Writer, scratch: Scratch, group: Group, market: Calendar, symbols: Sequence[str]
) -> Splits:
    """Read the newest value of every split of these symbols, and when it took effect."""
    known = writer.sql(
        """SELECT symbol, date, last(value ORDER BY batch) AS value FROM bronze.actions
           WHERE source = ? AND kind = 'split' AND symbol IN (SELECT unnest(?))
           GROUP BY ALL HAVING last(value ORDER BY batch) <> 1""",
        [group.source, list(symbols)],
    )
    effective = [market.first_open(date) for date in known["date"].to_pylist()]
    splits = known.append_column("effective", pa.array(effective, UTC_TYPE))
    return Splits(scratch.arrow("splits", splits), bool(splits.num_rows), group.split_adjusted)


def recall_versions(
    scratch: Scratch, group: Group, grid: BarGrid, symbols: Sequence[str]
) -> KnownVersions:
    """Read what bronze has of these symbols on this stretch of the grid."""
    all_rows = scratch.table(
        "known_versions",
        f"""SELECT symbol, ts AS label, {VALUES}, row, built_from, received_at, batch
            FROM bronze.bars
            WHERE {KEYED} AND ts BETWEEN ? AND ? AND symbol IN (SELECT unnest(?))""",
        [*group.key, *grid.labels, list(symbols)],
    )
    bars = scratch.arrow("grid", grid.table)
    sane = scratch.view(
        "sane_versions",
        f"""SELECT v.symbol, g.ts, v.label, g.closes_at, g.session, g.place,
                   {", ".join(f"v.{quoted(name)}" for name in PRICE_NAMES)},
                   v.row, v.built_from, v.received_at, v.batch
            FROM (SELECT * FROM {all_rows} WHERE NOT coalesce({BREAKS_A_RULE}, false)) v
            JOIN {bars} g ON v.label = g.label""",
    )
    return KnownVersions(all_rows, sane)


def append_bars(
    writer: Writer, group: Group, placed: PlacedRows, known: KnownVersions, order: RowOrder
) -> None:
    """Append the rows that bronze does not have as the newest version of their bar."""
    rows = f"SELECT * FROM {placed.all_rows} WHERE NOT unclosed"
    if order.repeats:
        rows += (
            f" QUALIFY row_number() OVER (PARTITION BY symbol, label, {VALUES} ORDER BY row) = 1"
        )
    if writer.one(f"SELECT count(*) FROM {known.all_rows}"):
        same = " AND ".join(
            f"p.{quoted(n)} IS NOT DISTINCT FROM l.{quoted(n)}" for n in PRICE_NAMES
        )
        # A bar built from the stream is another version than the source's own, if equal to it.
        rows = f"""
            SELECT p.* FROM ({rows}) p ANTI JOIN (
                SELECT * FROM {known.all_rows}
                WHERE built_from IS NOT DISTINCT FROM {group.built_from_literal}
                QUALIFY batch = max(batch) OVER (PARTITION BY symbol, label)
            ) l ON p.symbol = l.symbol AND p.label = l.label AND {same}"""
    # A write of no rows would still make an empty file.
    if writer.one(f"SELECT true FROM ({rows}) LIMIT 1"):
        writer.touch("bronze.bars")
        writer.run(
            f"""INSERT INTO bronze.bars
                (source, symbol, "interval", ts, {VALUES}, row, built_from, received_at, batch)
                SELECT ?, symbol, ?, label, {VALUES}, row, {group.built_from_literal},
                       received_at, ?
                FROM ({rows}) {"" if order.ascending else "ORDER BY symbol, label"}""",
            [*group.key, writer.batch],
        )
