"""The hourly skeleton of the sample market: the price of every instrument at each hour's close.

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
   instrument and is cached, so later requests do not compute the history again.
5. QQQ holds the members: at each hour's close and each open its price is their sum, by weights
   that are set anew each year and then follow their prices, as in sample/weights.py.
6. The VIX is no price but a mean-reverting level: its shocks run against the market's, around a
   level that follows the market's climate.
7. A session of TLT and VIX speaks of the next one of SPY, and of ES, the same index: the more bonds
   rose and the less fear did, the higher the expected return, with a correlation of `lead`. It is
   spread over the session as the variance is. Without a rank_ic there is no lead either.
8. The price of ES goes after its news slowly: of how far it should be from where it lately was, a
   part is still missing, and comes within the next hour (`lag`; sample/slow_price.py). So its past
   minutes say where it goes. Without a rank_ic it is where it should be.

Random numbers are drawn by weekday and slot, not by the order of requests, and sums run forward:
no value depends on the request, or on how far the calendar reaches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT
from pipelines.core.universe_files import Member, read_universe_file

FIRST_DAY = np.datetime64("2015-01-01")
SLOT = 60  # minutes
MOST_SLOTS = 8  # of a session
NIGHT = 0.25  # share of a day's variance
FULL_DAY = 390  # minutes of an ordinary session
DAYS_A_YEAR = 252


def stream(seed: int, *names: str) -> int:
    """Return a key of 128 bits for the random numbers of that name."""
    text = "/".join((str(seed), *names)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


def generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=stream(seed, *names)))


def filter_ar1(shocks: np.ndarray, coefficient: float) -> np.ndarray:
    """Return y[t] = coefficient * y[t-1] + shocks[t], by doubling the lag in whole-array steps."""
    values, lag, weight = shocks.copy(), 1, coefficient
    while weight > 1e-15 and lag < len(values):
        values[lag:] += weight * values[:-lag]
        lag, weight = 2 * lag, weight * weight
    return values


@dataclass(frozen=True)
class Instrument:
    """The constants of one symbol of the sample."""

    symbol: str
    sector: str
    volatility: float  # a year's
    to_market: float  # loads; the own load is what is left
    to_sector: float
    price: float  # before the first session
    volume: float  # an ordinary minute's; 0 for an index
    moody: float = 0.0  # daily deviation of its own variation of volatility
    ticks: float = 100.0  # to one unit of price
    quoted: bool = False  # has a bid and an ask

    @property
    def to_self(self) -> float:
        return float(np.sqrt(1 - self.to_market**2 - self.to_sector**2))


MEMBERS = ROOT / "include" / "sample" / "members.csv"
TECH = "Information Technology"
OTHERS = (
    Instrument("QQQ", TECH, 0.12, 0.89, 0.30, 220.0, 90_000),  # about as its members make it
    Instrument("SPY", "Index", 0.16, 0.97, 0.24, 350.0, 150_000),
    Instrument("ES", "Index", 0.16, 0.97, 0.24, 3500.0, 3_000, ticks=4.0, quoted=True),
    Instrument("IWM", "Small companies", 0.20, 0.85, 0.30, 150.0, 30_000),
    Instrument("TLT", "Bonds", 0.14, -0.25, 0.0, 110.0, 40_000),
    Instrument("GLD", "Gold", 0.15, 0.05, 0.0, 180.0, 20_000),
    Instrument("VIX", "Volatility", 0.85, -0.75, 0.0, 19.0, 0),
)
VIX, FUND, BONDS = "VIX", "QQQ", "TLT"
LED = ("SPY", "ES")  # the same index
NORM_SESSIONS = 1000  # the first ones, by which a session's signal is scaled


@cache
def index_members() -> tuple[Member, ...]:
    """Return the members of the made-up index, heaviest first.

    The list is the market's own: who changes a universe does not change the bars.
    """
    return read_universe_file(MEMBERS, MEMBERS.parent).members


@cache
def instruments() -> dict[str, Instrument]:
    """Return every instrument by its symbol: the members of the index, then the others."""
    by_symbol = {}
    for member in index_members():
        a, b, c, d = generator(0, "instrument", member.symbol).random(4)
        by_symbol[member.symbol] = Instrument(
            member.symbol,
            member.sector,
            volatility=0.18 + 0.10 * a,
            to_market=0.35 + 0.20 * b,
            to_sector=0.30,
            price=float(np.round(250 + 350 * c, 2)),
            volume=float(np.round(3_000 * 30**d)),
            moody=0.08,
        )
    return by_symbol | {i.symbol: i for i in OTHERS}


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
    session_of: np.ndarray  # slot -> its session
    place: np.ndarray  # slot -> its place in the session
    share: np.ndarray  # slot -> its part of a day's variance, without the night

    @property
    def days(self) -> int:
        return int(self.weekday[-1]) + 1


@cache
def minute_share(minutes: int) -> np.ndarray:
    """Return each minute's share of a full day's variance, in a session of that length."""
    shares: np.ndarray = (1 - NIGHT) * _activity(minutes) / _activity(FULL_DAY).sum()
    return shares


def _activity(minutes: int) -> np.ndarray:
    past = np.arange(minutes) + 0.5
    return 1 + 2.2 * np.exp(-past / 35) + 0.8 * np.exp(-(minutes - past) / 45)


@cache
def slot_share(minutes: int) -> np.ndarray:
    return np.add.reduceat(minute_share(minutes), np.arange(0, minutes, SLOT))


@cache
def grid() -> Grid:
    days = calendar("XNYS").bars(interval_of("1d"), utc("2015-01-01"), utc("2100-01-01"))
    minutes = ((days.closes_at - days.ts) // np.timedelta64(1, "m")).astype(int)
    slots = -(-minutes // SLOT)
    first = np.cumsum(slots) - slots
    session_of = np.repeat(np.arange(len(slots)), slots)
    share = np.concatenate([slot_share(int(n)) for n in minutes])
    return Grid(
        session=days.session,
        opens=days.ts,
        closes=days.closes_at,
        minutes=minutes,
        weekday=np.busday_count(FIRST_DAY, days.session),
        first=first,
        slots=slots,
        session_of=session_of,
        place=np.arange(len(session_of)) - first[session_of],
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
    def lead(self) -> float:
        """The correlation of SPY's session with what TLT and VIX did in the session before."""
        return min(2 * self.rank_ic, 0.5)

    @property
    def lag(self) -> float:
        """The part of a move that the price of ES has yet to make at first."""
        return min(2 * self.rank_ic, 0.5)

    @property
    def residual(self) -> float:
        """Standard deviation of the part of z that its past does not explain."""
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
    """Return the skeleton of one instrument; it is computed once."""
    if symbol == FUND:
        return _fund_skeleton(market)
    instrument, slots = instruments()[symbol], grid()
    draws = generator(market.seed, "own", symbol).standard_normal((slots.days, MOST_SLOTS + 2))
    own_factor = _draw_ar1(market, draws[:, :MOST_SLOTS])
    z = instrument.to_market * _factor(market, "market") + instrument.to_self * own_factor
    if instrument.to_sector:
        z += instrument.to_sector * _factor(market, "sector/" + instrument.sector)
    climate = _climate(market)[slots.weekday]
    mood = filter_ar1(draws[:, MOST_SLOTS + 1] * instrument.moody, 0.95)[slots.weekday]
    volatility = instrument.volatility / np.sqrt(DAYS_A_YEAR) * np.exp(climate + mood)
    if symbol == VIX:
        volatility = np.full(len(slots.session), instrument.volatility / np.sqrt(DAYS_A_YEAR))
    night = NIGHT * (slots.place == 0)
    if symbol in LED:
        signal = signal_before(market)[slots.session_of]
        z = np.sqrt(1 - market.lead**2) * z + market.lead * signal * np.sqrt(slots.share + night)
    moves = volatility[slots.session_of] * np.sqrt(slots.share + night) * z
    if symbol == VIX:
        level = (
            np.log(instrument.price) + 0.7 * climate[slots.session_of] + filter_ar1(moves, 0.985)
        )
    else:
        level = np.log(instrument.price) + np.cumsum(moves)
    # Between the previous close and the first hour's close, the open lies on a Brownian bridge.
    before = np.concatenate(([np.log(instrument.price)], level[slots.first[1:] - 1]))
    hour = slots.share[slots.first]
    night_share = NIGHT / (NIGHT + hour)
    spread = market.residual * volatility * np.sqrt(night_share * hour)
    jump = draws[slots.weekday, MOST_SLOTS]
    opening = before + night_share * (level[slots.first] - before) + spread * jump
    return Skeleton(z, level, opening, volatility)


