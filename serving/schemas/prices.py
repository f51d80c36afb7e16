"""Answers about live prices: the newest of each symbol, and how the stream stands."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from serving.schemas.answers import Answer


class LivePrice(Answer):
    """The newest price of a symbol."""

    symbol: str = Field(description="ticker as the source spells it")
    at: datetime = Field(description="when it was made, by the provider's clock [UTC]")
    bid: float | None = Field(description="highest price at which a buyer would buy")
    ask: float | None = Field(description="lowest price at which a seller would sell")
    mid: float = Field(description="middle of bid and ask; of the sample, the last price")
    received_at: datetime = Field(description="when the stream received it [UTC]")
    age_seconds: float = Field(description="seconds since it was received")
    stale: bool = Field(description="true: the stream does not run, or has no connection")


class StreamHealth(Answer):
    """How the stream stands."""

    live: bool = Field(description="true: it runs, and the provider was heard lately")
    connected: bool = Field(description="true: a connection stood when this was written")
    trouble: str | None = Field(description="why the last connection ended; null: one stands")
    reconnects: int = Field(description="connections after the first, since it started")
    lag_seconds: float | None = Field(description="from the newest price's time to its receipt")
    bars: int = Field(description="bars committed since it started")
    waiting_bars: int = Field(description="bars that are closed and not committed yet")
    newest_bar: datetime | None = Field(description="close of the newest bar committed [UTC]")
    bar_delay_seconds: float | None = Field(description="from that close to its commit")
    late_prices: int = Field(description="prices of minutes that were closed already")
    broken_minutes: int = Field(
        description="minutes left to the source's own bars, as the connection did not stand "
        "throughout"
    )
    garbage: int = Field(description="lines of the provider that were no messages")
    started_at: datetime = Field(description="when the stream started [UTC]")
    written_at: datetime = Field(description="when it last said how it stands [UTC]")


class LivePrices(Answer):
    """The newest prices of the stream."""

    data_source: str = Field(description="source of the prices")
    sample: bool = Field(description="true: the prices are made up; they are of no real market")
    notices: list[str] = Field(description="limits of the answer in words: sample data, not live")
    stream: StreamHealth | None = Field(description="how the stream stands; null: none has run")
    prices: list[LivePrice] = Field(description="the newest price of each symbol, by symbol")
