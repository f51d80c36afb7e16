"""A made-up market: endless, seeded, offline, and for any instant from 2015 on.

It has every symbol of include/sample/members.csv (the NASDAQ-100) and QQQ, SPY, IWM, TLT, GLD, VIX
and ES (an S&P 500 future, with bid and ask), on XNYS sessions, at every interval from one minute to
one month. The next hour can be predicted from the past ones with a rank IC of 0.2, and SPY's next
session from what TLT and VIX did in this one, ES's next half hour from its last minutes;
`sample_noise` is the same market with the same volatility and no direction. See
sample/skeleton.py and sample/market.py for how it is made, sample/oracle.py for the best
reachable score. BULLION_SAMPLE_DIRT=1 adds the faults of real providers.

QQQ holds the members by weight, so that what an index did and what its members did agree.

An answer holds the request, from which its bars are computed again. The clock of the sample is
`as_of`: it answers as a provider would have at that time, and that is the time of receipt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import INTERVALS, UTC_TYPE, Bars, Interval, calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.core.topics import topic
from pipelines.core.universe_files import Member
from pipelines.core.universes import universe
from pipelines.sources.base import ACTIONS, BARS, WEIGHTS, Answer, Parsed, Request
from pipelines.sources.news import NewsRequest, ParsedNews, cut_request
from pipelines.sources.sample.dirt import (
    KINDS,
    Dirt,
    apply_faults,
    dirt_setting,
    faults,
    undo_split,
)
from pipelines.sources.sample.market import Span, Ticks, join_ticks, partial_bar, span_of, ticks
from pipelines.sources.sample.skeleton import Market, index_members, instruments
from pipelines.sources.sample.weights import FIRST_WEIGHTS, weights
from pipelines.sources.sample.wire import STRENGTH, Wire

GENERATOR = 4  # increased whenever the same request would give other bars
WIRE = 2  # the same of news
MOST_BARS = 500_000  # in one answer
BEGINNING = utc("2015-01-01")
NEWS_PIECE = timedelta(days=7)


class Sample:
    """The sample market, with a planted predictability."""

    name: ClassVar[str] = "sample"
    is_sample: ClassVar[bool] = True
    datasets: ClassVar[tuple[str, ...]] = ("bars", "weights", "news")
    whole: ClassVar[bool] = False
    resumes: ClassVar[bool] = False
    resumes_news: ClassVar[bool] = False
    whole_news: ClassVar[bool] = False
    news_every: ClassVar[timedelta] = timedelta(minutes=15)

    def __init__(
        self,
        rank_ic: float = 0.2,
        seed: int = 7,
        dirt: Dirt | None = None,
        strength: float = STRENGTH,
    ) -> None:
        self.market = Market(seed, rank_ic)
        self.strength = strength  # of its news
        self.dirt = dirt or dirt_setting()

    def symbols(self) -> tuple[str, ...]:
        return tuple(instruments())

    def pieces(self, request: Request) -> Iterator[Request]:
        """Cut a request: as many symbols as fit one answer, minutes in spans of five years."""
        symbols = _check_request(request) or self.symbols()
        bars = calendar("XNYS").bars(request.interval, request.start, request.end)
        count = int((bars.ts <= to_numpy(request.as_of)).sum())
        if count == 0:
            return
        cuts = [utc(request.start), utc(request.end)]
        if count > MOST_BARS:
            year_starts = (utc(f"{year}-01-01") for year in range(2020, cuts[1].year + 1, 5))
            cuts[1:1] = [at for at in year_starts if cuts[0] < at < cuts[1]]
        symbols_per_piece = max(1, MOST_BARS // count)
        for place in range(0, len(symbols), symbols_per_piece):
            group = symbols[place : place + symbols_per_piece]
            for start, end in pairwise(cuts):
                yield replace(request, symbols=group, start=start, end=end)

    def fetch(self, request: Request) -> Iterator[Answer]:
        for piece in self.pieces(request):
            query = {
                "symbols": list(piece.symbols),
                "interval": piece.interval.name,
                "start": piece.start.isoformat(),
                "end": piece.end.isoformat(),
                "as_of": utc(piece.as_of).isoformat(),
            }
            dirt = self.dirt.to_json() if self.dirt else None
            yield self._build_answer("bars", query, {"dirt": dirt}, piece.as_of)

    def _build_answer(
        self, kind: str, query: dict[str, Any], extra: dict[str, Any], as_of: datetime
    ) -> Answer:
        origin = {
            "generator": GENERATOR,
            "seed": self.market.seed,
            "rank_ic": self.market.rank_ic,
        }
        body = json.dumps({**origin, **query, **extra}).encode()
        return Answer(self.name, kind, query, body, "application/json", utc(as_of))

    def parse(self, answer: Answer) -> Parsed:
        content = _read_content(answer)
        market = Market(content["seed"], content["rank_ic"])
        dirt = Dirt.from_json(content["dirt"]) if content["dirt"] else None
        interval = interval_of(content["interval"])
        start, end, as_of = (utc(content[name]) for name in ("start", "end", "as_of"))
        span = span_of(interval, start, end, as_of)
        open_bar = _find_open_bar(interval, start, end, as_of) if dirt and dirt.unclosed else None
        parts = []
        for symbol in content["symbols"]:
            bars, bar_ticks = _symbol_bars(market, symbol, span, open_bar, dirt, as_of)
            parts.append(_build_rows(symbol, interval, bars, bar_ticks))
        table = pa.concat_tables(parts)
        row = pa.array(np.arange(1, len(table) + 1))
        table = table.append_column("row", row).cast(BARS).combine_chunks()
        return Parsed(interval, table, actions=_actions(dirt, content["symbols"], as_of))

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Return all monthly weights known at `as_of`, since 2015."""
        _members(universe)
        if utc(as_of) >= FIRST_WEIGHTS:
            query = {"universe": universe, "as_of": utc(as_of).isoformat()}
            yield self._build_answer("weights", query, {}, as_of)

    def parse_weights(self, answer: Answer) -> pa.Table:
        content = _read_content(answer)
        members = _members(content["universe"])
        monthly = weights(Market(content["seed"], content["rank_ic"]), utc(content["as_of"]))
        months, count = len(monthly.effective), len(members)
        return pa.table(
            {
                "symbol": [member.symbol for member in members] * months,
                "name": [member.name for member in members] * months,
                "weight": monthly.fraction(m.symbol for m in members).ravel(),
                "effective": np.repeat(monthly.effective, count),
                "known_at": pa.array(np.repeat(monthly.known_at, count)).cast(UTC_TYPE),
                "partial": [count < len(monthly.symbols)] * (months * count),
            },
            schema=WEIGHTS,
        )

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Cut a request into weeks that begin on Monday."""
        start = max(utc(request.start), BEGINNING)
        yield from cut_request(replace(request, start=start), NEWS_PIECE)

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        query = {
            "topic": request.topic,
            "start": request.start.isoformat(),
            "end": request.end.isoformat(),
            "as_of": utc(request.as_of).isoformat(),
        }
        extra = {"wire": WIRE, "strength": self.strength, "dirty": self.dirt is not None}
        yield self._build_answer("news", query, extra, request.as_of)

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Return the stories of the request's topic; the others are counted."""
        content = _read_content(answer)
        if content["wire"] != WIRE:
            raise SourceError(
                f"an answer of {answer.source} was made by wire {content['wire']}, this is {WIRE}",
                "fetch it again, or read it with the release that made it",
            )
        market = Market(content["seed"], content["rank_ic"])
        wire = Wire(market, content["strength"], content["dirty"])
        rows = wire.rows(*(utc(content[name]) for name in ("start", "end", "as_of")))
        about = topic(content["topic"])
        texts = zip(rows["title"].to_pylist(), rows["summary"].to_pylist(), strict=True)
        matching = [about.matches(f"{title} {summary}") for title, summary in texts]
        rows = rows.filter(pa.array(matching, pa.bool_()))
        topics = pa.array([[about.name]] * len(rows), pa.list_(pa.string()))
        symbols = pa.array(
            [list(about.symbols_in(title)) for title in rows["title"].to_pylist()],
            pa.list_(pa.string()),
        )
        for name, values in (("topics", topics), ("symbols", symbols)):
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        return ParsedNews(rows, off_topic=len(matching) - len(rows))

    def dirty_bars(self, request: Request) -> pa.Table:
        """Return the dirty closed bars of a request, with their fault: symbol, ts, kind."""
        symbols = _check_request(request)
        span = span_of(request.interval, request.start, request.end, request.as_of)
        parts = [pa.table({"symbol": [], "ts": [], "kind": []}, schema=DIRTY_BARS)]
        for symbol in symbols if self.dirt else ():
            assert self.dirt is not None
            kind = faults(self.dirt, self.market.seed, symbol, span.bars.ts)
            dirty = span.bars.take(kind >= 0)
            columns = {
                "symbol": pa.array([symbol] * len(dirty), pa.string()),
                "ts": pa.array(_bar_times(request.interval, dirty)).cast(UTC_TYPE),
                "kind": pa.array([KINDS[k] for k in kind[kind >= 0]], pa.string()),
            }
            parts.append(pa.table(columns, schema=DIRTY_BARS))
        return pa.concat_tables(parts)


