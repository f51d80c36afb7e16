"""The command that follows a provider's live prices."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from pipelines.cli.app import app
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.intervals import utc
from pipelines.core.settings import settings
from pipelines.forecasts import FORECASTS
from pipelines.stream.messages import PriceFeed

FEEDS = ("sample", "oanda")
INTERVAL = "1m"


@app.command()
def stream(
    source: Annotated[
        str | None, typer.Option(help=f"{' or '.join(FEEDS)}; default BULLION_SOURCE")
    ] = None,
    symbols: Annotated[
        str | None,
        typer.Option(
            envvar="BULLION_STREAM_SYMBOLS",
            help="with commas; default those of the forecasts on minutes",
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(envvar="BULLION_STREAM_SPEED", help="of the sample: 60 is an hour a minute"),
    ] = 1.0,
    start: Annotated[
        str | None, typer.Option(help="of the sample: where it begins, UTC; default now")
    ] = None,
) -> None:
    """Follow live prices until stopped: land closed minutes, and hand on the newest prices."""
    from pipelines.stream.events import choose_events
    from pipelines.stream.process import StreamOptions, run_stream

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    feed = _choose_feed(source, symbols, speed, start)
    run_stream(feed, StreamOptions(events=choose_events(feed.source)))


def _choose_feed(
    source: str | None, symbols: str | None, speed: float, start: str | None
) -> PriceFeed:
    name = settings().source if source is None else source
    names = tuple(dict.fromkeys(s.strip() for s in (symbols or "").split(",") if s.strip()))
    if not names and symbols is None:
        declared = [forecast for forecast in FORECASTS if forecast.interval == INTERVAL]
        names = tuple(dict.fromkeys(s for forecast in declared for s in forecast.symbols))
    if not names:
        raise InvalidRequest("no symbols were named", "add --symbols SPX500_USD,EUR_USD")
    if name == "sample":
        from pipelines.stream.sample import SamplePrices

        return SamplePrices(names, speed, utc(start) if start else None)
    if speed != 1 or start is not None:
        raise InvalidRequest(
            f"--speed and --start are the sample's; {name} streams in real time", "leave them out"
        )
    if name == "oanda":
        from pipelines.stream.oanda import OandaPrices

        return OandaPrices(names)
    error = unknown("source of live prices", name, FEEDS)
    raise InvalidRequest(error.message, f"there are: {', '.join(FEEDS)}")
