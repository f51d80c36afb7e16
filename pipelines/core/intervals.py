"""Lengths of bars, and instants in UTC. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.core.errors import InvalidRequest, unknown

FIRST_YEAR, LAST_YEAR = 1700, 2250


@dataclass(frozen=True, slots=True)
class Interval:
    """The length of a bar. `minutes` is None from one day up."""

    name: str
    minutes: int | None
    yahoo: str

    @property
    def intraday(self) -> bool:
        return self.minutes is not None

    def __str__(self) -> str:
        return self.name


INTERVALS: tuple[Interval, ...] = (
    Interval("1m", 1, "1m"),
    Interval("5m", 5, "5m"),
    Interval("15m", 15, "15m"),
    Interval("30m", 30, "30m"),
    Interval("1h", 60, "1h"),
    Interval("1d", None, "1d"),
    Interval("1w", None, "1wk"),
    Interval("1mo", None, "1mo"),
)


def interval_of(name: str) -> Interval:
    """Return the interval of that name, such as 1h."""
    for interval in INTERVALS:
        if name == interval.name:
            return interval
    raise unknown("interval", name, (i.name for i in INTERVALS))


def interval_of_length(length: timedelta) -> Interval | None:
    """Return the interval, below a day, of that length; None where there is none."""
    for interval in INTERVALS:
        if interval.minutes is not None and timedelta(minutes=interval.minutes) == length:
            return interval
    return None


def utc(value: datetime | str) -> datetime:
    """Convert a time to UTC. A date means its midnight; a time without a zone is refused."""
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidRequest(
                f"{value!r} is not a time", "write 2026-09-01 or 2026-09-01T14:30+00:00"
            ) from None
        # The margin keeps a look-back before it, or a step after it, a valid date.
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise InvalidRequest(
                f"{value} is no time of a bar", f"write a year from {FIRST_YEAR} to {LAST_YEAR}"
            )
        if instant.tzinfo is None and len(value) <= 10:
            instant = instant.replace(tzinfo=UTC)
    else:  # a subclass such as pendulum's becomes a plain datetime: its sums may lose the zone
        instant = value if type(value) is datetime else datetime.fromisoformat(value.isoformat())
    if instant.tzinfo is None:
        raise InvalidRequest(
            f"{value} has no time zone",
            f"write {str(value).replace(' ', 'T')}+00:00 if UTC is meant",
        )
    return instant.astimezone(UTC)
