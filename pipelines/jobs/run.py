"""What a run is asked for, over which interval, and how what it does is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.core.calendar import calendar
from pipelines.core.errors import BullionError, InvalidRequest, LakeError, NothingToDo
from pipelines.core.universes import universe
from pipelines.forecasts import Forecast, forecast
from pipelines.lake import Lake

log = logging.getLogger("pipelines.jobs")


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for. It knows nothing later than `at`."""

    source: str
    symbols: tuple[str, ...]
    start: datetime | None  # of its data interval, or as a user said
    at: datetime  # its end
    run: str
    fill: bool = True  # bring and score, too, what was missed before it
    force: bool = False


def symbols_of(name: str, chosen: str, symbols: Sequence[str] = ()) -> tuple[str, ...]:
    """The symbols named, or those of a universe as far as the forecast forecasts them."""
    if symbols:
        return tuple(symbols)
    declared = forecast(name)
    return tuple(s for s in universe(chosen).symbols if s in declared.symbols) or declared.symbols


def run_interval(declared: Forecast, asked: RunRequest) -> tuple[datetime, datetime]:
    """The run's interval; without one, that of the newest bar that had closed."""
    now = datetime.now(UTC)
    if asked.at > now:
        raise InvalidRequest(
            f"the run ends at {asked.at:%Y-%m-%d %H:%M} UTC, and by the clock of this machine it "
            f"is {now:%Y-%m-%d %H:%M} UTC",
            "ask for a range that is over, or set the clock if it was moved back",
        )
    if asked.start is not None:
        return asked.start, asked.at
    market = calendar(declared.schedule.calendar)
    newest = market.newest_closed(declared.bar, asked.at)
    if not len(newest):
        raise NothingToDo(f"no bar of {declared.schedule.calendar} had closed by {asked.at}")
    ends = (newest.ts[0], newest.closes_at[0])
    start, end = (one.astype("datetime64[us]").item().replace(tzinfo=UTC) for one in ends)
    return start, end


def check_clock(lake: Lake, declared: Forecast, asked: RunRequest) -> None:
    """Nothing can be published at a time at which a later bar was known already."""
    newest = lake.rows(
        'SELECT max(closes_at) FROM silver.bars WHERE source = ? AND "interval" = ?',
        [asked.source, declared.interval],
    )[0][0]
    now = datetime.now(UTC)
    if newest is not None and newest > now:
        raise InvalidRequest(
            f"the lake has a bar that closed at {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and "
            f"by the clock of this machine it is {now:%Y-%m-%d %H:%M} UTC: nothing was published",
            "set the clock, and run it again",
        )


@contextmanager
def record_failures(lake: Lake, step: str, name: str, asked: RunRequest) -> Iterator[None]:
    """What goes wrong is in gold.runs too, if the lake can be written."""
    try:
        yield
    except (NothingToDo, LakeError):
        raise
    except BullionError as error:
        row = {
            "run": asked.run,
            "step": step,
            "source": asked.source,
            "about": name,
            "interval_start": asked.start or asked.at,
            "interval_end": asked.at,
            "status": "failed",
            "counts": "{}",
            "message": error.message,
            "finished_at": datetime.now(UTC),
        }
        with suppress(LakeError), lake.write(f"{step} {name}") as writer:
            writer.append("gold.runs", pa.Table.from_pylist([row]))
        raise


def log_progress(what: str, done: int, total: int) -> None:
    """Progress as plain lines: the first, the last, and some between."""
    if total <= 10 or done in (0, total) or done % max(1, total // 10) == 0:
        log.info("%s: %d of %d", what, done, total)
