"""The parts of a declaration are checked, and a target names its own columns."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS
from pipelines.forecasts.target import Schedule


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace": timedelta(seconds=-1)}, "a grace of"),
        ({"grace": timedelta(hours=7)}, "a grace of"),
        ({"history": timedelta(days=29)}, "29 days, 0:00:00 of history"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    changes: dict[str, timedelta], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Schedule(**changes)


def test_each_target_has_columns_of_its_own() -> None:
    for forecast in FORECASTS:
        columns = [c for t in forecast.targets for c in (t.outcome, t.known_at)]
        assert len(set(columns)) == 2 * len(forecast.targets)
        assert set(columns) <= {column.name for column in forecast.table.columns}
