"""Bronze to silver: which versions of which bars can be trusted. Pure; the lake is elsewhere.

1. Each row is placed on the calendar's grid. A bar still open is left for later; a time that
   names no bar is rejected.
2. A row that breaks the contract of silver.bars is rejected (no number, not positive, high
   below close, ...), or one whose prices cannot belong to one bar (unit errors, spikes).
3. Of a bar's versions the newest counts; of two in one answer the one with more volume, as
   the fuller print of the same bar. The other is rejected if it differs.
4. Prices are divided by every split that came after the version.
5. A close that leaps (beyond a factor of five, or by a split's ratio) away from where most of
   the 2 x MEMORY bars before it were is rejected, until the leap is undone or the new level
   has held for MEMORY bars. Only bars before it decide on a bar, so nothing sees the future;
   and only bronze does, so any order of arrival ends in the same silver.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipelines.contracts.columns import PRICES
from pipelines.contracts.silver import SILVER_BARS
from pipelines.contracts.tables import Rule, quoted
from pipelines.core.sql import previous_value
from pipelines.quality.checks import violations

MEMORY = 10  # bars after which a new price level is believed
HOLE = 60  # bars; a step over a longer hole says nothing
REACH = 2 * MEMORY + HOLE  # bars before a bar that can decide on it
PRICE_NAMES = tuple(column.name for column in PRICES)
VALUES = ", ".join(quoted(name) for name in PRICE_NAMES)

# Which of several versions that came at once is the fullest; any total order would do.
FULLEST = "volume DESC NULLS LAST, close DESC, high DESC, low DESC, open DESC, bid DESC, ask DESC"

REMEMBERED = ("close", "session", "place")  # what is asked of the bar before

INCOMING = 9223372036854775807  # the version of rows that are not in bronze yet

CONTEXT_REASONS = ("unit_error", "missed_split", "leap")

_ROW_RULES = (
    *violations(
        [c for c in SILVER_BARS.columns if c.name in PRICE_NAMES],
        [r for r in SILVER_BARS.rules if r.name != "closes_after"],
    ),
    Rule(
        "unit_error",
        "greatest(open, high, close) > 20 * least(open, low, close)",
        "'prices of one bar differ by a factor of ' || "
        "round(greatest(open, high, close) / least(open, low, close))",
    ),
    Rule(
        "spike",
        "greatest(open, high, close) > 3 * least(open, low, close)",
        "'prices of one bar differ by a factor of ' || "
        "round(greatest(open, high, close) / least(open, low, close), 1)",
    ),
)
# Units are told before mere inconsistency: 0.6 below an open of 58 is 60 in another unit.
ROW_RULES = tuple(
    sorted(_ROW_RULES, key=lambda rule: (rule.name == "high_low", rule.name == "crossed_quote"))
)


@dataclass(frozen=True)
class Rules:
    """What decides how the rows of one judgement are read."""

    split_adjusted: bool  # prices arrive adjusted for the splits known then
    any_split: bool  # False spares the joins that most judgements do not need


@dataclass(frozen=True)
class Judged:
    """What a judgement found out about its rows; it spares the writing later work."""

    alone: bool  # no bar has another version, and none around it is known
    leaps: bool  # some close leaps
    any: bool  # there is a row that can stand
    in_order: bool  # the chosen rows come by symbol and bar


def clear(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what an earlier judgement left in this connection, if there was one."""
    # DuckDB looks through every table of the lake to list those of the connection.
    (judged,) = connection.execute("SELECT getvariable('judged')").fetchone() or (None,)
    connection.execute("SET VARIABLE judged = true")
    if not judged:
        return
    for kind, names in (("VIEW", "duckdb_views"), ("TABLE", "duckdb_tables")):
        left = connection.execute(
            f"SELECT {kind.lower()}_name FROM {names}() WHERE temporary AND NOT internal"
        ).fetchall()
        for (name,) in left:
            connection.execute(f"DROP {kind} {quoted(name)}")


