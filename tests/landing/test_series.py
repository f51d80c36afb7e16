"""The calendar and grid of a series are recorded when they are new or changed, and else left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.core.calendar import interval_of
from pipelines.lake import Lake
from pipelines.landing.group import Group
from pipelines.landing.series import record_series

NEW_YORK = Group("of_series", interval_of("1h"), "XNYS", "session", split_adjusted=True)


def record(lake: Lake, group: Group, symbols: Sequence[str]) -> int:
    with lake.write() as writer:
        record_series(writer, group, symbols)
        return writer.batch


def recorded(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows(
        """SELECT symbol, "interval", calendar, grid, split_adjusted, batch FROM silver.series
           WHERE source = ? ORDER BY ALL""",
        [NEW_YORK.source],
    )


def test_only_new_and_changed_series_are_written(lake: Lake) -> None:
    first = record(lake, NEW_YORK, ["A", "B"])
    record(lake, NEW_YORK, ["A"])
    london = replace(NEW_YORK, calendar="XLON", grid="clock")
    second = record(lake, london, ["B", "C"])
    daily = record(lake, replace(NEW_YORK, interval=interval_of("1d")), ["A"])
    assert recorded(lake) == [
        ("A", "1d", "XNYS", "session", True, daily),
        ("A", "1h", "XNYS", "session", True, first),
        ("B", "1h", "XLON", "clock", True, second),
        ("C", "1h", "XLON", "clock", True, second),
    ]