@lru_cache(maxsize=8)
def signal_before(market: Market) -> np.ndarray:
    """Return for each session what the session before says of SPY: of unit variance."""
    last = np.append(grid().first[1:], len(grid().session_of)) - 1
    moves = []
    for symbol in (BONDS, VIX):
        bones = skeleton(market, symbol)
        moves.append(np.diff(bones.level[last], prepend=bones.level[0]) / bones.volatility)
    bonds, fear = (move / move[:NORM_SESSIONS].std() for move in moves)
    signal = bonds - fear
    return np.concatenate(([0.0], signal[:-1] / signal[:NORM_SESSIONS].std()))


def _fund_skeleton(market: Market) -> Skeleton:
    """Return the skeleton of the fund that holds the members by weight."""
    fund, slots = instruments()[FUND], grid()
    others = {instrument.symbol for instrument in OTHERS}
    members = [symbol for symbol in instruments() if symbol not in others]
    _, resets, year = np.unique(
        slots.session.astype("datetime64[Y]"), return_index=True, return_inverse=True
    )
    # What one unit at the beginning of the year has become, at each close and each open.
    closes, opens = np.zeros(len(slots.session_of)), np.zeros(len(slots.session))
    for weight, symbol in zip(first_weights(len(members)), members, strict=True):
        bones = skeleton(market, symbol)
        bought_at = close_before(market, symbol)[resets][year]
        closes += weight * np.exp(bones.level - bought_at[slots.session_of])
        opens += weight * np.exp(bones.opening - bought_at)
    last = np.append(slots.first[resets[1:]], len(closes)) - 1  # slot of each year
    bought = np.log(fund.price) + np.concatenate(([0.0], np.cumsum(np.log(closes[last])[:-1])))
    level = bought[year][slots.session_of] + np.log(closes)
    volatility = fund.volatility / np.sqrt(DAYS_A_YEAR) * np.exp(_climate(market)[slots.weekday])
    night = NIGHT * (slots.place == 0)
    moves = np.diff(level, prepend=np.log(fund.price))
    z = moves / (volatility[slots.session_of] * np.sqrt(slots.share + night))
    return Skeleton(z, level, bought[year] + np.log(opens), volatility)


