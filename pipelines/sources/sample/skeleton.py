"""The hourly skeleton of the sample market: where every instrument stands when an hour closes.

1. Time is cut into slots, the hourly bars of XNYS sessions since 2015. The return of a slot runs
   from close to close, so the first slot of a session also holds the night before it.
2. Every factor (the market, each sector, each instrument's own) is a first-order autoregression
   of unit variance over the slots, all with the same coefficient rho. An instrument mixes market,
   sector and own with loads whose squares sum to one, so it is such a process too: this is the
   planted predictability. A Spearman correlation of `rank_ic` needs rho = 2 sin(pi/6 rank_ic).
   With rank_ic 0 the same random numbers give a market without direction.
3. A slot's return is z times its volatility: the instrument's yearly volatility, times a slowly
   varying climate that the market shares and a mood of each member's own (clustering), times the
   slot's share of a day (high at the open and the close, a quarter for the night). No drift.
4. Levels are running sums since 2015. A whole skeleton costs a millisecond or two per
   instrument and is kept, so nothing asked later costs the history again.
5. The VIX is no price but a mean-reverting level: its shocks run against the market's, around a
   level that follows the market's climate.

Random numbers are drawn by weekday and place, not by order of asking, and sums run forward:
nothing depends on what is asked, or on how far the calendar reaches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe

FIRST_DAY = np.datetime64("2015-01-01")
SLOT = 60  # minutes
MOST_SLOTS = 8  # of a session
NIGHT = 0.25  # share of a day's variance
FULL_DAY = 390  # minutes of an ordinary session
DAYS_A_YEAR = 252


def stream(seed: int, *names: str) -> int:
    """A key of 128 bits for the random numbers of that name."""
    text = "/".join((str(seed), *names)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


def generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=stream(seed, *names)))


def remember(shocks: np.ndarray, keep: float) -> np.ndarray:
    """y[t] = keep * y[t-1] + shocks[t]: the lags are summed by doubling, in whole-array steps."""
    made, lag, weight = shocks.copy(), 1, keep
    while weight > 1e-15 and lag < len(made):
        made[lag:] += weight * made[:-lag]
        lag, weight = 2 * lag, weight * weight
    return made


@dataclass(frozen=True)
class Instrument:
    """What is constant about one symbol of the sample."""

    symbol: str
    sector: str
    volatility: float  # a year's
    to_market: float  # loads; the own load is what is left
    to_sector: float
    price: float  # before the first session
    volume: float  # an ordinary minute's; 0 for an index
    moody: float = 0.0  # how much its volatility varies on its own, a day
    ticks: float = 100.0  # to one unit of price
    quoted: bool = False  # has a bid and an ask

    @property
    def to_self(self) -> float:
        return float(np.sqrt(1 - self.to_market**2 - self.to_sector**2))


TECH = "Information Technology"
OTHERS = (
    Instrument("QQQ", TECH, 0.20, 0.93, 0.30, 220.0, 90_000),
    Instrument("SPY", "Index", 0.16, 0.97, 0.24, 350.0, 150_000),
    Instrument("ES", "Index", 0.16, 0.97, 0.24, 3500.0, 3_000, ticks=4.0, quoted=True),
    Instrument("TLT", "Bonds", 0.14, -0.25, 0.0, 110.0, 40_000),
    Instrument("GLD", "Gold", 0.15, 0.05, 0.0, 180.0, 20_000),
    Instrument("VIX", "Volatility", 0.85, -0.75, 0.0, 19.0, 0),
)
VIX = "VIX"


@cache
def instruments() -> dict[str, Instrument]:
    """Every instrument by its symbol: the members of nasdaq100, then the others."""
    made = {}
    for member in universe("nasdaq100").members:
        a, b, c, d = generator(0, "instrument", member.symbol).random(4)
        made[member.symbol] = Instrument(
            member.symbol,
            member.sector,
            volatility=0.18 + 0.10 * a,
            to_market=0.35 + 0.20 * b,
            to_sector=0.30,
            price=float(np.round(250 + 350 * c, 2)),
            volume=float(np.round(3_000 * 30**d)),
            moody=0.08,
        )
    return made | {one.symbol: one for one in OTHERS}


@dataclass(frozen=True)
class Grid:
    """The sessions since 2015 and the hourly slots inside them, as flat arrays."""

    session: np.ndarray  # datetime64[D]
    opens: np.ndarray  # datetime64[us]
    closes: np.ndarray
    minutes: np.ndarray  # length of the session
    weekday: np.ndarray  # number of the session's day, counting Monday to Friday since 2015
    first: np.ndarray  # place of the session's first slot
    slots: np.ndarray  # how many it has
    of: np.ndarray  # slot -> its session
    place: np.ndarray  # slot -> its place in the session
    share: np.ndarray  # slot -> its part of a day's variance, without the night

    @property
    def days(self) -> int:
        return int(self.weekday[-1]) + 1


@cache
def minute_share(minutes: int) -> np.ndarray:
    """The part of a full day's variance that each minute of a session of that length has."""
    made: np.ndarray = (1 - NIGHT) * _busy(minutes) / _busy(FULL_DAY).sum()
    return made


