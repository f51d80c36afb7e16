"""The raw answers in bronze: read, put together and held against their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from pipelines.core.errors import LakeError
from pipelines.lake import View
from pipelines.landing.bronze import PART_BYTES
from pipelines.sources.base import Answer
from pipelines.steps.proof.differences import DamagedAnswer

TABLE = "bronze.answers"


@dataclass(frozen=True)
class StoredAnswer:
    """One raw answer of bronze, without its body."""

    source: str
    kind: str
    piece: str
    request: str
    media_type: str
    bytes: int
    sha256: str
    received_at: datetime
    batch: int

    def __str__(self) -> str:
        return (
            f"{self.source} {self.kind} {self.piece!r}, received "
            f"{self.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, batch {self.batch}"
        )

    @property
    def query(self) -> dict[str, Any]:
        query: dict[str, Any] = json.loads(self.request)
        return query

    @property
    def symbols(self) -> frozenset[str] | None:
        """The symbols that the answer's piece names; None where it names none."""
        words = self.piece.split(" ")
        if self.kind != "bars" or len(words) != 4 or not words[0]:
            return None
        return frozenset(words[0].split(","))


def list_answers(
    view: View, source: str, kind: str, batches: Sequence[int], received: Sequence[datetime] = ()
) -> list[StoredAnswer]:
    """List the answers of some batches, and those received at these times, in their order."""
    if not batches and not received:
        return []
    rows = _unguarded(view).rows(
        f"""SELECT DISTINCT source, kind, piece, asked, media_type, bytes, sha256, received_at,
                   batch FROM {TABLE}
            WHERE source = ? AND kind = ?
            AND (batch IN (SELECT unnest(?::BIGINT[]))
                 OR received_at IN (SELECT unnest(?::TIMESTAMPTZ[])))
            ORDER BY batch, piece, received_at, sha256, asked""",
        [source, kind, list(batches), list(received)],
    )
    return [StoredAnswer(*row) for row in rows]


def read_answers(
    view: View, answers: Sequence[StoredAnswer]
) -> Iterator[tuple[StoredAnswer, Answer]]:
    """Yield answers with their bodies; raise for one that is not what was received, by name.

    The files are not compared with their own checksums: each body has one.
    """
    for stored in answers:
        body = _read_body(view, stored)
        digest = sha256(body).hexdigest()
        if digest != stored.sha256:
            raise _damaged(stored, f"its SHA-256 was {stored.sha256}, and is now {digest}")
        yield (
            stored,
            Answer(
                stored.source, stored.kind, stored.query, body, stored.media_type,
                stored.received_at,
            ),
        )  # fmt: skip


def _read_body(view: View, stored: StoredAnswer) -> bytes:
    try:
        rows = _unguarded(view).rows(
            f"""SELECT body FROM {TABLE} WHERE source = ? AND kind = ? AND batch = ?
                AND sha256 = ? AND asked = ? AND piece = ? ORDER BY part""",
            [stored.source, stored.kind, stored.batch, stored.sha256, stored.request, stored.piece],
        )
    except LakeError as error:
        raise _damaged(stored, error.message) from error
    codec, left, parts = pa.Codec("zstd"), stored.bytes, []
    try:
        for (compressed,) in rows:
            size = min(left, PART_BYTES) if len(rows) > 1 else left
            parts.append(codec.decompress(compressed, size, asbytes=True))
            left -= size
    except (OSError, ValueError) as error:
        raise _damaged(stored, f"it cannot be decompressed: {error}") from error
    return b"".join(parts)


def _damaged(stored: StoredAnswer, reason: str) -> DamagedAnswer:
    return DamagedAnswer(
        f"the raw answer {stored} is not what was received: {reason}",
        "run `bullion verify`, which names the damaged file, and restore that from a copy",
    )


def _unguarded(view: View) -> View:
    """Return the same snapshot without the comparison of files with their checksums."""
    return View(view.connection, view.snapshot)
