"""From the times of a file, written in whatever way, to the instants at which its bars open."""

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
# Which a cast does not know; and its offsets know no Z.
SHORT = "['%Y-%m-%d %H:%M%z', '%Y-%m-%dT%H:%M%z', '%Y-%m-%d %H:%MZ', '%Y-%m-%dT%H:%MZ']"
OFFSET = r"\d:\d{2}(:\d{2}(\.\d+)?)? ?([zZ]|[+-]\d{2}(:?\d{2})?) *$"


@dataclass(frozen=True)
class Times:
    """How to read a time column in SQL: the clock it shows, or the instant it means."""

    wall: str = NONE
    instant: str = NONE
    other_wall: str = NONE  # day and month the other way round
    zone: str = "UTC"  # of the clock behind an instant that shows none


def times_of(
    path: str, time_format: str, columns: list[str], types: list[pa.DataType], seen: Iterable[str]
) -> Times:
    """Find how the times of a file are written, from some of them."""
    if types and len(columns) == 1:
        if pa.types.is_timestamp(types[0]) and types[0].tz:
            _known_zone(path, types[0].tz)
            return Times(instant=f"CAST({columns[0]} AS TIMESTAMP)", zone=types[0].tz)
        if pa.types.is_timestamp(types[0]) or pa.types.is_date(types[0]):
            return Times(wall=f"CAST({columns[0]} AS TIMESTAMP)")
    x = f"trim(concat_ws(' ', {', '.join(columns)}))" if len(columns) > 1 else columns[0]
    x = f"CAST({x} AS VARCHAR)" if types else x
    if time_format:
        read = _strptime(x, [time_format])
        return Times(instant=read) if "%z" in time_format else Times(wall=read)
    texts = [text.strip() for text in seen]
    found = [(kind, [t for t in texts if kind.match(t)]) for kind in (
        ISO, DOTTED, DAY_OR_MONTH, COMPACT, EPOCH,
    )]  # fmt: skip
    kind, fitting = max(found, key=lambda one: len(one[1]))
    if not texts:
        return Times()
    if not fitting:
        raise SourceError(
            f"{path}: times such as {texts[0][:60]!r} cannot be read",
            "set time_format (strptime, for example '%d.%m.%Y %H:%M'), or the column of ts",
        )
    if kind is ISO:
        # The common lengths are told first: the pattern costs more than all the rest.
        offset = (
            f"CASE WHEN length({x}) = 19 AND {x}[17] = ':' THEN false "
            f"WHEN length({x}) = 25 AND {x}[17] = ':' AND {x}[23] = ':' THEN true "
            f"ELSE regexp_matches({x}, '{OFFSET}') END"
        )
        # A cast knows words too, such as epoch; only what begins with a digit is a time here.
        return Times(
            wall=f"CASE WHEN {x} < ':' THEN TRY_CAST({x} AS TIMESTAMP) END",
            instant=f"CASE WHEN {offset} THEN CAST(coalesce(TRY_CAST({x} AS TIMESTAMPTZ), "
            f"try_strptime(trim({x}), {SHORT})) AS TIMESTAMP) END",
        )
    if kind is DOTTED:
        return Times(wall=_strptime(x, ["%Y.%m.%d" + clock for clock in CLOCKS]))
    if kind is COMPACT:
        clocks = ("", " %H:%M", " %H:%M:%S", " %H%M%S", "%H%M%S", "T%H%M%S", " %H%M", "%H%M")
        return Times(wall=_strptime(x, ["%Y%m%d" + clock for clock in clocks]))
    if kind is EPOCH:
        return Times(instant=_epoch(path, x, fitting))
    sign = re.search(r"[/.-]", fitting[0])
    assert sign is not None
    month_first, day_first = (
        [order.replace("/", sign.group()) + clock for clock in CLOCKS]
        for order in ("%m/%d/%Y", "%d/%m/%Y")
    )
    return Times(wall=_strptime(x, month_first), other_wall=_strptime(x, day_first))


def _known_zone(path: str, name: str) -> None:
    import pandas as pd

    try:
        pd.DatetimeIndex([], tz=name)
    except (KeyError, ValueError):
        raise SourceError(
            f"{path}: the time zone {name!r} of its times is not known", "write them in UTC"
        ) from None


def _strptime(x: str, formats: list[str]) -> str:
    listed = ", ".join("'" + f.replace("'", "''") + "'" for f in formats)
    return f"CAST(try_strptime(trim({x}), [{listed}]) AS TIMESTAMP)"


