"""The exchange calendar and the grid of the series that a forecast reads together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.core.calendar import Grid
from pipelines.core.errors import InvalidRequest
from pipelines.lake.transaction import View

EXAMPLES = 3  # symbols named of each calendar, where they differ


@dataclass(frozen=True)
class SeriesCalendar:
    """The exchange calendar of some series, by its name, and how it is cut into bars."""

    calendar: str
    grid: Grid


def series_calendar(
    view: View, source: str, interval: str, symbols: Sequence[str], default: str
) -> SeriesCalendar:
    """Return the calendar and grid that all these series share; refuse series that differ.

    Where none of them has come in yet it is the `default` calendar, cut from the session's open.
    """
    rows = view.rows(
        """SELECT calendar, grid, list(symbol ORDER BY symbol) FROM silver.series
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           GROUP BY calendar, grid ORDER BY calendar, grid""",
        [source, interval, list(symbols)],
    )
    if len(rows) > 1:
        lists = "; ".join(
            f"{_names(members)} on {calendar} ({grid} grid)" for calendar, grid, members in rows
        )
        raise InvalidRequest(
            f"the {interval} series of {source} do not share one calendar and grid: {lists}",
            "a forecast reads series of one calendar and one grid: give them one in the source's "
            "mapping and ingest them again, or choose a universe whose series share one",
        )
    return SeriesCalendar(*rows[0][:2]) if rows else SeriesCalendar(default, "session")


def _names(symbols: Sequence[str]) -> str:
    unnamed = len(symbols) - EXAMPLES
    return ", ".join(symbols[:EXAMPLES]) + (f" and {unnamed} more" if unnamed > 0 else "")
