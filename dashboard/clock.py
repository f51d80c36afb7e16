"""Times as a reader wants them: in UTC, or as the clocks of the exchange show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Clock:
    """Writes times in one time zone."""

    zone: str = "UTC"

    @property
    def name(self) -> str:
        """How the zone is called on the page: UTC, New York."""
        return self.zone.rpartition("/")[2].replace("_", " ")

    def local(self, time: str | datetime) -> datetime:
        """Return a time of the API in this zone."""
        instant = datetime.fromisoformat(time) if isinstance(time, str) else time
        return instant.astimezone(ZoneInfo(self.zone))

    def minute(self, time: str | datetime | None) -> str:
        """Write a time to the minute; a dash where there is none."""
        return f"{self.local(time):%Y-%m-%d %H:%M}" if time else "–"

    def second(self, time: str | datetime | None) -> str:
        """Write the time of the day to the second; a dash where there is none."""
        return f"{self.local(time):%H:%M:%S}" if time else "–"


def age(seconds: float | None) -> str:
    """Write an age in its two largest units: 42 min, 3 h 5 min, 2 d 4 h."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def age_of(time: str | datetime | None, now: datetime | None = None) -> str:
    """Write how long ago a time was."""
    if not time:
        return "–"
    instant = datetime.fromisoformat(time) if isinstance(time, str) else time
    return age(((now or datetime.now(UTC)) - instant).total_seconds())