def place(connection: duckdb.DuckDBPyConnection) -> None:
    """incoming -> placed, row_rejects, sane: the rows that can stand, and those that cannot."""
    # A rule that is null for a row is not broken: so FILTER and CASE take it.
    broken = " OR ".join(f"({rule.sql})" for rule in ROW_RULES)
    reasons = " ".join(f"WHEN {rule.sql} THEN '{rule.name}'" for rule in ROW_RULES)
    details = " ".join(f"WHEN {rule.sql} THEN {rule.meaning}" for rule in ROW_RULES)
    odd, _ = pair(
        connection,
        "SELECT count(*) FILTER (WHERE ts IS NULL OR closes_at > as_of "
        f"OR {broken}), 0 FROM incoming",
    )
    # Where every row can stand nothing is copied: a first load of millions is read as it came.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE placed AS
            SELECT * EXCLUDE (as_of), coalesce(closes_at > as_of, false) AS unclosed,
                   CASE WHEN ts IS NULL THEN 'not_in_session'
                        WHEN {broken} THEN CASE {reasons} END END AS reason
            FROM incoming"""
        if odd
        else """CREATE OR REPLACE TEMP VIEW placed AS
            SELECT * EXCLUDE (as_of), false AS unclosed, NULL::VARCHAR AS reason FROM incoming"""
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW row_rejects AS
        SELECT symbol, label, {VALUES}, row, received_at, reason,
               CASE WHEN reason = 'not_in_session'
                    THEN 'the calendar has no bar that opens at ' || label
                    {details} END AS detail
        FROM placed WHERE reason IS NOT NULL AND NOT unclosed""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW sane AS
        SELECT symbol, ts, label, closes_at, session, place, {VALUES}, row, received_at
        FROM placed WHERE reason IS NULL AND NOT unclosed""")


def settle_duplicates(connection: duckdb.DuckDBPyConnection, repeats: bool) -> int:
    """sane -> winners, conflicts: one row a bar. Returns how many were mere repetitions."""
    if not repeats:
        connection.execute("CREATE OR REPLACE TEMP VIEW winners AS FROM sane")
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW conflicts AS "
            "SELECT *, '' AS reason, '' AS detail FROM sane WHERE false"
        )
        return 0
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE ranked AS
        SELECT *, row_number() OVER bar AS rank,
               first(({VALUES})) OVER bar IS NOT DISTINCT FROM ({VALUES}) AS same
        FROM sane WINDOW bar AS (PARTITION BY symbol, ts ORDER BY received_at DESC, {FULLEST})""")
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW winners AS "
        "SELECT * EXCLUDE (rank, same) FROM ranked WHERE rank = 1"
    )
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW conflicts AS
        SELECT * EXCLUDE (rank, same), 'duplicate_conflict' AS reason,
               'a fuller row for the same bar came with it' AS detail
        FROM ranked WHERE rank > 1 AND NOT same""")
    return pair(connection, "SELECT count(*), 0 FROM ranked WHERE rank > 1 AND same")[0]


