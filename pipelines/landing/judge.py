"""Which versions of which bars can be trusted. Pure; the lake is elsewhere.

1. Of a bar's versions the newest counts; one built from the stream only where the source's own
   has not come.
2. Prices are divided by every split that came after the version.
3. A close that leaps (beyond a factor of five, or by a split's ratio) away from where most of
   the 2 x MEMORY bars before it were is rejected, until the leap is undone or the new level
   has held for MEMORY bars. Only bars before it decide on a bar, so nothing sees the future;
   and only bronze does, so any order of arrival ends in the same silver.
"""

from __future__ import annotations

from pipelines.contracts.tables import quoted
from pipelines.core.sql import previous_value
from pipelines.landing.relations import Judgement, KnownVersions, Scratch, Splits, UniqueRows
from pipelines.landing.rules import FULLEST, HOLE, MEMORY, PRICE_NAMES

REMEMBERED = ("close", "session", "place")  # columns of the bar before that decide on a bar
INCOMING = 9223372036854775807  # the version of rows that are not in bronze yet


def judge(
    scratch: Scratch,
    rows: UniqueRows,
    known: KnownVersions,
    splits: Splits,
    built_from: str,
    *,
    in_order: bool,
) -> Judgement:
    """Choose the rows silver should have, and flag the versions that leap.

    `built_from` is SQL: what the rows received were built from. `in_order` says that the winners
    lie by symbol and bar, each bar once.
    """
    single = not scratch.value(f"SELECT count(*) FROM {known.sane}")
    known_rows = (
        "" if single else f"UNION ALL BY NAME SELECT * RENAME (batch AS version) FROM {known.sane}"
    )
    versions = scratch.view(
        "versions",
        f"""SELECT *, {built_from} AS built_from, {INCOMING} AS version
            FROM {rows.winners} {known_rows}""",
    )
    # A first load has one version of each bar, and nothing to compare it with.
    create = scratch.view if single and not splits.exist else scratch.table
    adjusted = create("adjusted", _adjusted(versions, splits))
    newest = (
        ""
        if single
        else "QUALIFY row_number() OVER "
        "(PARTITION BY symbol, ts ORDER BY built_from NULLS FIRST, version DESC, "
        f"received_at DESC, {FULLEST}) = 1"
    )
    in_order = in_order and single and not splits.exist  # a join forgets the order
    leapers, flagged = _flag_leaps(scratch, adjusted, newest, splits, in_order=in_order)
    trusted = (
        f"""ANTI JOIN {flagged} f ON a.symbol = f.symbol AND a.ts = f.ts
            AND a.version = f.version AND a.row IS NOT DISTINCT FROM f.row"""
        if leapers
        else ""
    )
    chosen_rows = scratch.view(
        "chosen",
        f"""SELECT a.symbol, a.ts, a.closes_at, a.session,
                   {", ".join(f"a.{quoted(n)}" for n in PRICE_NAMES)},
                   a.split_factor, a.built_from, a.received_at, a.version
            FROM {adjusted} a {trusted} {newest}""",
    )
    has_rows = bool(scratch.value(f"SELECT true FROM {rows.winners} LIMIT 1"))
    return Judgement(
        versions, flagged, chosen_rows, single, bool(leapers), has_rows, in_order and not leapers
    )


def _flag_leaps(
    scratch: Scratch, adjusted: str, newest: str, splits: Splits, *, in_order: bool
) -> tuple[int, str]:
    """Return how many symbols may leap, and the relation of the versions that leap."""
    leap = _leap(splits)
    steps = {}
    for name, lying in (("steps_sorted", False), ("steps_as_they_lie", in_order)):
        remembered = ", ".join(f"{previous_value(n, lying)} AS {n}_before" for n in REMEMBERED)
        steps[name] = scratch.view(
            name,
            f"""WITH newest AS (SELECT * FROM {adjusted} {newest}), ordered AS (
                    SELECT symbol, ts, session, place, open, close, {remembered} FROM newest
                )
                SELECT *, {leap} AS leap FROM ordered b""",
        )
    # Few series leap: where rows lie in order, this is found without sorting them.
    leapers = scratch.table(
        "leapers",
        f"""SELECT DISTINCT symbol FROM {steps["steps_as_they_lie"]}
            WHERE leap <> 0 OR place <= place_before""",
    )
    count = int(scratch.value(f"SELECT count(*) FROM {leapers}"))
    suspects = f"SEMI JOIN {leapers} USING (symbol)" if count else "WHERE false"
    # `level` sums the leaps so far; `usual` is where the bars before it mostly were.
    leaps = scratch.table(
        "leaps",
        f"""WITH levels AS (
                SELECT *, sum(leap) OVER (PARTITION BY symbol ORDER BY place) AS level
                FROM {steps["steps_sorted"]} {suspects}
            )
            SELECT *, level - leap AS level_before, quantile_disc(level, 0.5) OVER (
                PARTITION BY symbol ORDER BY place
                RANGE BETWEEN {2 * MEMORY} PRECEDING AND 1 PRECEDING) AS usual
            FROM levels""",
    )
    flagged = scratch.table(
        "flagged",
        f"""WITH own AS (
                SELECT a.*, l.level_before, l.usual,
                       l.close_before, l.session_before, l.place_before
                FROM {adjusted} a JOIN {leaps} l USING (symbol, ts)
            ), displaced AS (
                SELECT *, level_before + {leap} - coalesce(usual, level_before) AS displaced
                FROM own b
            )
            SELECT *, {_reason(splits)} AS reason, 'the close is ' || round(exp(displaced), 4)
                   || ' times where the bars before it were' AS detail
            FROM displaced b WHERE abs(displaced) > ln(1.8)""",
    )
    return count, flagged