def _busy(minutes: int) -> np.ndarray:
    past = np.arange(minutes) + 0.5
    return 1 + 2.2 * np.exp(-past / 35) + 0.8 * np.exp(-(minutes - past) / 45)


@cache
def slot_share(minutes: int) -> np.ndarray:
    return np.add.reduceat(minute_share(minutes), np.arange(0, minutes, SLOT))


@cache
def grid() -> Grid:
    made = calendar("XNYS").bars(interval_of("1d"), utc("2015-01-01"), utc("2100-01-01"))
    minutes = ((made.closes_at - made.ts) // np.timedelta64(1, "m")).astype(int)
    slots = -(-minutes // SLOT)
    first = np.cumsum(slots) - slots
    of = np.repeat(np.arange(len(slots)), slots)
    share = np.concatenate([slot_share(int(n)) for n in minutes])
    return Grid(
        session=made.session,
        opens=made.ts,
        closes=made.closes_at,
        minutes=minutes,
        weekday=np.busday_count(FIRST_DAY, made.session),
        first=first,
        slots=slots,
        of=of,
        place=np.arange(len(of)) - first[of],
        share=share,
    )


@dataclass(frozen=True)
class Market:
    """One market: a seed, and how well the next hour can be predicted from the past ones."""

    seed: int = 7
    rank_ic: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.rank_ic <= 0.5:
            raise InvalidRequest(
                f"a rank IC of {self.rank_ic} cannot be planted", "take one from 0 to 0.5"
            )

    @property
    def rho(self) -> float:
        return float(2 * np.sin(np.pi / 6 * self.rank_ic))

    @property
    def rest(self) -> float:
        """The standard deviation of z that its past does not explain."""
        return float(np.sqrt(1 - self.rho**2))


@dataclass(frozen=True)
class Skeleton:
    """One instrument's slots and sessions, as long as the calendar reaches."""

    z: np.ndarray  # slot -> its return from close to close over its volatility
    level: np.ndarray  # slot -> log price at its close
    opening: np.ndarray  # session -> log price at its open
    volatility: np.ndarray  # session -> a full day's, night included


@lru_cache(maxsize=256)
def skeleton(market: Market, symbol: str) -> Skeleton:
    """The skeleton of one instrument, made once."""
    it, at = instruments()[symbol], grid()
    draws = generator(market.seed, "own", symbol).standard_normal((at.days, MOST_SLOTS + 2))
    own = _autoregression(market, draws[:, :MOST_SLOTS])
    z = it.to_market * _factor(market, "market") + it.to_self * own
    if it.to_sector:
        z += it.to_sector * _factor(market, "sector/" + it.sector)
    climate = _climate(market)[at.weekday]
    mood = remember(draws[:, MOST_SLOTS + 1] * it.moody, 0.95)[at.weekday]
    volatility = it.volatility / np.sqrt(DAYS_A_YEAR) * np.exp(climate + mood)
    if symbol == VIX:
        volatility = np.full(len(at.session), it.volatility / np.sqrt(DAYS_A_YEAR))
    night = NIGHT * (at.place == 0)
    moves = volatility[at.of] * np.sqrt(at.share + night) * z
    if symbol == VIX:
        level = np.log(it.price) + 0.7 * climate[at.of] + remember(moves, 0.985)
    else:
        level = np.log(it.price) + np.cumsum(moves)
    # Given the close before and the first hour's close, the open lies on a Brownian bridge.
    before = np.concatenate(([np.log(it.price)], level[at.first[1:] - 1]))
    hour = at.share[at.first]
    part = NIGHT / (NIGHT + hour)
    spread = market.rest * volatility * np.sqrt(part * hour)
    jump = draws[at.weekday, MOST_SLOTS]
    opening = before + part * (level[at.first] - before) + spread * jump
    return Skeleton(z, level, opening, volatility)


@lru_cache(maxsize=64)
def _factor(market: Market, name: str) -> np.ndarray:
    draws = generator(market.seed, name).standard_normal((grid().days, MOST_SLOTS))
    return _autoregression(market, draws)


def _autoregression(market: Market, draws: np.ndarray) -> np.ndarray:
    at = grid()
    return remember(draws[at.weekday[at.of], at.place] * market.rest, market.rho)


@lru_cache(maxsize=8)
def _climate(market: Market) -> np.ndarray:
    """Weekday -> how much the log of every volatility is above its norm."""
    draws = generator(market.seed, "climate").standard_normal(grid().days)
    return remember(draws * 0.07, 0.975)
