"""Read the times of articles, each by itself, as instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.core.errors import InvalidRequest
from pipelines.sources.files.times import EPOCHS
from pipelines.sources.stories import NotAStory

DAY = timedelta(days=1)
DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)?Z?")
NUMBER = re.compile(r"\d{9,19}(\.\d{1,9})?")
WEEKDAY = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ")
LONGEST = 100  # characters


@dataclass(frozen=True)
class ArticleTime:
    """When an article was published; of a date alone the begin of that day, and its end."""

    instant: datetime
    day_end: datetime | None = None  # no earlier is it sure that the article was there


@dataclass(frozen=True)
class TimeReader:
    """How the times of a file are written."""

    path: str
    time_format: str = ""
    timezone: str = ""  # of times that carry no offset

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def read(self, value: Any, name: str) -> ArticleTime | None:
        """Return the time in a cell; None of an empty one. Raises NotAStory for what is none."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            if isinstance(value, datetime):
                return ArticleTime(self._to_instant(value))
            if isinstance(value, date):
                return self._day(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return ArticleTime(_since_1970(repr(value)))
            if isinstance(value, str) and len(value) <= LONGEST:
                return self._read_text(value.strip())
            raise ValueError
        except (ValueError, OverflowError, TypeError, IndexError):
            form = f"; time_format is {self.time_format!r}" if self.time_format else ""
            raise NotAStory(
                "bad_time", f"{name} is {str(value)[:60]!r}, which is no time{form}"
            ) from None

    def _read_text(self, text: str) -> ArticleTime:
        if self.time_format:
            moment = datetime.strptime(text, self.time_format)  # noqa: DTZ007 - zone follows
            has_clock = re.search("%[HIMScXsf]", self.time_format)
            return ArticleTime(self._to_instant(moment)) if has_clock else self._day(moment.date())
        if DATE.fullmatch(text):
            return self._day(date.fromisoformat(text))
        if NUMBER.fullmatch(text) and len(text.split(".")[0]) in EPOCHS:
            return ArticleTime(_since_1970(text))
        if match := COMPACT.fullmatch(text) if text.isascii() else None:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            zone = UTC if text.endswith("Z") else None
            return ArticleTime(
                self._to_instant(datetime(year, month, day, hour, minute, second, tzinfo=zone))
            )
        if WEEKDAY.match(text):
            return ArticleTime(self._to_instant(parsedate_to_datetime(text)))
        return ArticleTime(self._to_instant(datetime.fromisoformat(text)))

    def _day(self, day: date) -> ArticleTime:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - zone follows
        return ArticleTime(self._to_instant(midnight), self._to_instant(midnight + DAY))

    def _to_instant(self, moment: datetime) -> datetime:
        """Return a moment in UTC: of an hour that came twice the later, so that none is early."""
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if not self.timezone:
            raise InvalidRequest(
                f"{self.path}: its times, such as {moment}, carry no time zone",
                "set timezone in the mapping, for example 'timezone: America/New_York'",
            )
        both = (moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        return max(clock.astimezone(UTC) for clock in both)


def _since_1970(number: str) -> datetime:
    """Return the time of a number of seconds, milli-, micro- or nanoseconds, by its digits."""
    scale = EPOCHS.get(len(number.split(".")[0]))
    if scale is None:
        raise ValueError(number)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=float(number) * scale)