def judge(connection: duckdb.DuckDBPyConnection, rules: Rules, in_order: bool) -> Judged:
    """winners, older, splits -> adjusted, flagged, chosen.

    `older` holds the sane versions that bronze has of the same bars and of those around them,
    each with its batch. `chosen` are the rows silver should have; `flagged` the versions that
    step 5 rejects. `in_order` says that the winners come by symbol and bar, each bar once.
    """
    alone, _ = pair(connection, "SELECT count(*) = 0, 0 FROM older")
    others = "" if alone else "UNION ALL BY NAME SELECT * RENAME (batch AS version) FROM older"
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW versions AS
        SELECT *, {INCOMING} AS version FROM winners {others}""")
    # A first load has one version of each bar, and nothing to compare it with.
    made = "VIEW" if alone and not rules.any_split else "TABLE"
    connection.execute(f"CREATE OR REPLACE TEMP {made} adjusted AS {_adjusted(rules)}")
    newest = (
        ""
        if alone
        else "QUALIFY row_number() OVER "
        f"(PARTITION BY symbol, ts ORDER BY version DESC, received_at DESC, {FULLEST}) = 1"
    )
    in_order = in_order and bool(alone) and not rules.any_split  # a join forgets the order
    for name, lying in (("base", False), ("screen", in_order)):
        told = ", ".join(f"{previous_value(n, lying)} AS {n}_before" for n in REMEMBERED)
        connection.execute(f"""
            CREATE OR REPLACE TEMP VIEW {name} AS
            WITH newest AS (SELECT * FROM adjusted {newest}), ordered AS (
                SELECT symbol, ts, session, place, open, close, {told} FROM newest
            )
            SELECT *, {_leap(rules)} AS leap FROM ordered b""")
    # Hardly a series leaps: where rows lie in order that is seen without sorting them.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE leapers AS SELECT DISTINCT symbol FROM screen "
        "WHERE leap <> 0 OR place <= place_before"
    )
    leapers, _ = pair(connection, "SELECT count(*), 0 FROM leapers")
    few = "FROM base SEMI JOIN leapers USING (symbol)" if leapers else "FROM base WHERE false"
    # `level` sums the leaps so far; `usual` is where the bars before it mostly were.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE leaps AS
        WITH levels AS (
            SELECT *, sum(leap) OVER (PARTITION BY symbol ORDER BY place) AS level {few}
        )
        SELECT *, level - leap AS level_before, quantile_disc(level, 0.5) OVER (
            PARTITION BY symbol ORDER BY place
            RANGE BETWEEN {2 * MEMORY} PRECEDING AND 1 PRECEDING) AS usual
        FROM levels""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE flagged AS
        WITH own AS (
            SELECT a.*, l.level_before, l.usual, l.close_before, l.session_before, l.place_before
            FROM adjusted a JOIN leaps l USING (symbol, ts)
        ), displaced AS (
            SELECT *, level_before + {_leap(rules)} - coalesce(usual, level_before) AS displaced
            FROM own b
        )
        SELECT *, {_reason(rules)} AS reason, 'the close is ' || round(exp(displaced), 4)
               || ' times where the bars before it were' AS detail
        FROM displaced b WHERE abs(displaced) > ln(1.8)""")
    trusted = (
        """ANTI JOIN flagged f ON a.symbol = f.symbol AND a.ts = f.ts AND a.version = f.version
           AND a.row IS NOT DISTINCT FROM f.row"""
        if leapers
        else ""
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW chosen AS
        SELECT a.symbol, a.ts, a.closes_at, a.session,
               {", ".join(f"a.{quoted(n)}" for n in PRICE_NAMES)},
               a.split_factor, a.received_at, a.version
        FROM adjusted a {trusted} {newest}""")
    return Judged(
        bool(alone),
        bool(leapers),
        bool(pair(connection, "SELECT count(*), 0 FROM (FROM winners LIMIT 1)")[0]),
        in_order and not leapers,
    )


def _adjusted(rules: Rules) -> str:
    """SQL: the versions with prices divided, and volumes multiplied, by later splits."""
    if not rules.any_split:
        return "SELECT *, 1.0::DOUBLE AS split_factor FROM versions"
    late = "AND v.received_at < s.effective" if rules.split_adjusted else ""
    divided = ", ".join(
        f"{n} {'*' if n == 'volume' else '/'} split_factor AS {n}" for n in PRICE_NAMES
    )
    # The columns come first, so that the factor in REPLACE is the one joined.
    return f"""
        WITH numbered AS (SELECT *, row_number() OVER () AS number FROM versions),
        factors AS (
            SELECT v.number, product(s.value) AS split_factor
            FROM numbered v JOIN splits s
              ON v.symbol = s.symbol AND v.session < s.date {late}
            GROUP BY v.number
        ), joined AS (
            SELECT v.* EXCLUDE (number), coalesce(f.split_factor, 1.0) AS split_factor
            FROM numbered v LEFT JOIN factors f USING (number)
        )
        SELECT * REPLACE ({divided}) FROM joined"""


def _leap(rules: Rules) -> str:
    """SQL: the log step from the bar before, if it is a leap, else 0."""
    # Not the logarithm of a quotient: that of two extreme prices is no number.
    step, gap = "(ln(close) - ln(close_before))", "abs(ln(open) - ln(close_before))"
    whole = f"round(exp({gap}))"
    # Splits trade from a session's first bar on, in whole ratios, or in the one declared.
    split = (
        f"(session <> session_before AND {whole} BETWEEN 2 AND 50 "
        f"AND abs({gap} - ln({whole})) < CASE WHEN {whole} < 4 THEN 0.03 ELSE 0.06 END)"
    )
    declared = f"OR {_declared(f'abs({step})', 0.15, 30)}" if rules.any_split else ""
    return f"""CASE
        WHEN close_before IS NULL OR place - place_before > {HOLE} THEN 0
        WHEN abs({step}) > ln(5) OR {split} {declared} THEN {step} ELSE 0 END"""


def _declared(step: str, tolerance: float, days: int) -> str:
    """SQL: a split of about this size is declared near the row's session."""
    return f"""EXISTS (
        FROM splits s WHERE s.symbol = b.symbol AND abs(b.session - s.date) <= {days}
          AND abs(ln(s.value)) > 0.2
          AND abs({step} - abs(ln(s.value))) <= greatest({tolerance}, 0.1 * abs(ln(s.value))))"""


def _reason(rules: Rules) -> str:
    size = "abs(displaced)"
    hundred = f"least(abs({size} - ln(100)), abs({size} - ln(1000))) < 0.4"
    near = f"(round(exp({size})) BETWEEN 2 AND 50 AND abs({size} - ln(round(exp({size})))) < 0.1)"
    declared = f"WHEN {_declared(size, 0.4, 60)} THEN 'missed_split'" if rules.any_split else ""
    return f"""CASE {declared} WHEN {hundred} THEN 'unit_error'
        WHEN {near} THEN 'missed_split' ELSE 'leap' END"""


def pair(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
