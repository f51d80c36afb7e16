"""Dirt for the sample: the faults of real providers, in known doses at known places.

A bar has at most one fault, chosen by symbol and open alone, so it is dirty in every request.
`missing` bars are left out; `duplicates` come twice; `nan` empties a field or the whole row;
`spikes` multiply the close, the high or the whole bar by 10 or 100; `corrections` give a close
and a volume slightly off until two hours after the bar's close. In addition the bar in progress
can come as a last row, and prices before a split come unadjusted until the split.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from pipelines.core.calendar import Bars, calendar, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.instants import to_numpy
from pipelines.sources.sample.market import Ticks
from pipelines.sources.sample.skeleton import stream

KINDS = ("missing", "duplicates", "nan", "spikes", "corrections")
PRICES = ("open", "high", "low", "close")
CORRECTED_AFTER = timedelta(hours=2)
SWITCH = "BULLION_SAMPLE_DIRT"


@dataclass(frozen=True)
class Dirt:
    """The doses of dirt, as fractions of the bars."""

    duplicates: float = 0.01
    corrections: float = 0.01
    missing: float = 0.01
    nan: float = 0.005
    spikes: float = 0.003
    unclosed: bool = True
    split: tuple[str, date, float] | None = ("NVDA", date(2024, 6, 10), 10.0)

    def __post_init__(self) -> None:
        doses = [getattr(self, kind) for kind in KINDS]
        if min(doses) < 0 or sum(doses) > 1:
            raise InvalidRequest(
                f"doses of dirt {doses} do not fit", "give fractions from 0 that sum to 1 at most"
            )
        if self.split is not None:
            calendar("XNYS").session_bounds(self.split[1])

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        if self.split is not None:
            symbol, day, ratio = self.split
            values["split"] = [symbol, day.isoformat(), ratio]
        return values

    @staticmethod
    def from_json(values: dict[str, Any]) -> Dirt:
        split = values["split"]
        if split is not None:
            split = (split[0], date.fromisoformat(split[1]), float(split[2]))
        return Dirt(**{**values, "split": split})

    def known_split(self, symbol: str, as_of: datetime) -> bool | None:
        """Return whether the symbol's split has happened at `as_of`; None if it has no split."""
        if self.split is None or self.split[0] != symbol:
            return None
        return calendar("XNYS").session_bounds(self.split[1])[0] <= utc(as_of)


def dirt_setting() -> Dirt | None:
    """Return the default dirt if BULLION_SAMPLE_DIRT=1 is set, else None."""
    value = os.environ.get(SWITCH, "0")
    if value not in ("", "0", "1"):
        raise InvalidRequest(f"{SWITCH}={value} is neither 0 nor 1", f"set {SWITCH}=1 for dirt")
    return Dirt() if value == "1" else None


def faults(dirt: Dirt, seed: int, symbol: str, ts: np.ndarray) -> np.ndarray:
    """Return the fault of each bar: an index into KINDS, or -1."""
    uniform = _mix(seed, symbol, "fault", ts) / 2.0**64
    edges = np.cumsum([getattr(dirt, kind) for kind in KINDS])
    kind = np.searchsorted(edges, uniform, side="right")
    return np.where(kind == len(KINDS), -1, kind)


def apply_faults(
    dirt: Dirt, seed: int, symbol: str, bars: Bars, bar_ticks: Ticks, as_of: datetime
) -> tuple[np.ndarray, Ticks]:
    """Return bars as a bad provider gives them: row numbers (some twice, some missing), values."""
    kind = faults(dirt, seed, symbol, bars.ts)
    detail = _mix(seed, symbol, "detail", bars.ts)
    price = {name: getattr(bar_ticks, name).copy() for name in PRICES}
    volume = bar_ticks.volume.copy()

    is_early = bars.closes_at > to_numpy(as_of - CORRECTED_AFTER)
    is_wrong = (kind == KINDS.index("corrections")) & is_early
    far_end = np.where(
        bar_ticks.close < (bar_ticks.high + bar_ticks.low) / 2, bar_ticks.high, bar_ticks.low
    )
    price["close"][is_wrong] = np.rint((bar_ticks.close + far_end) / 2)[is_wrong]
    volume[is_wrong] = np.rint(0.9 * volume[is_wrong])

    empty = kind == KINDS.index("nan")
    field = detail % 5
    for place, values in enumerate(price.values()):
        values[empty & ((field == 4) | (field == place))] = np.nan
    volume[empty & (field == 4)] = np.nan

    spiked = kind == KINDS.index("spikes")
    factor = np.where(detail & 8, 100.0, 10.0)
    field = (detail >> 8) % 3
    for name, values in price.items():
        hit = spiked & ((field == 0) | ((field == 1) & (name == "close")))
        hit |= spiked & (field == 2) & (name == "high")
        values[hit] *= factor[hit]

    times = np.ones(len(bars), int)
    times[kind == KINDS.index("missing")] = 0
    times[kind == KINDS.index("duplicates")] = 2
    rows = np.repeat(np.arange(len(bars)), times)
    return rows, replace(bar_ticks, volume=volume, **price).take(rows)


def undo_split(bar_ticks: Ticks, ratio: float) -> Ticks:
    """Return prices and volumes as they were before a split of that ratio."""
    price = {name: np.rint(getattr(bar_ticks, name) * ratio) for name in PRICES}
    return replace(
        bar_ticks,
        volume=np.rint(bar_ticks.volume / ratio),
        bid=bar_ticks.bid * ratio,
        ask=bar_ticks.ask * ratio,
        **price,
    )


def _mix(seed: int, symbol: str, name: str, ts: np.ndarray) -> np.ndarray:
    """Return a random 64-bit number for each instant (the finaliser of SplitMix64)."""
    key = np.uint64(stream(seed, name, symbol) & (2**64 - 1))
    bits = ts.astype("datetime64[us]").astype(np.uint64) ^ key
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
