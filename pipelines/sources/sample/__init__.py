"""A made-up market: endless, seeded, offline, and for any instant from 2015 on.

It has every member of the shipped NASDAQ-100 list and QQQ, SPY, TLT, GLD, VIX and ES (an S&P 500
future, with bid and ask), on XNYS sessions, at every interval from one minute to one month. The
next hour can be predicted from the past ones with a rank IC of 0.2; `sample_noise` is the same
market with the same volatility and no direction. See sample_skeleton and sample_market for how it
is made, sample_oracle for the best reachable score. BULLION_SAMPLE_DIRT=1 makes it play dirty.

An answer keeps what was asked, from which its bars are made again. The sample's clock is `as_of`:
it answers as a provider would have at that time, and that is when the answer was received.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import INTERVALS, UTC_TYPE, Bars, Interval, calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.core.universes import Member, universe
from pipelines.sources.base import ACTIONS, BARS, WEIGHTS, Answer, Parsed, Request
from pipelines.sources.sample.dirt import KINDS, Dirt, asked_dirt, faults, soil, unadjusted
from pipelines.sources.sample.market import Span, Ticks, join, partial, span_of, ticks
from pipelines.sources.sample.skeleton import Market, instruments
from pipelines.sources.sample.weights import FIRST_WEIGHTS, WHOLE, weights

GENERATOR = 1  # raised when the same request would give other bars
MOST_BARS = 500_000  # in one answer
BEGINNING = utc("2015-01-01")


class Sample:
    """The sample market, with a planted predictability."""

    name: ClassVar[str] = "sample"
    is_sample: ClassVar[bool] = True
    whole: ClassVar[bool] = False
    resumes: ClassVar[bool] = False

    def __init__(self, rank_ic: float = 0.2, seed: int = 7, dirt: Dirt | None = None) -> None:
        self.market = Market(seed, rank_ic)
        self.dirt = dirt or asked_dirt()

    def symbols(self) -> tuple[str, ...]:
        return tuple(instruments())

    def pieces(self, request: Request) -> Iterator[Request]:
        """As many symbols at a time as one answer holds; minutes in stretches of five years."""
        symbols = _check(request) or self.symbols()
        made = calendar("XNYS").bars(request.interval, request.start, request.end)
        count = int((made.ts <= to_numpy(request.as_of)).sum())
        if count == 0:
            return
        cuts = [utc(request.start), utc(request.end)]
        if count > MOST_BARS:
            whole = (utc(f"{year}-01-01") for year in range(2020, cuts[1].year + 1, 5))
            cuts[1:1] = [at for at in whole if cuts[0] < at < cuts[1]]
        together = max(1, MOST_BARS // count)
        for place in range(0, len(symbols), together):
            some = symbols[place : place + together]
            for start, end in pairwise(cuts):
                yield replace(request, symbols=some, start=start, end=end)

    def fetch(self, request: Request) -> Iterator[Answer]:
        for piece in self.pieces(request):
            asked = {
                "symbols": list(piece.symbols),
                "interval": piece.interval.name,
                "start": piece.start.isoformat(),
                "end": piece.end.isoformat(),
                "as_of": utc(piece.as_of).isoformat(),
            }
            dirt = self.dirt.to_json() if self.dirt else None
            yield self._said("bars", asked, {"dirt": dirt}, piece.as_of)

    def _said(
        self, kind: str, asked: dict[str, Any], more: dict[str, Any], as_of: datetime
    ) -> Answer:
        made_by = {
            "generator": GENERATOR,
            "seed": self.market.seed,
            "rank_ic": self.market.rank_ic,
        }
        body = json.dumps({**made_by, **asked, **more}).encode()
        return Answer(self.name, kind, asked, body, "application/json", utc(as_of))

    def parse(self, answer: Answer) -> Parsed:
        said = _read(answer)
        market = Market(said["seed"], said["rank_ic"])
        dirt = Dirt.from_json(said["dirt"]) if said["dirt"] else None
        interval = interval_of(said["interval"])
        start, end, as_of = (utc(said[name]) for name in ("start", "end", "as_of"))
        span = span_of(interval, start, end, as_of)
        running = _running(interval, start, end, as_of) if dirt and dirt.unclosed else None
        parts = []
        for symbol in said["symbols"]:
            bars, made = _asked(market, symbol, span, running, dirt, as_of)
            parts.append(_rows(symbol, interval, bars, made))
        table = pa.concat_tables(parts)
        row = pa.array(np.arange(1, len(table) + 1))
        table = table.append_column("row", row).cast(BARS).combine_chunks()
        return Parsed(interval, table, actions=_actions(dirt, said["symbols"], as_of))

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """All monthly weights known at `as_of`, since 2015."""
        _members(universe)
        if utc(as_of) >= FIRST_WEIGHTS:
            asked = {"universe": universe, "as_of": utc(as_of).isoformat()}
            yield self._said("weights", asked, {}, as_of)

    def parse_weights(self, answer: Answer) -> pa.Table:
        said = _read(answer)
        members = _members(said["universe"])
        known = weights(Market(said["seed"], said["rank_ic"]), utc(said["as_of"]))
        months, count = len(known.effective), len(members)
        return pa.table(
            {
                "symbol": [member.symbol for member in members] * months,
                "name": [member.name for member in members] * months,
                "weight": known.fraction(m.symbol for m in members).ravel(),
                "effective": np.repeat(known.effective, count),
                "known_at": pa.array(np.repeat(known.known_at, count)).cast(UTC_TYPE),
                "partial": [count < len(known.symbols)] * (months * count),
            },
            schema=WEIGHTS,
        )

    def dirtied(self, request: Request) -> pa.Table:
        """The closed bars of a request that are dirty, with their fault: symbol, ts, kind."""
        symbols = _check(request)
        span = span_of(request.interval, request.start, request.end, request.as_of)
        parts = [pa.table({"symbol": [], "ts": [], "kind": []}, schema=DIRTIED)]
        for symbol in symbols if self.dirt else ():
            assert self.dirt is not None
            kind = faults(self.dirt, self.market.seed, symbol, span.bars.ts)
            dirty = span.bars.take(kind >= 0)
            columns = {
                "symbol": pa.array([symbol] * len(dirty), pa.string()),
                "ts": pa.array(_label(request.interval, dirty)).cast(UTC_TYPE),
                "kind": pa.array([KINDS[k] for k in kind[kind >= 0]], pa.string()),
            }
            parts.append(pa.table(columns, schema=DIRTIED))
        return pa.concat_tables(parts)


class SampleNoise(Sample):
    """The sample's pure-noise twin: the same volatility, and no direction to find."""

    name: ClassVar[str] = "sample_noise"

    def __init__(self, seed: int = 7, dirt: Dirt | None = None) -> None:
        super().__init__(0.0, seed, dirt)