class SampleNoise(Sample):
    """The sample's pure-noise twin: the same volatility, and no direction to find."""

    name: ClassVar[str] = "sample_noise"

    def __init__(self, seed: int = 7, dirt: Dirt | None = None) -> None:
        super().__init__(0.0, seed, dirt)


DIRTY_BARS = pa.schema([("symbol", pa.string()), ("ts", UTC_TYPE), ("kind", pa.string())])


def _check_request(request: Request) -> tuple[str, ...]:
    """Refuse a request that the sample cannot answer; return its symbols, each once."""
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
    """Return the members of a universe that are in the sample's index."""
    in_index = {member.symbol for member in index_members()}
    by_symbol = {member.symbol: member for member in universe(name).members}
    return [member for symbol, member in by_symbol.items() if symbol in in_index]


def _read_content(answer: Answer) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(answer.body)
        version = content["generator"]
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"an answer of {answer.source} is no answer of the sample: {error}", "fetch it again"
        ) from error
    if version != GENERATOR:
        raise SourceError(
            f"an answer of {answer.source} was made by generator {version}, this is {GENERATOR}",
            "fetch it again, or read it with the release that made it",
        )
    return content


def _symbol_bars(
    market: Market,
    symbol: str,
    span: Span,
    open_bar: Bars | None,
    dirt: Dirt | None,
    as_of: datetime,
) -> tuple[Bars, Ticks]:
    """Return the bars of one symbol as the source gives them, dirt included."""
    bars, bar_ticks = span.bars, ticks(market, symbol, span)
    if dirt is None:
        return bars, bar_ticks
    rows, bar_ticks = apply_faults(dirt, market.seed, symbol, bars, bar_ticks, as_of)
    bars = bars.take(rows)
    if open_bar is not None:
        bar_ticks = join_ticks(
            [bar_ticks, partial_bar(market, symbol, from_numpy(open_bar.ts[0]), as_of)]
        )
        bars = Bars(
            np.append(bars.ts, open_bar.ts),
            np.append(bars.closes_at, open_bar.closes_at),
            np.append(bars.session, open_bar.session),
        )
    if dirt.split is not None and dirt.known_split(symbol, as_of) is False:
        bar_ticks = undo_split(bar_ticks, dirt.split[2])
    return bars, bar_ticks


