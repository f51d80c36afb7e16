"""Bring silver to what was judged, touching only the rows that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipelines.contracts.tables import quoted
from pipelines.lake import Writer
from pipelines.landing.grid import BarGrid, RowOrder
from pipelines.landing.group import KEYED, Group, LandingReport
from pipelines.landing.judge import INCOMING
from pipelines.landing.relations import Judgement, PlacedRows, Scratch, SilverChanges, UniqueRows
from pipelines.landing.rules import PRICE_NAMES, VALUES

WRITTEN = f"symbol, ts, closes_at, session, {VALUES}, split_factor, built_from, received_at"
COMPARED = ("closes_at", *PRICE_NAMES, "split_factor", "built_from")
# Prices of the stream and of the source's own bar that lie nearer to each other are the same: the
# middle of bid and ask is rounded differently.
TOLERANCE = 1e-5


def replace_bars(
    writer: Writer,
    scratch: Scratch,
    group: Group,
    symbols: Sequence[str],
    grid: BarGrid,
    judgement: Judgement,
    order: RowOrder,
) -> SilverChanges:
    """Bring silver.bars to what was judged.

    What lies before the first row received is context: it is read, and stays as it is.
    """
    # Rows that nothing is compared with are read where they lie: no context lies before them.
    uncompared = judgement.single_version and not judgement.has_leaps and judgement.has_rows
    if uncompared:
        judged = scratch.view("judged", f"FROM {judgement.chosen}")
    else:
        judged = scratch.table(
            "judged", f"SELECT * FROM {judgement.chosen} WHERE ts >= {grid.since}"
        )
    old_rows = scratch.table(
        "standing",
        f"""SELECT symbol, ts, closes_at, session, {VALUES}, split_factor, built_from
            FROM silver.bars
            WHERE {KEYED} AND ts BETWEEN ? AND ? AND symbol IN (SELECT unnest(?))""",
        [*group.key, *grid.judged, list(symbols)],
    )
    checked = scratch.view(
        "checked",
        f"""SELECT '{group.source}' AS source, '{group.interval.name}' AS "interval", {WRITTEN},
                   {writer.batch} AS batch FROM {judged}""",
    )
    has_standing = bool(scratch.value(f"SELECT count(*) FROM {old_rows}"))
    same = " AND ".join(f"c.{quoted(n)} IS NOT DISTINCT FROM s.{quoted(n)}" for n in COMPARED)
    equal = f"c.symbol = s.symbol AND c.ts = s.ts AND {same}"
    new_rows = scratch.view(
        "fresh",
        f"SELECT c.* FROM {judged} c ANTI JOIN {old_rows} s ON {equal}"
        if has_standing
        else f"FROM {judged}",
    )
    # Sessions of rows that were not received: a row that comes can change the verdict on others.
    changed = []
    if has_standing or not judgement.single_version:
        changed.append(f"SELECT symbol, session FROM {new_rows} WHERE version <> {INCOMING}")
    if has_standing:
        outdated_rows = scratch.view(
            "stale",
            f"SELECT s.symbol, s.ts, s.session FROM {old_rows} s ANTI JOIN {judged} c ON {equal}",
        )
        _delete_outdated(writer, group, outdated_rows)
        changed.append(f"SELECT symbol, session FROM {outdated_rows}")
    sessions = scratch.table("changed_sessions", " UNION ".join(changed)) if changed else None
    # Counting what is read where it lies costs as much as reading it.
    if (uncompared and not has_standing) or scratch.value(f"SELECT count(*) FROM {new_rows}"):
        # What comes by symbol and bar comes by bar, if it is one symbol's.
        single = judgement.single_version and not has_standing and len(symbols) == 1
        in_order = order.ascending and single
        writer.touch("silver.bars")
        writer.run(
            f"""INSERT INTO silver.bars (source, "interval", {WRITTEN}, batch)
                SELECT ?, ?, {WRITTEN}, ?
                FROM {new_rows} {"" if in_order else "ORDER BY ts, symbol"}""",
            [*group.key, writer.batch],
        )
    return SilverChanges(checked, old_rows, new_rows, sessions, has_standing)


def count_settled(writer: Writer, changes: SilverChanges) -> tuple[int, int]:
    """Count the bars built from the stream whose own now stands; and those that differ from it.

    Their volumes may differ: a stream does not send every price.
    """
    if not changes.has_standing:
        return 0, 0
    names = [name for name in PRICE_NAMES if name != "volume"]
    differs = " OR ".join(
        f"coalesce(abs(s.{quoted(n)} / f.{quoted(n)} - 1) > {TOLERANCE}, "
        f"s.{quoted(n)} IS DISTINCT FROM f.{quoted(n)})"
        for n in names
    )
    settled, differing = writer.rows(
        f"""SELECT count(*), count(*) FILTER (WHERE {differs})
            FROM {changes.new_rows} f JOIN {changes.old_rows} s USING (symbol, ts)
            WHERE s.built_from IS NOT NULL AND f.built_from IS NULL"""
    )[0]
    return settled, differing


def _delete_outdated(writer: Writer, group: Group, outdated_rows: str) -> None:
    count, first, last = writer.rows(f"SELECT count(*), min(ts), max(ts) FROM {outdated_rows}")[0]
    if count:
        where = f"{KEYED} AND ts BETWEEN ? AND ? AND (symbol, ts) IN (SELECT (symbol, ts) FROM "
        writer.delete("silver.bars", f"{where}{outdated_rows})", [*group.key, first, last])


def count_rows(
    writer: Writer,
    placed: PlacedRows,
    unique: UniqueRows,
    judgement: Judgement,
    changes: SilverChanges,
) -> LandingReport:
    """Count what became of the rows received, except those that were never read as bars."""
    flagged = f"SELECT reason FROM {judgement.flagged} WHERE version = {INCOMING}"
    reasons = writer.rows(
        f"""SELECT reason, count(*) FROM (
                SELECT reason FROM {placed.rejects} UNION ALL SELECT reason FROM {unique.conflicts}
                UNION ALL {flagged}) GROUP BY reason"""
    )
    good, unclosed, touched = writer.rows(
        f"""SELECT (SELECT count(*) FROM {unique.winners}) - (SELECT count(*) FROM ({flagged})),
                   (SELECT count(*) FROM {placed.all_rows} WHERE unclosed),
                   (SELECT count(*) FROM {changes.new_rows})"""
    )[0]
    accepted, replaced = writer.rows(
        f"""SELECT count(*) FILTER (WHERE s.ts IS NULL), count(*) FILTER (WHERE s.ts IS NOT NULL)
            FROM {changes.new_rows} f LEFT JOIN {changes.old_rows} s USING (symbol, ts)
            WHERE f.version = {INCOMING}"""
    )[0]
    return LandingReport(
        accepted=accepted,
        replaced=replaced,
        unchanged=good - accepted - replaced + unique.repeated,
        unclosed=unclosed,
        revised=touched - accepted - replaced,
        reasons=Counter(dict(reasons)),
    )
