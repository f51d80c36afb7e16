"""Bars the calendar has and silver has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipelines.core.calendar import Bars, Calendar
from pipelines.lake import Writer
from pipelines.landing.bronze import KEYED
from pipelines.landing.grid import aware, naive

if TYPE_CHECKING:
    from pipelines.landing.batch import Group


def replace(
    writer: Writer,
    group: Group,
    market: Calendar,
    symbols: Sequence[str],
    span: tuple[datetime, datetime] | None,
    as_of: datetime,
) -> tuple[int, Counter[str]]:
    """Replace silver.gaps in the sessions of a span. How many bars the span has, and by symbol
    how many of these are missing. Without a span each symbol's own rows say where it begins
    and ends."""
    members = _members(writer, symbols, span)
    if members is None:
        return 0, Counter()
    made = _whole_sessions(writer, group, market, *members, as_of)
    if len(made) == 0:
        return 0, Counter()
    writer.connection.register("expected", made.table())
    held = f"""FROM silver.bars WHERE {KEYED} AND ts BETWEEN ? AND ?
               AND symbol IN (SELECT symbol FROM members)"""
    key = [*group.key, aware(made.ts[0]), aware(made.ts[-1])]
    # Sessions are counted first: only the short ones are looked at bar by bar.
    writer.run(
        f"""CREATE OR REPLACE TEMP TABLE holes AS
            WITH days AS (SELECT session, count(*) AS n FROM expected GROUP BY ALL),
            present AS (SELECT symbol, session, count(*) AS n {held} GROUP BY ALL),
            short AS (
                SELECT m.symbol, d.session, d.n AS expected
                FROM members m CROSS JOIN days d LEFT JOIN present p
                  ON p.symbol = m.symbol AND p.session = d.session
                WHERE coalesce(p.n, 0) < d.n AND d.session BETWEEN m.first AND m.last
            )
            SELECT s.symbol, s.session, s.expected, e.ts, e.closes_at
            FROM short s JOIN expected e USING (session)
            ANTI JOIN (SELECT symbol, ts {held}) b ON b.symbol = s.symbol AND b.ts = e.ts""",
        [*key, *key],
    )
    where = f"""{KEYED} AND session BETWEEN ? AND ?
                AND symbol IN (SELECT symbol FROM members)"""
    here = [*group.key, made.session[0].item(), made.session[-1].item()]
    if writer.one(f"SELECT count(*) FROM silver.gaps WHERE {where}", here):
        writer.delete("silver.gaps", where, here)
    holes = writer.sql(
        """SELECT ? AS source, symbol, ? AS "interval", session,
                  expected::INTEGER AS expected, count(*)::INTEGER AS missing,
                  list(ts ORDER BY ts) AS missing_ts
           FROM holes GROUP BY ALL ORDER BY symbol, session""",
        group.key,
    )
    writer.append("silver.gaps", holes)
    return _due(writer, made, as_of)


def _due(writer: Writer, made: Bars, as_of: datetime) -> tuple[int, Counter[str]]:
    """How many bars were due in the span asked for, and by symbol how many of them are missing."""
    due = made.take(made.closes_at <= naive(as_of))
    expected = 0
    for low, high in writer.rows("SELECT low, high FROM members"):
        first = np.searchsorted(due.ts, naive(low), side="left")
        expected += int(np.searchsorted(due.ts, naive(high), side="right") - first)
    missing = writer.rows(
        """SELECT h.symbol, count(*) FROM holes h JOIN members m
             ON m.symbol = h.symbol AND h.ts BETWEEN m.low AND m.high
           WHERE h.closes_at <= ? GROUP BY h.symbol""",
        [as_of],
    )
    return expected, Counter(dict(missing))


def _members(
    writer: Writer, symbols: Sequence[str], span: tuple[datetime, datetime] | None
) -> tuple[datetime, datetime] | None:
    """members: each symbol with the span in which its bars are due. The span of them all."""
    # A session may bear the date of the day after its open: one day more does no harm here.
    if span is not None:
        rows = """SELECT unnest(?) AS symbol, ?::TIMESTAMPTZ AS low, ?::TIMESTAMPTZ AS high,
                         low::DATE AS first, high::DATE + 1 AS last"""
        told: list[object] = [list(symbols), span[0], span[1] - timedelta(microseconds=1)]
    else:
        rows, told = (
            """SELECT symbol, min(ts) AS low, max(ts) AS high, min(session) AS first,
                               max(session) AS last
                        FROM placed WHERE ts IS NOT NULL GROUP BY symbol""",
            [],
        )
    writer.run(f"CREATE OR REPLACE TEMP TABLE members AS {rows}", told)
    whole = writer.rows("SELECT min(low), max(high) FROM members")[0]
    return None if whole[0] is None else whole


def _whole_sessions(
    writer: Writer, group: Group, market: Calendar, low: datetime, high: datetime, as_of: datetime
) -> Bars:
    """Every bar of the sessions from `low` to `high` that should be there by now.

    A run over part of a session, or one that looks back, must not hide what its rest lacks.
    """
    day = timedelta(days=1)
    whole = market.bars(group.interval, low - day, high + day, group.grid)
    inside = (whole.ts >= naive(low)) & (whole.ts <= naive(high))
    if not inside.any():
        return whole.take(inside)
    first, last = whole.session[inside][[0, -1]]
    newest = writer.one(
        f"SELECT max(closes_at) FROM silver.bars WHERE {KEYED} AND session BETWEEN ? AND ?",
        [*group.key, first.item(), last.item()],
    )
    horizon = naive(max(as_of, newest) if newest else as_of)
    same = (whole.session >= first) & (whole.session <= last)
    return whole.take(same & (whole.closes_at <= horizon))