def _adjusted(versions: str, splits: Splits) -> str:
    """SQL: the versions with prices divided, and volumes multiplied, by later splits."""
    if not splits.exist:
        return f"SELECT *, 1.0::DOUBLE AS split_factor FROM {versions}"
    still_ahead = "AND v.received_at < s.effective" if splits.prices_adjusted else ""
    divided = ", ".join(
        f"{n} {'*' if n == 'volume' else '/'} split_factor AS {n}" for n in PRICE_NAMES
    )
    # The columns come first, so that the factor in REPLACE is the one joined.
    return f"""
        WITH numbered AS (SELECT *, row_number() OVER () AS number FROM {versions}),
        factors AS (
            SELECT v.number, product(s.value) AS split_factor
            FROM numbered v JOIN {splits.relation} s
              ON v.symbol = s.symbol AND v.session < s.date {still_ahead}
            GROUP BY v.number
        ), joined AS (
            SELECT v.* EXCLUDE (number), coalesce(f.split_factor, 1.0) AS split_factor
            FROM numbered v LEFT JOIN factors f USING (number)
        )
        SELECT * REPLACE ({divided}) FROM joined"""


def _leap(splits: Splits) -> str:
    """SQL: the log step from the bar before, if it is a leap, else 0."""
    # Not the logarithm of a quotient: that of two extreme prices is no number.
    step, gap = "(ln(close) - ln(close_before))", "abs(ln(open) - ln(close_before))"
    ratio = f"round(exp({gap}))"
    # Splits trade from a session's first bar on, in whole ratios, or in the one declared.
    split = (
        f"(session <> session_before AND {ratio} BETWEEN 2 AND 50 "
        f"AND abs({gap} - ln({ratio})) < CASE WHEN {ratio} < 4 THEN 0.03 ELSE 0.06 END)"
    )
    declared = f"OR {_declared(splits, f'abs({step})', 0.15, 30)}" if splits.exist else ""
    return f"""CASE
        WHEN close_before IS NULL OR place - place_before > {HOLE} THEN 0
        WHEN abs({step}) > ln(5) OR {split} {declared} THEN {step} ELSE 0 END"""


def _declared(splits: Splits, step: str, tolerance: float, days: int) -> str:
    """SQL: a split of about this size is declared near the row's session."""
    return f"""EXISTS (
        FROM {splits.relation} s WHERE s.symbol = b.symbol AND abs(b.session - s.date) <= {days}
          AND abs(ln(s.value)) > 0.2
          AND abs({step} - abs(ln(s.value))) <= greatest({tolerance}, 0.1 * abs(ln(s.value))))"""


def _reason(splits: Splits) -> str:
    """SQL: the reason for which a displaced version is rejected."""
    size = "abs(displaced)"
    hundred = f"least(abs({size} - ln(100)), abs({size} - ln(1000))) < 0.4"
    near = f"(round(exp({size})) BETWEEN 2 AND 50 AND abs({size} - ln(round(exp({size})))) < 0.1)"
    declared = (
        f"WHEN {_declared(splits, size, 0.4, 60)} THEN 'missed_split'" if splits.exist else ""
    )
    return f"""CASE {declared} WHEN {hundred} THEN 'unit_error'
        WHEN {near} THEN 'missed_split' ELSE 'leap' END"""
