"""Convert the times of a file, in any common format, to the instants at which its bars open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import Grid, Interval, calendar
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.instants import from_numpy

NONE = "CAST(NULL AS TIMESTAMP)"
NAT = np.datetime64("NaT", "us")
FIRST, LAST = np.datetime64("1800-01-01", "us"), np.datetime64("2200-01-01", "us")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
EPOCHS = {9: 10**6, 10: 10**6, 12: 10**3, 13: 10**3, 15: 1, 16: 1, 18: 1e-3, 19: 1e-3}
ISO = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T]|$)")
DOTTED = re.compile(r"\d{4}\.\d{1,2}\.\d{1,2}( |$)")
DAY_OR_MONTH = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{4}( |$)")
COMPACT = re.compile(r"(19|20)\d{6}([ T]?\d{4}|[ T]?\d{6}| \d\d:\d\d(:\d\d)?)?$")
EPOCH = re.compile(r"\d{9,19}(\.\d+)?$")
# Formats that a cast does not know; %z does not accept Z.
SHORT = "['%Y-%m-%d %H:%M%z', '%Y-%m-%dT%H:%M%z', '%Y-%m-%d %H:%MZ', '%Y-%m-%dT%H:%MZ']"
OFFSET = r"\d:\d{2}(:\d{2}(\.\d+)?)? ?([zZ]|[+-]\d{2}(:?\d{2})?) *$"


@dataclass(frozen=True)
class Times:
    """SQL that reads a time column: as the clock time it shows, or as the instant it means."""

    wall: str = NONE
    instant: str = NONE
    other_wall: str = NONE  # day and month the other way round
    zone: str = "UTC"  # time zone of instants that show no clock time
    is_iso: bool = False


def times_of(
    path: str,
    time_format: str,
    columns: list[str],
    types: list[pa.DataType],
    samples: Iterable[str],
) -> Times:
    """Find the format of the times of a file, from samples."""
    if types and len(columns) == 1:
        if pa.types.is_timestamp(types[0]) and types[0].tz:
            _check_zone(path, types[0].tz)
            return Times(instant=f"CAST({columns[0]} AS TIMESTAMP)", zone=types[0].tz)
        if pa.types.is_timestamp(types[0]) or pa.types.is_date(types[0]):
            return Times(wall=f"CAST({columns[0]} AS TIMESTAMP)")
    x = f"trim(concat_ws(' ', {', '.join(columns)}))" if len(columns) > 1 else columns[0]
    x = f"CAST({x} AS VARCHAR)" if types else x
    if time_format:
        expression = _strptime(x, [time_format])
        return Times(instant=expression) if "%z" in time_format else Times(wall=expression)
    texts = [text.strip() for text in samples]
    matches = [(kind, [t for t in texts if kind.match(t)]) for kind in (
        ISO, DOTTED, DAY_OR_MONTH, COMPACT, EPOCH,
    )]  # fmt: skip
    kind, matching = max(matches, key=lambda match: len(match[1]))
    if not texts:
        return Times()
    if not matching:
        raise SourceError(
            f"{path}: times such as {texts[0][:60]!r} cannot be read",
            "set time_format (strptime, for example '%d.%m.%Y %H:%M'), or the column of ts",
        )
    if kind is ISO:
        # The common lengths are tested first: the pattern costs more than all the rest.
        offset = (
            f"CASE WHEN length({x}) = 19 AND {x}[17] = ':' THEN false "
            f"WHEN length({x}) = 25 AND {x}[17] = ':' AND {x}[23] = ':' THEN true "
            f"ELSE regexp_matches({x}, '{OFFSET}') END"
        )
        # A cast accepts words too, such as epoch; here a time must begin with a digit.
        return Times(
            wall=f"CASE WHEN {x} < ':' THEN TRY_CAST({x} AS TIMESTAMP) END",
            instant=f"CASE WHEN {offset} THEN CAST(coalesce(TRY_CAST({x} AS TIMESTAMPTZ), "
            f"try_strptime(trim({x}), {SHORT})) AS TIMESTAMP) END",
            is_iso=True,
        )
    if kind is DOTTED:
        return Times(wall=_strptime(x, ["%Y.%m.%d" + clock for clock in CLOCKS]))
    if kind is COMPACT:
        clocks = ("", " %H:%M", " %H:%M:%S", " %H%M%S", "%H%M%S", "T%H%M%S", " %H%M", "%H%M")
        return Times(wall=_strptime(x, ["%Y%m%d" + clock for clock in clocks]))
    if kind is EPOCH:
        return Times(instant=_epoch(path, x, matching))
    sign = re.search(r"[/.-]", matching[0])
    assert sign is not None
    month_first, day_first = (
        [order.replace("/", sign.group()) + clock for clock in CLOCKS]
        for order in ("%m/%d/%Y", "%d/%m/%Y")
    )
    return Times(wall=_strptime(x, month_first), other_wall=_strptime(x, day_first))


def _check_zone(path: str, name: str) -> None:
    import pandas as pd

    try:
        pd.DatetimeIndex([], tz=name)
    except (KeyError, ValueError):
        raise SourceError(
            f"{path}: the time zone {name!r} of its times is not known", "write them in UTC"
        ) from None


def _strptime(x: str, formats: list[str]) -> str:
    format_list = ", ".join("'" + f.replace("'", "''") + "'" for f in formats)
    return f"CAST(try_strptime(trim({x}), [{format_list}]) AS TIMESTAMP)"


def _epoch(path: str, x: str, samples: list[str]) -> str:
    digits = {len(text.split(".")[0]) for text in samples}
    scales = {EPOCHS[n] for n in digits if n in EPOCHS}
    if len(scales) != 1:
        raise SourceError(
            f"{path}: times such as {samples[0]!r} may be seconds or milliseconds since 1970",
            "write them all in one unit, or as ISO times",
        )
    scale = scales.pop()
    low, high = (float(end.astype(np.int64)) / scale for end in (FIRST, LAST))
    return (
        f"CASE WHEN TRY_CAST({x} AS DOUBLE) BETWEEN {low} AND {high} THEN "
        f"make_timestamp(CAST(TRY_CAST({x} AS DECIMAL(28, 6)) * {scale} AS BIGINT)) END"
    )


class DayOrder:
    """Which of day and month comes first in the times of a file: the one order that fits all."""

    def __init__(self) -> None:
        self.day_first = False  # once it is settled
        self._as_month = self._as_day = self._readable = 0
        self._is_same = True  # whichever comes first

    def add(self, month_first: np.ndarray, day_first: np.ndarray) -> None:
        """Take the two readings of some times."""
        as_month, as_day = ~np.isnat(month_first), ~np.isnat(day_first)
        self._as_month += int(as_month.sum())
        self._as_day += int(as_day.sum())
        self._readable += int((as_month | as_day).sum())
        self._is_same &= bool((month_first[as_month] == day_first[as_month]).all())

    def settle(self, path: str) -> None:
        """Decide; raise SourceError if both orders fit, or none."""
        hint = "set time_format to '%m/%d/%Y ...' or '%d/%m/%Y ...', as in strptime"
        fits_month, fits_day = self._as_month == self._readable, self._as_day == self._readable
        if fits_month and fits_day and not self._is_same:
            raise SourceError(f"{path}: its times may be month/day/year or day/month/year", hint)
        if not fits_month and not fits_day:
            raise SourceError(f"{path}: some times are month/day/year, others day/month/year", hint)
        self.day_first = not fits_month


def drop_impossible(times: np.ndarray) -> np.ndarray:
    """Replace times by NaT where no bar can have that year."""
    return np.where((times >= FIRST) & (times < LAST), times, NAT)


def localize(
    path: str, wall: np.ndarray, instant: np.ndarray, zone: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return UTC instants, and where the local time is ambiguous or does not exist."""
    naive = np.isnat(instant) & ~np.isnat(wall)
    ambiguous, nonexistent = np.zeros(len(wall), bool), np.zeros(len(wall), bool)
    if not naive.any():
        return instant, ambiguous, nonexistent
    if not zone:
        first = str(wall[naive][0]).replace("T", " ")[:19]
        raise InvalidRequest(
            f"{path}: its times, such as {first}, carry no time zone",
            "set timezone in the mapping, for example 'timezone: America/New_York'",
        )
    import pandas as pd  # the API imports this module, and does without pandas

    clock = pd.DatetimeIndex(wall[naive])
    zoned = clock.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    missing = np.flatnonzero(naive)[np.asarray(zoned.isna())]
    if len(missing):
        shifted = pd.DatetimeIndex(wall[missing]).tz_localize(
            zone, ambiguous="NaT", nonexistent="shift_forward"
        )
        is_ambiguous = np.asarray(shifted.isna())
        ambiguous[missing[is_ambiguous]] = True
        nonexistent[missing[~is_ambiguous]] = True
    utc = instant.copy()
    utc[naive] = zoned.tz_convert(None).to_numpy().astype("datetime64[us]")
    return utc, ambiguous, nonexistent


