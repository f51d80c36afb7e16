"""The parts of a declaration are checked, and a target names its own columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import interval_of
from pipelines.forecasts import AAPL_DAILY, FORECASTS, NVDA_5M
from pipelines.forecasts.target import Schedule
from pipelines.gates import Selection
from pipelines.labels import Action
from pipelines.modeling.selection import ByOutOfTimeAuc


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace": timedelta(seconds=-1)}, "a grace of"),
        ({"grace": timedelta(hours=7)}, "a grace of"),
        ({"history": timedelta(days=29)}, "29 days, 0:00:00 of history"),
        ({"sample_history": timedelta(days=9)}, "9 days, 0:00:00 of history"),
        ({"every": timedelta(minutes=7)}, "a run every 0:07:00"),
        ({"every": timedelta(days=1)}, "a run every 1 day"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    changes: dict[str, timedelta], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Schedule(**changes)


def test_a_run_covers_a_bar_or_the_bars_of_so_many_minutes() -> None:
    minute, hour, day = (interval_of(name) for name in ("1m", "1h", "1d"))
    quarter = Schedule(grace=timedelta(seconds=5), every=timedelta(minutes=15))
    assert Schedule().cadence(minute) == minute
    assert quarter.cadence(minute) == interval_of("15m")
    quarter.check("mine", minute)
    quarter.check("mine", interval_of("5m"))
    Schedule(every=timedelta(minutes=60)).check("mine", hour)
    for bar in (hour, day):
        with pytest.raises(InvalidRequest, match=f"mine has {bar} bars and a run every 15m"):
            quarter.check("mine", bar)
    with pytest.raises(InvalidRequest, match="no row could be live"):
        replace(quarter, grace=timedelta(minutes=1)).check("mine", minute)
    with pytest.raises(InvalidRequest, match="aapl_daily has 1d bars and a run every 15m"):
        replace(AAPL_DAILY, schedule=quarter)
    assert replace(NVDA_5M, schedule=quarter).cadence == interval_of("15m")
    assert NVDA_5M.cadence == interval_of("5m")


def test_a_rule_with_limits_has_a_gate_and_one_by_the_tail_needs_a_tail() -> None:
    (target,) = NVDA_5M.targets
    tail = replace(target.split, out_of_time=0.5)
    chosen = replace(target, selection=ByOutOfTimeAuc(), split=tail)
    declared = replace(NVDA_5M, targets=(chosen,)).target_forecast()
    assert declared.gates == (*target.gates, Selection())
    assert NVDA_5M.target_forecast().gates == target.gates
    with pytest.raises(InvalidRequest, match="its split has no tail"):
        replace(target, selection=ByOutOfTimeAuc())


def test_a_target_within_its_session_says_so_in_the_contract_of_its_table() -> None:
    (target,) = NVDA_5M.targets
    within = replace(target, label=Action(horizon=3, within_session=True))
    changed = replace(NVDA_5M, targets=(within,))
    meanings = {
        f: [c.meaning for c in f.table.columns if c.name == target.outcome]
        for f in (NVDA_5M, changed)
    }
    assert "session" not in meanings[NVDA_5M][0]
    assert meanings[changed][0].endswith("as far as they are of its session")
    assert changed.table_fingerprint != NVDA_5M.table_fingerprint


def test_each_target_has_columns_of_its_own() -> None:
    for forecast in FORECASTS:
        columns = [c for t in forecast.targets for c in (t.outcome, t.known_at)]
        assert len(set(columns)) == 2 * len(forecast.targets)
        assert set(columns) <= {column.name for column in forecast.table.columns}
