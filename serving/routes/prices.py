"""The route of live prices: the newest that the stream has of each symbol."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipelines.core.errors import unknown
from serving.http.dependencies import PATTERN, json_response
from serving.http.errors import error_responses
from serving.http.keys import read_access
from serving.schemas.errors import NotFound
from serving.schemas.prices import LivePrices
from serving.state.prices import StreamPrices

router = APIRouter(prefix="/prices", tags=["newest"], dependencies=[read_access])


@router.get("/newest", response_model=LivePrices, responses=error_responses(404, 422))
async def newest(
    request: Request,
    symbol: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=64,
            pattern=PATTERN,
            description="this symbol alone, as the source spells it",
            examples=["ES"],
        ),
    ] = None,
) -> Response:
    """Return the newest live prices, and how the stream stands that they come from.

    Where no stream has run the list is empty. `WS /ws/market-stream?kind=prices&symbol=...` sends
    each new price, at most four a second.
    """
    prices: StreamPrices = request.app.state.prices
    prices.look()
    if symbol is not None and symbol not in prices.prices:
        hint = unknown("symbol", symbol, prices.prices).hint if prices.prices else "start a stream"
        raise NotFound(f"no price of {symbol!r} has come from {prices.source}", hint)
    now = request.app.state.clock()
    names = [symbol] if symbol is not None else sorted(prices.prices)
    rows = [prices.price_row(name, now) for name in names]
    return json_response(prices.describe(now) | {"prices": rows})