DIRTIED = pa.schema([("symbol", pa.string()), ("ts", UTC_TYPE), ("kind", pa.string())])


def _check(request: Request) -> tuple[str, ...]:
    """Refuse what the sample cannot answer; the symbols that are asked for, each once."""
    for symbol in request.symbols:
        if symbol not in instruments():
            raise unknown("symbol", symbol, instruments())
    if request.interval not in INTERVALS:
        raise unknown("interval", request.interval.name, (i.name for i in INTERVALS))
    if utc(request.start) < BEGINNING:
        raise InvalidRequest(
            f"the sample has no bars at {utc(request.start)}: it begins on 2015-01-01",
            "ask for a start from 2015-01-01 on",
        )
    if utc(request.end) < utc(request.start):
        raise InvalidRequest(
            f"the span ends at {request.end}, before its start {request.start}",
            "swap start and end",
        )
    return tuple(dict.fromkeys(request.symbols))


def _members(name: str) -> list[Member]:
    """The members of a universe that the sample's index has."""
    whole = universe(WHOLE).symbols
    return [member for member in universe(name).members if member.symbol in whole]


def _read(answer: Answer) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(answer.body)
        made_by = said["generator"]
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"an answer of {answer.source} is no answer of the sample: {error}", "fetch it again"
        ) from error
    if made_by != GENERATOR:
        raise SourceError(
            f"an answer of {answer.source} was made by generator {made_by}, this is {GENERATOR}",
            "fetch it again, or read it with the release that made it",
        )
    return said


def _asked(
    market: Market,
    symbol: str,
    span: Span,
    running: Bars | None,
    dirt: Dirt | None,
    as_of: datetime,
) -> tuple[Bars, Ticks]:
    """One symbol's rows as the source gives them."""
    bars, made = span.bars, ticks(market, symbol, span)
    if dirt is None:
        return bars, made
    which, made = soil(dirt, market.seed, symbol, bars, made, as_of)
    bars = bars.take(which)
    if running is not None:
        made = join([made, partial(market, symbol, from_numpy(running.ts[0]), as_of)])
        bars = Bars(
            np.append(bars.ts, running.ts),
            np.append(bars.closes_at, running.closes_at),
            np.append(bars.session, running.session),
        )
    if dirt.split is not None and dirt.known_split(symbol, as_of) is False:
        made = unadjusted(made, dirt.split[2])
    return bars, made


def _running(interval: Interval, start: datetime, end: datetime, at: datetime) -> Bars | None:
    """The bar of the span that is in progress at an instant."""
    made = calendar("XNYS").bars(interval, start, end)
    now = to_numpy(at)
    running = made.take((made.ts <= now) & (made.closes_at > now))
    return running if len(running) else None


def _actions(dirt: Dirt | None, symbols: list[str], as_of: datetime) -> pa.Table:
    if dirt is None or dirt.split is None or dirt.split[0] not in symbols:
        return ACTIONS.empty_table()
    symbol, day, ratio = dirt.split
    if not dirt.known_split(symbol, as_of):
        return ACTIONS.empty_table()
    row = {"symbol": symbol, "date": day, "kind": "split", "value": ratio}
    return pa.Table.from_pylist([row], schema=ACTIONS)


def _label(interval: Interval, bars: Bars) -> np.ndarray:
    return bars.ts if interval.intraday else bars.session.astype("datetime64[us]")


def _rows(symbol: str, interval: Interval, bars: Bars, made: Ticks) -> pa.Table:
    """The columns of BARS but the last."""
    it = instruments()[symbol]
    columns = {
        "symbol": pa.repeat(pa.scalar(symbol), len(bars)),
        "ts": pa.array(_label(interval, bars)).cast(UTC_TYPE),
        "open": made.open / it.ticks,
        "high": made.high / it.ticks,
        "low": made.low / it.ticks,
        "close": made.close / it.ticks,
        "volume": made.volume,
        "bid": pa.array(made.bid / it.ticks, from_pandas=True),
        "ask": pa.array((made.bid + 1) / it.ticks, from_pandas=True),
    }
    return pa.table(columns)
