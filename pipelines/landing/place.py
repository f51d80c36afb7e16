"""Rows received become sane rows, one a bar; the others are rejected, or left for later.

1. A row of a bar that is still open is left for later; a time that names no bar is rejected.
2. A row that breaks the contract of silver.bars is rejected (no number, not positive, high
   below close, ...), or one whose prices cannot belong to one bar (unit errors, spikes).
3. Of two rows of a bar the one received last counts; of two in one answer the one with more
   volume, as the fuller print of the same bar. The other is rejected if it differs.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.landing.relations import OffSession, PlacedRows, Scratch, UniqueRows
from pipelines.landing.rules import BREAKS_A_RULE, FULLEST, ROW_RULES, VALUES

LEAST_SATURDAYS = 2  # rows
SATURDAY_SHARE = 0.1  # of all rows: a seventh in a market that never closes
AROUND_THE_CLOCK = 18  # hours of the day (UTC) with a row outside all sessions


def check_rows(scratch: Scratch, incoming: pa.Table) -> PlacedRows:
    """Sort the rows into those that can stand, those that cannot and those still open."""
    rows = scratch.arrow("incoming", incoming)
    has_odd_rows = scratch.value(
        f"SELECT count(*) FROM {rows} WHERE ts IS NULL OR closes_at > as_of OR {BREAKS_A_RULE}"
    )
    if has_odd_rows:
        reasons = " ".join(f"WHEN {rule.sql} THEN '{rule.name}'" for rule in ROW_RULES)
        all_rows = scratch.table(
            "placed",
            f"""SELECT * EXCLUDE (as_of), coalesce(closes_at > as_of, false) AS unclosed,
                       CASE WHEN ts IS NULL THEN 'not_in_session'
                            WHEN {BREAKS_A_RULE} THEN CASE {reasons} END END AS reason
                FROM {rows}""",
        )
    else:  # nothing is copied: a first load of millions is read as it came
        all_rows = scratch.view(
            "placed",
            f"SELECT * EXCLUDE (as_of), false AS unclosed, NULL::VARCHAR AS reason FROM {rows}",
        )
    off_session = OffSession(incoming.num_rows)
    if has_odd_rows:
        off_session = _count_off_session(scratch, all_rows)
    details = " ".join(f"WHEN {rule.sql} THEN {rule.meaning}" for rule in ROW_RULES)
    rejects = scratch.view(
        "row_rejects",
        f"""SELECT symbol, label, {VALUES}, row, received_at, reason,
                   CASE WHEN reason = 'not_in_session'
                        THEN 'the calendar has no bar that opens at ' || label
                        {details} END AS detail
            FROM {all_rows} WHERE reason IS NOT NULL AND NOT unclosed""",
    )
    sane = scratch.view(
        "sane",
        f"""SELECT symbol, ts, label, closes_at, session, place, {VALUES}, row, received_at
            FROM {all_rows} WHERE reason IS NULL AND NOT unclosed""",
    )
    return PlacedRows(all_rows, sane, rejects, off_session)


def _count_off_session(scratch: Scratch, all_rows: str) -> OffSession:
    total, saturdays, hours = scratch.value(
        f"""SELECT (count(*), count(*) FILTER (WHERE ts IS NULL AND isodow(label) = 6),
                    list(DISTINCT hour(label)) FILTER (WHERE ts IS NULL)) FROM {all_rows}"""
    )
    return OffSession(total, saturdays, frozenset(hours or ()))


def find_calendar_hint(rows: OffSession) -> str:
    """Name the calendar of a market that never closes, where the rejected times suggest one.

    Hours before and after a session do not: there are rows around the clock, or at week-ends.
    """
    if rows.saturdays >= LEAST_SATURDAYS and rows.saturdays >= SATURDAY_SHARE * rows.total:
        calendar = "24/7"
    elif len(rows.hours) >= AROUND_THE_CLOCK:
        calendar = "24/5"
    else:
        return ""
    return f"is this a market of 24 hours? Set `calendar: {calendar}` in the mapping (bars.yaml)"


def choose_one_a_bar(scratch: Scratch, placed: PlacedRows, *, repeats: bool) -> UniqueRows:
    """Choose the row of each bar that counts. Without `repeats` no bar came twice."""
    if not repeats:
        winners = scratch.view("winners", f"FROM {placed.sane}")
        conflicts = scratch.view(
            "conflicts", f"SELECT *, '' AS reason, '' AS detail FROM {placed.sane} WHERE false"
        )
        return UniqueRows(winners, conflicts, 0)
    ranked = scratch.table(
        "ranked",
        f"""SELECT *, row_number() OVER bar AS rank,
                   first(({VALUES})) OVER bar IS NOT DISTINCT FROM ({VALUES}) AS same
            FROM {placed.sane}
            WINDOW bar AS (PARTITION BY symbol, ts ORDER BY received_at DESC, {FULLEST})""",
    )
    winners = scratch.view("winners", f"SELECT * EXCLUDE (rank, same) FROM {ranked} WHERE rank = 1")
    conflicts = scratch.view(
        "conflicts",
        f"""SELECT * EXCLUDE (rank, same), 'duplicate_conflict' AS reason,
                   'a fuller row for the same bar came with it' AS detail
            FROM {ranked} WHERE rank > 1 AND NOT same""",
    )
    repeated = scratch.value(f"SELECT count(*) FROM {ranked} WHERE rank > 1 AND same")
    return UniqueRows(winners, conflicts, int(repeated))
