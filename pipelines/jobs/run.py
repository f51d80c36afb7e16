"""A run's request, its interval, and how its failures and progress are recorded."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
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
    """What a run must do. It knows nothing later than `at`."""

    source: str
    symbols: tuple[str, ...]
    start: datetime | None  # of its data interval, or as a user named it
    at: datetime  # its end
    run: str
    fill: bool = True  # bring and score what was missed before it, too
    force: bool = False


def symbols_of(name: str, universe_name: str, symbols: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the symbols that were named, or those of a universe that is a part of the forecast's.

    Of any other universe, such as the setting's for a forecast of other symbols, none is taken:
    then they are all of the forecast's.
    """
    if symbols:
        return tuple(symbols)
    declared, part = forecast(name), universe(universe_name).symbols
    return part if set(part) <= set(declared.symbols) else declared.symbols


def run_interval(declared: Forecast, request: RunRequest) -> tuple[datetime, datetime]:
    """Return the run's interval; without one, the newest that had ended: of a bar or of `every`."""
    now = datetime.now(UTC)
    if request.at > now:
        raise InvalidRequest(
            f"the run ends at {request.at:%Y-%m-%d %H:%M} UTC, and by the clock of this machine it "
            f"is {now:%Y-%m-%d %H:%M} UTC",
            "ask for a range that is over, or set the clock if it was moved back",
        )
    if request.start is not None:
        return request.start, request.at
    market = calendar(declared.schedule.calendar)
    newest = market.newest_closed(declared.cadence, request.at)
    if not len(newest):
        raise NothingToDo(f"no bar of {declared.schedule.calendar} had closed by {request.at}")
    ends = (newest.ts[0], newest.closes_at[0])
    start, end = (at.astype("datetime64[us]").item().replace(tzinfo=UTC) for at in ends)
    return start, end


def check_clock(lake: Lake, declared: Forecast, request: RunRequest) -> None:
    """Raise where the lake has a bar that closes after the time of this machine's clock."""
    newest = lake.rows(
        'SELECT max(closes_at) FROM silver.bars WHERE source = ? AND "interval" = ?',
        [request.source, declared.interval],
    )[0][0]
    now = datetime.now(UTC)
    if newest is not None and newest > now:
        raise InvalidRequest(
            f"the lake has a bar that closed at {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and "
            f"by the clock of this machine it is {now:%Y-%m-%d %H:%M} UTC: nothing was published",
            "set the clock, and run it again",
        )


def record_run(
    lake: Lake,
    step: str,
    name: str,
    request: RunRequest,
    *,
    status: str = "ok",
    counts: Mapping[str, int] | None = None,
    message: str | None = None,
) -> None:
    """Record in gold.runs how a step ended that writes no such row with its own commit."""
    row = {
        "run": request.run,
        "step": step,
        "source": request.source,
        "about": name,
        "interval_start": request.start or request.at,
        "interval_end": request.at,
        "status": status,
        "counts": json.dumps(dict(counts or {})),
        "message": message,
        "finished_at": datetime.now(UTC),
    }
    with lake.write(f"{step} {name}") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))


@contextmanager
def record_failures(lake: Lake, step: str, name: str, request: RunRequest) -> Iterator[None]:
    """Record an error in gold.runs, if the lake can be written, and raise it again."""
    try:
        yield
    except (NothingToDo, LakeError):
        raise
    except BullionError as error:
        with suppress(LakeError):
            record_run(lake, step, name, request, status="failed", message=error.message)
        raise


def log_progress(what: str, done: int, total: int) -> None:
    """Log progress as plain lines: the first, the last, and some between."""
    if total <= 10 or done in (0, total) or done % max(1, total // 10) == 0:
        log.info("%s: %d of %d", what, done, total)