def clock_of(wall: np.ndarray, instant: np.ndarray, instant_zone: str, zone: str) -> np.ndarray:
    """Return the local clock time of each row, whose date names a daily bar.

    A midnight means the date it shows, for any offset. Any other hour (daily bars stamped in
    UTC) is converted to the time zone of the mapping.
    """
    no_clock = np.isnat(wall) & ~np.isnat(instant)
    clock = wall.copy()
    clock[no_clock] = _at(instant[no_clock], instant_zone)
    hours = ~np.isnat(instant) & (clock != clock.astype("datetime64[D]"))
    if zone:
        clock[hours] = _at(instant[hours], zone)
    return clock


def _at(instant: np.ndarray, zone: str) -> np.ndarray:
    import pandas as pd

    local = pd.DatetimeIndex(instant, tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[us]"))


def opens_of(closes: np.ndarray, interval: Interval, name: str, grid: Grid) -> np.ndarray:
    """Return the opens of bars whose times name their closes."""
    assert interval.minutes is not None
    length = np.timedelta64(interval.minutes, "m")
    known_closes = closes[~np.isnat(closes)]
    if len(known_closes) == 0:
        return closes
    first, last = from_numpy(known_closes.min()), from_numpy(known_closes.max())
    bars = calendar(name).bars(interval, first - timedelta(days=2), last + timedelta(days=2), grid)
    if len(bars) == 0:
        return closes - length
    place = np.minimum(np.searchsorted(bars.closes_at, closes), len(bars) - 1)
    return np.where(bars.closes_at[place] == closes, bars.ts[place], closes - length)
