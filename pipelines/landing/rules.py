"""What makes a bar untrustworthy: rules of a single row, and the reach of those of its context."""

from __future__ import annotations

from pipelines.contracts.columns import PRICES
from pipelines.contracts.silver import SILVER_BARS
from pipelines.contracts.tables import Rule, quoted
from pipelines.quality.checks import violations

MEMORY = 10  # bars after which a new price level is believed
HOLE = 60  # bars; a step over a longer hole says nothing
REACH = 2 * MEMORY + HOLE  # bars before a bar that can decide on it
PRICE_NAMES = tuple(column.name for column in PRICES)
VALUES = ", ".join(quoted(name) for name in PRICE_NAMES)

# Which of several versions that came at once is the fullest; any total order would do.
FULLEST = "volume DESC NULLS LAST, close DESC, high DESC, low DESC, open DESC, bid DESC, ask DESC"

CONTEXT_REASONS = ("unit_error", "missed_split", "leap")
WITHDRAWN = "withdrawn"
REMOVED_REASONS = (*CONTEXT_REASONS, WITHDRAWN)  # for which a bar that stood in silver can go

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
# Unit errors come before mere inconsistency: 0.6 below an open of 58 is 60 in another unit.
ROW_RULES = tuple(
    sorted(_ROW_RULES, key=lambda rule: (rule.name == "high_low", rule.name == "crossed_quote"))
)
# SQL: true for a row that breaks one of them. Null is not broken: so FILTER and CASE take it.
BREAKS_A_RULE = " OR ".join(f"({rule.sql})" for rule in ROW_RULES)
