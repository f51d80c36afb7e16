"""Bring rejected rows to silver.quarantine, each once, and take acquitted ones out."""

from __future__ import annotations

import pyarrow as pa

from pipelines.contracts.tables import quoted
from pipelines.lake import Writer
from pipelines.landing.grid import BarGrid
from pipelines.landing.group import KEYED, Group
from pipelines.landing.relations import Judgement, PlacedRows, Scratch, UniqueRows
from pipelines.landing.rules import CONTEXT_REASONS, PRICE_NAMES, VALUES

BARS = "bars"


def quarantine_rows(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    grid: BarGrid,
    placed: PlacedRows,
    unique: UniqueRows,
    judgement: Judgement,
) -> None:
    """Bring silver.quarantine to what the judgement rejected."""
    values = ", ".join(f"{name} := {quoted(name)}" for name in PRICE_NAMES)
    columns = f"symbol, label, {VALUES}, row, received_at, reason, detail"
    received = ", ".join(f"v.{quoted(name)}" for name in PRICE_NAMES)
    rejected = scratch.table(
        "rejected",
        f"""SELECT symbol, label AS ts, reason, detail,
                   to_json(struct_pack({values}))::VARCHAR AS original, row, received_at
            FROM (SELECT {columns} FROM {placed.rejects}
                  UNION ALL SELECT {columns} FROM {unique.conflicts}
                  UNION ALL
                  SELECT v.symbol, v.label, {received}, v.row, v.received_at, f.reason, f.detail
                  FROM {judgement.versions} v JOIN {judgement.flagged} f
                    ON v.symbol = f.symbol AND v.label = f.label AND v.version = f.version
                       AND v.row IS NOT DISTINCT FROM f.row
                  WHERE f.ts >= {grid.since})""",
    )
    # A row that its context condemned may be acquitted by a neighbour that came later, or condemned
    # for another reason.
    reasons = ", ".join(f"'{reason}'" for reason in CONTEXT_REASONS)
    condemned = f"{KEYED} AND reason IN ({reasons})"
    if writer.one(f"SELECT count(*) FROM silver.quarantine WHERE {condemned}", group.key):
        row = "symbol, ts, reason, original"
        acquitted = scratch.table(
            "acquitted",
            f"""SELECT {row} FROM silver.quarantine q
                SEMI JOIN (SELECT symbol, label FROM {judgement.versions}
                           WHERE ts >= {grid.since}) v
                  ON q.symbol = v.symbol AND q.ts = v.label
                ANTI JOIN {rejected} r USING ({row})
                WHERE {condemned}""",
            group.key,
        )
        if scratch.value(f"SELECT count(*) FROM {acquitted}"):
            where = f"{condemned} AND ({row}) IN (FROM {acquitted})"
            writer.delete("silver.quarantine", where, group.key)
    if scratch.value(f"SELECT count(*) FROM {rejected}"):
        append_rejects(writer, rejected, BARS, *group.key)


def quarantine_unreadable(
    writer: Writer, scratch: Scratch, group: Group, rejects: pa.Table
) -> None:
    """Append rows that never became bars to silver.quarantine."""
    if rejects.num_rows:
        append_rejects(writer, scratch.arrow("unreadable", rejects), BARS, *group.key)


def append_rejects(
    writer: Writer, rejected: str, dataset: str, source: str, interval: str | None
) -> None:
    """Append the rejected rows of a relation that quarantine does not have."""
    rows = f"""
        SELECT r.* FROM (
            SELECT DISTINCT ON (symbol, ts, reason, original) * FROM {rejected} ORDER BY row
        ) r ANTI JOIN (
            SELECT * FROM silver.quarantine
            WHERE source = ? AND "interval" IS NOT DISTINCT FROM ?
              AND coalesce(dataset, 'bars') = ?
        ) q ON r.symbol IS NOT DISTINCT FROM q.symbol AND r.ts IS NOT DISTINCT FROM q.ts
             AND r.reason = q.reason AND r.original = q.original"""
    writer.touch("silver.quarantine")
    writer.run(
        f"""INSERT INTO silver.quarantine
            (dataset, source, symbol, "interval", ts, reason, detail, original, row, received_at,
             batch)
            SELECT ?, ?, symbol, ?, ts, reason, detail, original, row, received_at, ?
            FROM ({rows})""",
        [dataset, source, interval, writer.batch, source, interval, dataset],
    )
