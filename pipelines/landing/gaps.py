"""Bars that the calendar has and silver lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import Bars, Calendar
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.lake import Writer
from pipelines.landing.group import KEYED, Group
from pipelines.landing.relations import Scratch


@dataclass(frozen=True)
class Spans:
    """Each symbol with the span in which its bars are due."""

    relation: str  # symbol, low, high
    low: datetime  # of them all
    high: datetime


def requested_spans(
    scratch: Scratch, symbols: Sequence[str], span: tuple[datetime, datetime]
) -> Spans | None:
    """Return the requested span, of every symbol."""
    relation = scratch.table(
        "spans",
        "SELECT unnest(?) AS symbol, ?::TIMESTAMPTZ AS low, ?::TIMESTAMPTZ AS high",
        [list(symbols), span[0], span[1] - timedelta(microseconds=1)],
    )
    return _all_of(scratch, relation)


def received_spans(scratch: Scratch, placed: str) -> list[pa.Table]:
    """Return the span from the first to the last bar received, of each symbol: a table, or none."""
    query = f"""SELECT symbol, min(ts) AS low, max(ts) AS high
                FROM {placed} WHERE ts IS NOT NULL GROUP BY symbol"""
    spans = scratch.connection.execute(query).to_arrow_table()
    return [spans] if spans.num_rows else []


def merged_spans(scratch: Scratch, spans: Sequence[pa.Table]) -> Spans | None:
    """Return the spans of symbols that were landed one part after the other."""
    return _all_of(scratch, scratch.arrow("spans", pa.concat_tables(spans))) if spans else None


def _all_of(scratch: Scratch, relation: str) -> Spans | None:
    low = scratch.value(f"SELECT min(low) FROM {relation}")
    high = scratch.value(f"SELECT max(high) FROM {relation}")
    return None if low is None else Spans(relation, low, high)


def replace_gaps(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    market: Calendar,
    spans: Spans | None,
    changed_sessions: str | None,
    as_of: datetime,
) -> tuple[Counter[str], Counter[str]]:
    """Replace silver.gaps in the sessions of the spans, and in those that have changed.

    Returns by symbol how many bars were due in the spans, and how many of these are missing.
    """
    bars = _whole_sessions(writer, scratch, group, market, spans, changed_sessions, as_of)
    if bars is None or len(bars) == 0:
        return Counter(), Counter()
    expected = scratch.arrow("expected", bars.table())
    sessions = _sessions_to_check(scratch, expected, spans, changed_sessions)
    members = f"symbol IN (SELECT DISTINCT symbol FROM {sessions})"
    present = f"FROM silver.bars WHERE {KEYED} AND ts BETWEEN ? AND ? AND {members}"
    parameters = [*group.key, from_numpy(bars.ts[0]), from_numpy(bars.ts[-1])]
    # Sessions are counted first: only the short ones are looked at bar by bar.
    short = scratch.table(
        "short_sessions",
        f"""SELECT s.symbol, s.session, s.expected FROM {sessions} s
            LEFT JOIN (SELECT symbol, session, count(*) AS n {present} GROUP BY ALL) p
              USING (symbol, session)
            WHERE coalesce(p.n, 0) < s.expected""",
        parameters,
    )
    has_short = bool(scratch.value(f"SELECT count(*) FROM {short}"))
    where = f"""{KEYED} AND session BETWEEN ? AND ?
                AND (symbol, session) IN (SELECT (symbol, session) FROM {sessions})"""
    ends = [*group.key, bars.session[0].item(), bars.session[-1].item()]
    if writer.one(f"SELECT count(*) FROM silver.gaps WHERE {where}", ends):
        writer.delete("silver.gaps", where, ends)
    holes = ""
    if has_short:
        holes = scratch.table(
            "holes",
            f"""SELECT s.symbol, s.session, s.expected, e.ts, e.closes_at
                FROM {short} s JOIN {expected} e USING (session)
                ANTI JOIN (SELECT symbol, ts {present}) b ON b.symbol = s.symbol AND b.ts = e.ts""",
            parameters,
        )
        gaps = writer.sql(
            f"""SELECT ? AS source, symbol, ? AS "interval", session,
                       expected::INTEGER AS expected, count(*)::INTEGER AS missing,
                       list(ts ORDER BY ts) AS missing_ts
                FROM {holes} GROUP BY ALL ORDER BY symbol, session""",
            group.key,
        )
        writer.append("silver.gaps", gaps)
    return _count_due(writer, spans, holes, bars, as_of) if spans else (Counter(), Counter())


def _sessions_to_check(
    scratch: Scratch, expected: str, spans: Spans | None, changed_sessions: str | None
) -> str:
    """Return the relation of symbol, session and the count of its bars."""
    pairs = []
    if spans:
        pairs.append(
            f"""SELECT m.symbol, d.session FROM days d JOIN {spans.relation} m
                  ON d.first <= m.high AND d.last >= m.low"""
        )
    if changed_sessions:
        pairs.append(f"SELECT symbol, session FROM {changed_sessions}")
    return scratch.table(
        "sessions_to_check",
        f"""WITH days AS (
                SELECT session, min(ts) AS first, max(ts) AS last, count(*) AS expected
                FROM {expected} GROUP BY session
            )
            SELECT p.symbol, session, d.expected
            FROM ({" UNION ".join(pairs)}) p JOIN days d USING (session)""",
    )


def _count_due(
    writer: Writer, spans: Spans, holes: str, bars: Bars, as_of: datetime
) -> tuple[Counter[str], Counter[str]]:
    """Count by symbol the bars that were due in the spans, and those of them that are missing.

    Without a relation of holes none is missing.
    """
    due = bars.take(bars.closes_at <= to_numpy(as_of))
    expected = Counter[str]()
    for symbol, low, high in writer.rows(f"SELECT symbol, low, high FROM {spans.relation}"):
        first = np.searchsorted(due.ts, to_numpy(low), side="left")
        expected[symbol] += int(np.searchsorted(due.ts, to_numpy(high), side="right") - first)
    if not holes:
        return expected, Counter()
    missing = writer.rows(
        f"""SELECT h.symbol, count(*) FROM {holes} h JOIN {spans.relation} m
              ON m.symbol = h.symbol AND h.ts BETWEEN m.low AND m.high
            WHERE h.closes_at <= ? GROUP BY h.symbol""",
        [as_of],
    )
    return expected, Counter(dict(missing))


def _whole_sessions(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    market: Calendar,
    spans: Spans | None,
    changed_sessions: str | None,
    as_of: datetime,
) -> Bars | None:
    """Return every bar that is due by now, of all sessions from the first to the last concerned.

    A run over part of a session, or one that looks back, must not hide what its rest lacks.
    """
    ends = [spans.low, spans.high] if spans else []
    day = timedelta(days=1)
    if changed_sessions:
        query = (
            f"SELECT min(session)::TIMESTAMPTZ, max(session)::TIMESTAMPTZ FROM {changed_sessions}"
        )
        first, last = writer.rows(query)[0]
        ends += [first, last + day] if first else []
    if not ends:
        return None
    low, high = min(ends), max(ends)
    # A session may begin on the day before, or end on the day after.
    bars = market.bars(group.interval, low - day, high + day, group.grid)
    inside = (bars.ts >= to_numpy(low)) & (bars.ts <= to_numpy(high))
    if not inside.any():
        return None
    first, last = bars.session[inside][[0, -1]]
    newest = writer.one(
        f"SELECT max(closes_at) FROM silver.bars WHERE {KEYED} AND session BETWEEN ? AND ?",
        [*group.key, first.item(), last.item()],
    )
    horizon = to_numpy(max(as_of, newest) if newest else as_of)
    in_sessions = (bars.session >= first) & (bars.session <= last)
    return bars.take(in_sessions & (bars.closes_at <= horizon))
