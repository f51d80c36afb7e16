"""A source that says exactly what a test tells it to say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar

import pyarrow as pa

from pipelines.core.calendar import Grid, Interval, calendar, interval_of
from pipelines.core.errors import SourceError
from pipelines.sources.base import ACTIONS, BARS, REJECTS, Answer, Parsed, Request

VALUES = ("open", "high", "low", "close", "volume", "bid", "ask")


def bars_table(rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a source's bars: what is not named is null, `row` counts from 1."""
    filled = [dict.fromkeys(BARS.names) | {"row": i} | r for i, r in enumerate(rows, 1)]
    return pa.Table.from_pylist(filled, schema=BARS)


def bar_row(symbol: str, ts: datetime, close: float, volume: float = 1000.0) -> dict[str, object]:
    """A plausible bar around a close."""
    return {
        "symbol": symbol,
        "ts": ts,
        "open": close * 0.999,
        "high": close * 1.002,
        "low": close * 0.998,
        "close": close,
        "volume": volume,
    }


def with_quotes(row: dict[str, object], width: int) -> dict[str, object]:
    """The bar with quotes around its close, so many hundredths of a percent apart."""
    close = float(str(row["close"]))
    return row | {"bid": close * (1 - 0.00004 * width), "ask": close * (1 + 0.00006 * width)}


def hours(start: str, end: str, interval: str = "1h", market: str = "XNYS") -> list[datetime]:
    bars = calendar(market).bars(
        interval_of(interval),
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        datetime.fromisoformat(end).replace(tzinfo=UTC),
    )
    return [t.replace(tzinfo=UTC) for t in bars.ts.tolist()]


class Scripted:
    """Answers with the tables given, one an answer, in the order given."""

    name: str = "scripted"
    is_sample: ClassVar[bool] = True
    datasets: ClassVar[tuple[str, ...]] = ("bars",)
    whole: ClassVar[bool] = True
    resumes: ClassVar[bool] = False

    def __init__(
        self,
        *tables: pa.Table,
        interval: str = "1h",
        actions: list[dict[str, object]] | None = None,
        rejects: list[dict[str, object]] | None = None,
        received_at: datetime | None = None,
        split_adjusted: bool = True,
        market: str = "XNYS",
        grid: Grid = "session",
        fail: str = "",
        name: str = "scripted",
        missing_bars: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.tables = tables
        self.interval: Interval = interval_of(interval)
        self.actions = pa.Table.from_pylist(actions or [], schema=ACTIONS)
        self.rejects = pa.Table.from_pylist(rejects or [], schema=REJECTS)
        self.received_at = received_at
        self.split_adjusted = split_adjusted
        self.missing_bars = missing_bars or {"default": "fail"}
        self.market, self.grid, self.fail = market, grid, fail

    def symbols(self) -> tuple[str, ...] | None:
        return None

    def pieces(self, request: Request) -> Iterator[Request]:
        yield request

    def fetch(self, request: Request) -> Iterator[Answer]:
        for number in range(len(self.tables)):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, self.tables[number].schema) as stream:
                stream.write_table(self.tables[number])
            yield Answer(
                self.name,
                "bars",
                {"number": number},
                sink.getvalue().to_pybytes(),
                "application/vnd.apache.arrow.stream",
                self.received_at or datetime.now(UTC),
            )
        if self.fail:
            raise SourceError(self.fail)

    def parse(self, answer: Answer) -> Parsed:
        first = answer.query["number"] == 0
        return Parsed(
            self.interval,
            pa.ipc.open_stream(answer.body).read_all(),
            actions=self.actions if first else ACTIONS.empty_table(),
            rejects=self.rejects if first else REJECTS.empty_table(),
            calendar=self.market,
            grid=self.grid,
            split_adjusted=self.split_adjusted,
            missing_bars=self.missing_bars,
        )

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        return iter(())

    def parse_weights(self, answer: Answer) -> pa.Table:
        raise AssertionError("this source has no weights")
