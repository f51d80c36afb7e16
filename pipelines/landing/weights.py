"""Bring index weights to bronze and silver. Where none came, the known ones stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from pipelines.contracts.silver import SILVER_WEIGHTS
from pipelines.lake import Writer
from pipelines.landing.relations import Scratch
from pipelines.landing.versions import (
    VersionCounts,
    VersionedTable,
    find_new_versions,
    quarantine_versions,
    replace_rows,
    stamp_rows,
)
from pipelines.sources.base import WEIGHTS, Answer

WEIGHT_VERSIONS = VersionedTable(
    "weights",
    "bronze.weights",
    SILVER_WEIGHTS.full_name,
    key=("symbol", "effective"),
    scope=("source", "index"),
    identity=("symbol", "effective"),
    order="received_at DESC, weight DESC",
    known_order="batch DESC",
    values=("name", "weight", "known_at", "partial", "origin"),
)
_BROKEN = "weight IS NULL OR NOT isfinite(weight) OR weight <= 0 OR weight > 1"


def land_weights(
    writer: Writer, source: str, index: str, pieces: Sequence[tuple[Answer, pa.Table]]
) -> VersionCounts:
    """Append every version to bronze; silver gets the newest of each member and effective date."""
    rows = pa.concat_tables([_stamped(answer, rows) for answer, rows in pieces])
    scope: list[object] = [source, index]
    with Scratch(writer.connection, writer.check_files) as scratch:
        received = scratch.arrow("received_weights", rows)
        known = scratch.table(
            "known_weights", f"FROM bronze.weights WHERE {WEIGHT_VERSIONS.scoped}", scope
        )
        broken = scratch.value(f"SELECT count(*) FROM {received} WHERE {_BROKEN}")
        versions = writer.sql(
            f"""SELECT ? AS source, ? AS "index", *, {_BROKEN} AS broken
                FROM {
                scratch.arrow(
                    "new_weights", find_new_versions(writer, WEIGHT_VERSIONS, received, known)
                )
            }
                ORDER BY effective, symbol""",
            scope,
        )
        writer.append(WEIGHT_VERSIONS.bronze, versions.drop_columns(["broken"]))
        relation = scratch.arrow("fresh_weights", versions)
        sound = writer.sql(f"SELECT * EXCLUDE (broken) FROM {relation} WHERE NOT broken")
        replaced = replace_rows(writer, scratch, WEIGHT_VERSIONS, scope, sound)
        rejects = writer.sql(
            f"""SELECT symbol, effective::TIMESTAMPTZ AS ts, 'bad_weight' AS reason,
                       'a weight is a fraction above 0, at most 1' AS detail,
                       to_json(w)::VARCHAR AS original, 0::BIGINT AS row, received_at
                FROM {relation} w WHERE broken"""
        )
        quarantine_versions(writer, scratch, WEIGHT_VERSIONS, source, rejects)
    return VersionCounts(
        received=rows.num_rows,
        accepted=sound.num_rows - replaced,
        unchanged=rows.num_rows - sound.num_rows - broken,
        replaced=replaced,
        quarantined=broken,
        reasons=Counter(bad_weight=broken) if broken else Counter(),
    )


def _stamped(answer: Answer, rows: pa.Table) -> pa.Table:
    origin = str(answer.query.get("origin", answer.source))
    return stamp_rows(rows.cast(WEIGHTS), answer).append_column(
        "origin", pa.repeat(pa.scalar(origin), rows.num_rows)
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