def first_weights(members: int) -> np.ndarray:
    """Return the members' weights at the first session of a year, by their place in the list."""
    weights = 1 / (np.arange(members) + 3)
    shares: np.ndarray = weights / weights.sum()
    return shares


def close_before(market: Market, symbol: str) -> np.ndarray:
    """Return for each session the log price at the close before it."""
    level, first = skeleton(market, symbol).level, grid().first
    return np.concatenate(([np.log(instruments()[symbol].price)], level[first[1:] - 1]))


@lru_cache(maxsize=64)
def _factor(market: Market, name: str) -> np.ndarray:
    draws = generator(market.seed, name).standard_normal((grid().days, MOST_SLOTS))
    return _draw_ar1(market, draws)


@lru_cache(maxsize=8)
def market_shocks(market: Market) -> np.ndarray:
    """Return for each slot what the past does not explain of the market factor: unit variance."""
    factor = _factor(market, "market")
    before = np.concatenate(([0.0], factor[:-1]))
    shocks: np.ndarray = (factor - market.rho * before) / market.residual
    return shocks


def _draw_ar1(market: Market, draws: np.ndarray) -> np.ndarray:
    slots = grid()
    return filter_ar1(
        draws[slots.weekday[slots.session_of], slots.place] * market.residual, market.rho
    )


@lru_cache(maxsize=8)
def _climate(market: Market) -> np.ndarray:
    """Return for each weekday how far the log of every volatility is above its norm."""
    draws = generator(market.seed, "climate").standard_normal(grid().days)
    return filter_ar1(draws * 0.07, 0.975)
