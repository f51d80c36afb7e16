"""The holdings file that BULLION_HOLDINGS_CSV names: the weights of an index, for any source.

It is a CSV as a fund company publishes it, see fund_table.py. The weights count as known from when
the file was written here, so that reading it again changes nothing. For weights of the past, name
dated files in the mapping of the `files` source.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import SourceError
from pipelines.core.input_files import read_file
from pipelines.sources.base import Answer
from pipelines.sources.files.mapping import WeightFiles
from pipelines.sources.files.weights import weights_in

HOLDINGS_FILE = "BULLION_HOLDINGS_CSV"
ORIGIN = "holdings file"
MOST_BYTES = 16 << 20  # ten times the longest fund's, of 9,000 members
INSTEAD = f"or unset {HOLDINGS_FILE} to use the weights of the source itself"


def is_set() -> bool:
    """Return whether a holdings file is named."""
    return bool(os.environ.get(HOLDINGS_FILE))


def read_answer(source: str, universe: str, now: datetime) -> Answer:
    """Read the holdings file, as an answer of the source that it stands in for."""
    path = Path(os.environ[HOLDINGS_FILE])
    try:
        body = read_file(path, max_bytes=MOST_BYTES)
        modified = min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
    except SourceError as error:
        raise SourceError(
            f"the holdings file cannot be read: {error.message}",
            f"put a holdings CSV there, {INSTEAD}",
        ) from error
    query = {
        "universe": universe,
        "origin": ORIGIN,
        "file": str(path),
        "modified": modified.isoformat(),
    }
    return Answer(source, "weights", query, body, "text/csv", now)


def parse_holdings(answer: Answer) -> pa.Table:
    """Parse the weights of a holdings file. Without any date in it, it is of when it was written.

    Pure: the same answer gives the same weights.
    """
    file, universe = str(answer.query["file"]), str(answer.query["universe"])
    modified = datetime.fromisoformat(str(answer.query["modified"]))
    entry = WeightFiles((file,), universe, known_at=modified.isoformat())
    try:
        table = weights_in(file, answer.body, entry, answer.received_at, modified.date())
    except SourceError as error:
        hint = (
            "expected is a CSV with a header, a ticker and a weight (percent or fraction) a line "
            f"and at most one date; mend it, {INSTEAD}"
        )
        raise SourceError(error.message, hint) from None
    days = pc.unique(table["effective"]).drop_null()
    if len(days) > 1:
        raise SourceError(
            f"{file}: its lines are of {len(days)} dates, {pc.min(days)} to {pc.max(days)}, and "
            "not of one",
            "keep the lines of one date; for a history name the files in the mapping of the "
            "`files` source",
        )
    return table