def _find_open_bar(
    interval: Interval, start: datetime, end: datetime, instant: datetime
) -> Bars | None:
    """Return the bar of the span that is in progress at an instant."""
    bars = calendar("XNYS").bars(interval, start, end)
    now = to_numpy(instant)
    open_bars = bars.take((bars.ts <= now) & (bars.closes_at > now))
    return open_bars if len(open_bars) else None


def _actions(dirt: Dirt | None, symbols: list[str], as_of: datetime) -> pa.Table:
    if dirt is None or dirt.split is None or dirt.split[0] not in symbols:
        return ACTIONS.empty_table()
    symbol, day, ratio = dirt.split
    if not dirt.known_split(symbol, as_of):
        return ACTIONS.empty_table()
    row = {"symbol": symbol, "date": day, "kind": "split", "value": ratio}
    return pa.Table.from_pylist([row], schema=ACTIONS)


def _bar_times(interval: Interval, bars: Bars) -> np.ndarray:
    return bars.ts if interval.intraday else bars.session.astype("datetime64[us]")


def _build_rows(symbol: str, interval: Interval, bars: Bars, bar_ticks: Ticks) -> pa.Table:
    """Build the columns of BARS except `row`."""
    instrument = instruments()[symbol]
    columns = {
        "symbol": pa.repeat(pa.scalar(symbol), len(bars)),
        "ts": pa.array(_bar_times(interval, bars)).cast(UTC_TYPE),
        "open": bar_ticks.open / instrument.ticks,
        "high": bar_ticks.high / instrument.ticks,
        "low": bar_ticks.low / instrument.ticks,
        "close": bar_ticks.close / instrument.ticks,
        "volume": bar_ticks.volume,
        "bid": pa.array(bar_ticks.bid / instrument.ticks, from_pandas=True),
        "ask": pa.array(bar_ticks.ask / instrument.ticks, from_pandas=True),
    }
    return pa.table(columns)
