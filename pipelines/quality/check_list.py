"""Every check by its name: whether it stops a run, what it says and what to do when it fails.

The tables in data_lake/README.md and include/troubleshooting.md have the same names.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE = "data_lake/README.md, 'What blocks and what warns'"
OF_A_COLUMN = "<column>_"  # begins the names of checks that each column has
BY_EXPECTATIONS = "_gx"  # ends the names of checks that `bullion docs` repeats


@dataclass(frozen=True)
class CheckDescription:
    """A check, in words."""

    name: str
    blocks: bool
    meaning: str
    remedy: str

    def covers(self, check: str) -> bool:
        """Return whether this describes the check of that name."""
        if self.name.startswith(OF_A_COLUMN):
            return check.endswith(self.name.removeprefix(OF_A_COLUMN.rstrip("_")))
        return check == self.name


ROW_REMEDY = "look at the rows named, and mend what wrote them"
CHECKS = (
    CheckDescription(
        "not_empty", True, "there are rows",
        "name a span in which the exchange was open and that the source has",
    ),
    CheckDescription(
        "some_stand", True, "not every row received was rejected",
        "see the reasons: often the time zone, the calendar or the columns of a mapping are wrong",
    ),
    CheckDescription(
        "missing_below_10_percent", True,
        "fewer than a tenth of the bars that the calendar has are missing",
        "bring the missing bars (silver.gaps names them) and run it again; where a symbol is "
        "honestly sparse, set 'missing_bars: warn' in its bars.yaml",
    ),
    CheckDescription(
        "missing_of_sparse_below_10_percent", False,
        "the same, of symbols whose mapping says 'missing_bars: warn'",
        "see silver.gaps; nothing has to be done where the market is as thin as that",
    ),
    CheckDescription(
        "returns_within_5_deviations", False,
        "no return lies beyond five deviations of the bars around it",
        "look at the bars named: a real leap stays, a wrong bar is withdrawn (bullion withdraw)",
    ),
    CheckDescription(
        "stream_agreement", False,
        "bars built from the stream have the prices of the source's own that came later",
        "nothing has to be done: the source's own stand in silver; where many differ, compare the "
        "versions in bronze.bars",
    ),
    CheckDescription("unique_key", True, "no two rows share the key", ROW_REMEDY),
    CheckDescription("high_low", True, "high and low bound open and close", ROW_REMEDY),
    CheckDescription("crossed_quote", True, "the bid is not above the ask", ROW_REMEDY),
    CheckDescription("known_in_time", True, "nothing is known after it was received", ROW_REMEDY),
    CheckDescription("safe_url", True, "the address is http or https", ROW_REMEDY),
    CheckDescription("closes_after", True, "a bar closes after it opens", ROW_REMEDY),
    CheckDescription(
        "gap_counts", True, "a gap has fewer missing bars than its session, or as many", ROW_REMEDY
    ),
    CheckDescription("<column>_missing", True, "a column that must be filled is", ROW_REMEDY),
    CheckDescription("<column>_not_a_number", True, "a number is finite", ROW_REMEDY),
    CheckDescription("<column>_not_positive", True, "a price is above zero", ROW_REMEDY),
    CheckDescription("<column>_negative", True, "a count is not below zero", ROW_REMEDY),
    CheckDescription("<column>_too_small", True, "a value is not below its bound", ROW_REMEDY),
    CheckDescription("<column>_too_large", True, "a value is not above its bound", ROW_REMEDY),
    CheckDescription("<column>_unknown_value", True, "a word is one of those listed", ROW_REMEDY),
    CheckDescription(
        "columns", True, "a table has the columns of its contract",
        "the lake was written by another release: use that one, or `bullion verify`",
    ),
    CheckDescription(
        "types", True, "each column has the type of its contract",
        "the lake was written by another release: use that one, or `bullion verify`",
    ),
)  # fmt: skip


def describe_check(check: str) -> CheckDescription:
    """Return the description of a check, also of one that Great Expectations repeats."""
    name = check.removesuffix(BY_EXPECTATIONS)
    exact = [c for c in CHECKS if c.name == name]
    matching = exact or [c for c in CHECKS if c.covers(name)]
    return matching[0] if matching else CheckDescription(check, True, "", ROW_REMEDY)
