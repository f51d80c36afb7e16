"""Withdraw rows that came in by mistake."""

from __future__ import annotations

import difflib
import json
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake, View, Writer
from pipelines.landing.withdrawal import Selection, Withdrawn, withdraw_rows
from pipelines.steps.data.ingest import FIRST


class _Rehearsed(Exception):
    """Ends a dry run, so that nothing of it is committed."""


def withdraw(
    lake: Lake, selection: Selection, reason: str, *, dry_run: bool = False, run: str = "cli"
) -> Withdrawn:
    """Take the selected rows out of the lake, in one commit; a dry run commits nothing.

    Features follow with the next refresh. What was published live stays as it was said.
    """
    if selection.interval is None and selection.batch is None:
        raise InvalidRequest("neither interval nor batch was named", "add --interval or --batch")
    if not reason.strip():
        raise InvalidRequest("no reason was given", "say why with --reason: gold.runs keeps it")
    if selection.start and selection.end and selection.start >= selection.end:
        raise InvalidRequest(
            f"the range starts at {selection.start} and ends at {selection.end}, before it starts",
            "swap --start and --end",
        )
    withdrawn = Withdrawn()
    try:
        with lake.write(f"withdraw {selection.source}") as writer:
            withdrawn = withdraw_rows(writer, selection, reason)
            if withdrawn.is_empty:
                known = _describe_rows(writer, selection)
                raise InvalidRequest(f"{selection.source} has no rows of {selection}", known)
            _record(writer, selection, withdrawn, reason, run)
            if dry_run:
                raise _Rehearsed
    except _Rehearsed:
        pass
    return withdrawn


def _describe_rows(view: View, selection: Selection) -> str:
    """Return which rows there are to withdraw."""
    if selection.batch is not None:
        rows = view.rows(
            "SELECT DISTINCT batch FROM bronze.bars WHERE source = ? ORDER BY batch DESC LIMIT 5",
            [selection.source],
        )
        listed = ", ".join(str(batch) for (batch,) in rows)
        what = "its newest batches"
    else:
        rows = view.rows(
            """SELECT "interval", count(*), min(ts)::DATE, max(ts)::DATE FROM bronze.bars
               WHERE source = ? GROUP BY ALL ORDER BY ALL""",
            [selection.source],
        )
        listed = ", ".join(f"{name} ({n:,} rows, {low} to {high})" for name, n, low, high in rows)
        what = "it has"
    return f"{what}: {listed or 'no bars at all'}{_describe_symbols(view, selection)}"


def _describe_symbols(view: View, selection: Selection) -> str:
    """Name the symbols there are, the nearest first, where symbols were named that are not."""
    known = [
        symbol
        for (symbol,) in view.rows(
            "SELECT DISTINCT symbol FROM bronze.bars WHERE source = ? ORDER BY symbol",
            [selection.source],
        )
    ]
    missing = [symbol for symbol in selection.symbols if symbol not in known]
    if not missing or not known:
        return ""
    near = difflib.get_close_matches(missing[0].upper(), known, n=3, cutoff=0.5)
    listed = ", ".join(near or known[:10]) + (", ..." if not near and len(known) > 10 else "")
    return f"; no bars of {', '.join(missing)}, but of {listed}"


def _record(
    writer: Writer, selection: Selection, withdrawn: Withdrawn, reason: str, run: str
) -> None:
    now = datetime.now(UTC)
    row = {
        "run": run,
        "step": "withdraw",
        "source": selection.source,
        "about": str(selection),
        "interval_start": selection.start or FIRST,
        "interval_end": selection.end or now,
        "status": "ok",
        "counts": json.dumps(withdrawn.counts),
        "message": reason,
        "finished_at": now,
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))
