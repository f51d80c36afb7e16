"""A timetable of an exchange: a run for each bar, or for each session, after it has closed.

Airflow loads this module by its name in every component, so that a stored schedule is the same
wherever it is read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from pipelines.core.calendar import Bars, Calendar

AHEAD = timedelta(days=20)  # longer than any exchange was ever closed since 1970
MOMENT = timedelta(microseconds=1)


class ExchangeTimetable(Timetable):
    """One run for each bar of an exchange, started a grace period after the bar's close.

    The data interval is the bar: half-days, holidays and daylight saving follow the calendar. From
    `1d` on a bar is a session. There is no run for each bar that was missed while the scheduler was
    down (a run fills these itself), and a manual run is about the newest bar that had closed.
    """

    def __init__(
        self, interval: str, calendar: str = "XNYS", grace: timedelta = timedelta(0)
    ) -> None:
        self.interval, self.calendar, self.grace = interval, calendar, grace
        unit = "session" if interval == "1d" else f"{interval} bar"
        self._summary = f"Each {unit} of {calendar}"
        wait = f"{self.grace.total_seconds():g} s after its close" if grace else "at its close"
        self.description = f"{self._summary}, {wait}; no holidays, half-days as they are"

    @property
    def summary(self) -> str:
        return self._summary

    def serialize(self) -> dict[str, Any]:
        grace = self.grace.total_seconds()
        return {"interval": self.interval, "calendar": self.calendar, "grace": grace}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ExchangeTimetable:
        return cls(data["interval"], data["calendar"], timedelta(seconds=data["grace"]))

    def validate(self) -> None:
        from airflow.exceptions import AirflowTimetableInvalid

        from pipelines.core.errors import InvalidRequest

        try:
            self._between(datetime(2026, 1, 1, tzinfo=pendulum.UTC), AHEAD)
        except InvalidRequest as error:
            raise AirflowTimetableInvalid(str(error)) from error

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        return self._newest(run_after)

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        earliest = restriction.earliest
        if earliest is None and last_automated_data_interval is None:
            return None
        starts = [] if earliest is None else [earliest]
        if last_automated_data_interval is not None:
            starts.append(last_automated_data_interval.start + MOMENT)
        if not restriction.catchup:
            starts.append(self._newest(pendulum.now("UTC") - self.grace).start)
        intervals = _intervals(self._between(max(starts), AHEAD))
        if not intervals or (
            restriction.latest is not None and intervals[0].start > restriction.latest
        ):
            return None
        return DagRunInfo(run_after=intervals[0].end + self.grace, data_interval=intervals[0])

    def _newest(self, at: datetime) -> DataInterval:
        from pipelines.core.calendar import interval_of

        market = self._exchange()
        return _intervals(market.newest_closed(interval_of(self.interval), at))[0]

    def _between(self, start: datetime, span: timedelta) -> Bars:
        from pipelines.core.calendar import interval_of

        return self._exchange().bars(interval_of(self.interval), start, start + span)

    def _exchange(self) -> Calendar:
        from pipelines.core.calendar import calendar

        return calendar(self.calendar)


def _intervals(bars: Bars) -> list[DataInterval]:
    spans = zip(bars.ts[:1].tolist(), bars.closes_at[:1].tolist(), strict=True)
    return [DataInterval(pendulum.instance(s), pendulum.instance(e)) for s, e in spans]


class ExchangePlugin(AirflowPlugin):
    """Makes the timetable known to every component."""

    name = "exchange_timetable"
    timetables = (ExchangeTimetable,)
