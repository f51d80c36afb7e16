"""Rows that come in versions, of any dataset but bars: weights, stories.

Bronze has every version, and silver one row a key. What is new to bronze is found, appended and
settled here, and what is rejected goes to quarantine; each dataset says which of the versions
silver has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.contracts.tables import quoted
from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import Writer
from pipelines.landing.quarantine import append_rejects
from pipelines.landing.relations import Scratch
from pipelines.sources.base import Answer

COUNTS = ("received", "accepted", "unchanged", "replaced", "quarantined")


@dataclass(frozen=True)
class VersionedTable:
    """How rows of a dataset become versions in bronze, and rows in silver."""

    dataset: str
    bronze: str
    silver: str
    key: tuple[str, ...]  # of a row in silver, beside the scope
    scope: tuple[str, ...]  # columns of which a landing has one value each
    # Versions of bronze that agree on these count once, as the first of them in `known_order`;
    # so do rows received, as the first in `order`. A row with a version's values is not new.
    identity: tuple[str, ...]
    order: str
    known_order: str
    values: tuple[str, ...] = ()
    newer: str = "true"  # when the version k makes the row r none; both have the same values

    @property
    def scoped(self) -> str:
        """SQL for the rows of one landing's scope; its parameters are the scope's values."""
        return " AND ".join(f"{quoted(name)} = ?" for name in self.scope)


@dataclass
class VersionCounts:
    """What became of the rows received: the other counts add up to them."""

    received: int = 0
    accepted: int = 0
    unchanged: int = 0
    replaced: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: VersionCounts) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTS}


def stamp_rows(rows: pa.Table, answer: Answer) -> pa.Table:
    """Add to the rows of an answer when it was received."""
    received = pa.scalar(answer.received_at, UTC_TYPE)
    return rows.append_column("received_at", pa.repeat(received, rows.num_rows))


def find_new_versions(writer: Writer, table: VersionedTable, received: str, known: str) -> pa.Table:
    """Return the rows of a relation that are no versions of another one, taken from bronze."""
    identity = ", ".join(table.identity)
    same = " AND ".join(
        f"k.{name} IS NOT DISTINCT FROM r.{name}" for name in (*table.identity, *table.values)
    )
    return writer.sql(
        f"""SELECT r.* FROM (
                SELECT DISTINCT ON ({identity}) * FROM {received} ORDER BY {table.order}
            ) r ANTI JOIN (
                SELECT DISTINCT ON ({identity}) * FROM {known} ORDER BY {table.known_order}
            ) k ON {same} AND {table.newer}"""
    )


def replace_rows(
    writer: Writer,
    scratch: Scratch,
    table: VersionedTable,
    scope: Sequence[object],
    rows: pa.Table,
    keys: pa.Table | None = None,
    where: str = "true",
) -> int:
    """Put rows into silver in place of those with their keys, or these; return how many these were.

    `where` says more of where those are; its parameters follow the values of the scope.
    """
    keys = rows.select(table.key) if keys is None else keys
    if not keys.num_rows:
        return 0
    names = ", ".join(map(quoted, table.key))
    relation = scratch.arrow(f"{table.dataset}_keys", keys)
    condition = f"{table.scoped} AND {where} AND ({names}) IN (SELECT ({names}) FROM {relation})"
    count = writer.delete(table.silver, condition, list(scope))
    writer.append(table.silver, rows)
    return count


def quarantine_versions(
    writer: Writer, scratch: Scratch, table: VersionedTable, source: str, rejects: pa.Table
) -> None:
    """Append rejected rows to silver.quarantine, each once.

    They have symbol, ts, reason, detail, original, row and received_at.
    """
    if rejects.num_rows:
        relation = scratch.arrow(f"rejected_{table.dataset}", rejects)
        append_rejects(writer, relation, table.dataset, source, None)
