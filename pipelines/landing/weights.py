"""Bring index weights to bronze and silver. Where none came, the known ones stay."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.contracts.silver import SILVER_WEIGHTS
from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import Writer
from pipelines.landing.relations import Scratch
from pipelines.sources.base import WEIGHTS, Answer

VALUES = ("name", "weight", "known_at", "partial", "origin")
_BROKEN = "weight IS NULL OR NOT isfinite(weight) OR weight <= 0 OR weight > 1"


def land_weights(
    writer: Writer, source: str, index: str, pieces: Sequence[tuple[Answer, pa.Table]]
) -> dict[str, int]:
    """Append every version to bronze; silver gets the newest of each member and effective date."""
    rows = pa.concat_tables([_stamped(answer, rows) for answer, rows in pieces])
    with Scratch(writer.connection, writer.check_files) as scratch:
        versions = _new_versions(writer, scratch, source, index, rows)
        writer.append("bronze.weights", versions.drop_columns(["broken"]))
        relation = scratch.arrow("fresh_weights", versions)
        sound_rows = writer.sql(f"SELECT * EXCLUDE (broken) FROM {relation} WHERE NOT broken")
        if sound_rows.num_rows:
            writer.delete(
                SILVER_WEIGHTS.full_name,
                f"""source = ? AND "index" = ? AND (symbol, effective) IN (
                        SELECT (symbol, effective) FROM {relation} WHERE NOT broken)""",
                [source, index],
            )
            writer.append(SILVER_WEIGHTS.full_name, sound_rows)
        broken_count = versions.num_rows - sound_rows.num_rows
        if broken_count:
            rejects = writer.sql(
                f"""SELECT source, symbol, '1d' AS "interval", effective::TIMESTAMPTZ AS ts,
                           'bad_weight' AS reason,
                           'a weight is a fraction above 0, at most 1' AS detail,
                           to_json(w)::VARCHAR AS original, 0::BIGINT AS row, received_at
                    FROM {relation} w WHERE broken"""
            )
            writer.append("silver.quarantine", rejects)
    return {
        "received": rows.num_rows,
        "accepted": sound_rows.num_rows,
        "unchanged": rows.num_rows - versions.num_rows,
        "quarantined": broken_count,
    }


def _new_versions(
    writer: Writer, scratch: Scratch, source: str, index: str, rows: pa.Table
) -> pa.Table:
    """Return the weights that bronze does not have as the newest of their member and date."""
    received = scratch.arrow("received_weights", rows)
    newest = scratch.table(
        "newest_weights",
        f"""SELECT DISTINCT ON (symbol, effective) ? AS source, ? AS "index", t.*,
                   {_BROKEN} AS broken
            FROM {received} t ORDER BY received_at DESC, weight DESC""",
        [source, index],
    )
    same = " AND ".join(f"w.{name} IS NOT DISTINCT FROM s.{name}" for name in VALUES)
    return writer.sql(
        f"""SELECT w.* FROM {newest} w ANTI JOIN (
                SELECT DISTINCT ON (symbol, effective) * FROM bronze.weights
                WHERE source = ? AND "index" = ? ORDER BY batch DESC
            ) s ON w.symbol = s.symbol AND w.effective = s.effective AND {same}
            ORDER BY effective, symbol""",
        [source, index],
    )


def _stamped(answer: Answer, rows: pa.Table) -> pa.Table:
    origin = str(answer.asked.get("origin", answer.source))
    received = pa.scalar(answer.received_at, UTC_TYPE)
    return (
        rows.cast(WEIGHTS)
        .append_column("received_at", pa.repeat(received, rows.num_rows))
        .append_column("origin", pa.repeat(pa.scalar(origin), rows.num_rows))
    )


def withdraw_weights(writer: Writer, source: str, batch: int) -> int:
    """Delete the weights of a batch; silver has the newest good version of those that are left."""
    key = [source, batch]
    members = writer.rows(
        'SELECT "index", symbol, effective FROM bronze.weights WHERE source = ? AND batch = ?', key
    )
    if not members:
        return 0
    writer.delete("bronze.weights", "source = ? AND batch = ?", key)
    standing = """source = ? AND ("index", symbol, effective) IN (
        SELECT (unnest(?), unnest(?), unnest(?)))"""
    parameters = [source, *(list(column) for column in zip(*members, strict=True))]
    writer.delete(SILVER_WEIGHTS.full_name, standing, parameters)
    earlier = writer.sql(
        f"""SELECT DISTINCT ON ("index", symbol, effective) * EXCLUDE (batch) FROM bronze.weights
            WHERE {standing} AND NOT ({_BROKEN}) ORDER BY batch DESC""",
        parameters,
    )
    if earlier.num_rows:
        writer.append(SILVER_WEIGHTS.full_name, earlier)
    return len(members)