def _epoch(path: str, x: str, seen: list[str]) -> str:
    digits = {len(text.split(".")[0]) for text in seen}
    scales = {EPOCHS[n] for n in digits if n in EPOCHS}
    if len(scales) != 1:
        raise SourceError(
            f"{path}: times such as {seen[0]!r} may be seconds or milliseconds since 1970",
            "write them all in one unit, or as ISO times",
        )
    scale = scales.pop()
    low, high = (float(end.astype(np.int64)) / scale for end in (FIRST, LAST))
    return (
        f"CASE WHEN TRY_CAST({x} AS DOUBLE) BETWEEN {low} AND {high} THEN "
        f"make_timestamp(CAST(TRY_CAST({x} AS DECIMAL(28, 6)) * {scale} AS BIGINT)) END"
    )


def one_reading(path: str, month_first: np.ndarray, day_first: np.ndarray) -> np.ndarray:
    """The one way in which all times of a file can be read. Raises when it is not clear."""
    hint = "set time_format to '%m/%d/%Y ...' or '%d/%m/%Y ...', as in strptime"
    as_month, as_day = ~np.isnat(month_first), ~np.isnat(day_first)
    either = int((as_month | as_day).sum())
    if as_month.sum() == as_day.sum() == either:
        if (month_first[as_month] == day_first[as_month]).all():
            return month_first
        raise SourceError(f"{path}: its times may be month/day/year or day/month/year", hint)
    if as_month.sum() == either:
        return month_first
    if as_day.sum() == either:
        return day_first
    raise SourceError(f"{path}: some times are month/day/year, others day/month/year", hint)


def sane(times: np.ndarray) -> np.ndarray:
    """The times, none where the year is one that no bar can have."""
    return np.where((times >= FIRST) & (times < LAST), times, NAT)


def localized(
    path: str, wall: np.ndarray, instant: np.ndarray, zone: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The UTC instants, and where the clock showed a time twice or never."""
    naive = np.isnat(instant) & ~np.isnat(wall)
    twice, never = np.zeros(len(wall), bool), np.zeros(len(wall), bool)
    if not naive.any():
        return instant, twice, never
    if not zone:
        first = str(wall[naive][0]).replace("T", " ")[:19]
        raise InvalidRequest(
            f"{path}: its times, such as {first}, carry no time zone",
            "set timezone in the mapping, for example 'timezone: America/New_York'",
        )
    import pandas as pd  # the API imports this module, and does without pandas

    shown = pd.DatetimeIndex(wall[naive])
    meant = shown.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = np.flatnonzero(naive)[np.asarray(meant.isna())]
    if len(lost):
        again = pd.DatetimeIndex(wall[lost]).tz_localize(
            zone, ambiguous="NaT", nonexistent="shift_forward"
        )
        gone = np.asarray(again.isna())
        twice[lost[gone]] = True
        never[lost[~gone]] = True
    utc = instant.copy()
    utc[naive] = meant.tz_convert(None).to_numpy().astype("datetime64[us]")
    return utc, twice, never


def clock_of(wall: np.ndarray, instant: np.ndarray, shown: str, zone: str) -> np.ndarray:
    """The local clock of each row, whose date names a day.

    A midnight is the date it shows, whatever its offset. Another hour (bars of a day stamped in
    UTC) is that hour in the time zone of the mapping.
    """
    bare = np.isnat(wall) & ~np.isnat(instant)
    clock = wall.copy()
    clock[bare] = _at(instant[bare], shown)
    hours = ~np.isnat(instant) & (clock != clock.astype("datetime64[D]"))
    if zone:
        clock[hours] = _at(instant[hours], zone)
    return clock


def _at(instant: np.ndarray, zone: str) -> np.ndarray:
    import pandas as pd

    local = pd.DatetimeIndex(instant, tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[us]"))


def opens_of(closes: np.ndarray, interval: Interval, name: str, grid: Grid) -> np.ndarray:
    """The opens of bars whose times name their closes."""
    assert interval.minutes is not None
    length = np.timedelta64(interval.minutes, "m")
    known = closes[~np.isnat(closes)]
    if len(known) == 0:
        return closes
    first, last = from_numpy(known.min()), from_numpy(known.max())
    bars = calendar(name).bars(interval, first - timedelta(days=2), last + timedelta(days=2), grid)
    if len(bars) == 0:
        return closes - length
    place = np.minimum(np.searchsorted(bars.closes_at, closes), len(bars) - 1)
    return np.where(bars.closes_at[place] == closes, bars.ts[place], closes - length)
