"""Requests to Yahoo: through yfinance's own session, at one address.

yfinance builds the query and handles cookie, crumb and consent page; Yahoo's answer is taken
unchanged. Nothing is cached on disk (yfinance's cookie cache is a pickle) and nothing
is shared between clients.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pipelines.sources.transport.addresses import check_address
from pipelines.sources.transport.retries import Busy

ADDRESS = "BULLION_YAHOO_URL"
ADVICE = f"or ask for fewer symbols, or set {ADDRESS} to a proxy that Yahoo does answer"
# Too many requests, server errors, and refusals that a new cookie and crumb may resolve.
ASK_AGAIN = frozenset({401, 403, 408, 425, 429, 500, 502, 503, 504})


class _Answered(Exception):
    """Raised through yfinance once Yahoo has answered: its data frame is not needed."""


@dataclass(frozen=True)
class Reply:
    """Yahoo's reply to one request."""

    path: str
    params: dict[str, Any]
    status: int
    body: bytes


def base_address() -> str | None:
    """Return the address that stands in for Yahoo's hosts, if one is set."""
    base = os.environ.get(ADDRESS, "").strip()
    return check_address(ADDRESS, base) if base else None


class Client:
    """One yfinance session with its cookie and crumb. One thread uses it at a time."""

    def __init__(self, base: str | None, timeout: float) -> None:
        import yfinance
        from curl_cffi.requests import Session
        from yfinance.data import YfData

        yfinance.config.debug.hide_exceptions = False

        class Directed(Session):  # type: ignore[misc]
            """Sends every request to the base address, with our timeout at most."""

            retry_after = ""

            def request(self, method: str, url: str, **options: Any) -> Any:
                if base:
                    parts = urlsplit(url)
                    query = f"?{parts.query}" if parts.query else ""
                    url = f"{base}{parts.path}{query}"
                own_timeout = options.get("timeout")
                options["timeout"] = (
                    min(own_timeout, timeout) if isinstance(own_timeout, int) else timeout
                )
                response = super().request(method, url, **options)
                self.retry_after = response.headers.get("Retry-After") or ""
                return response

        class Data(YfData):  # type: ignore[misc]
            """Keeps its cookie in memory instead of yfinance's file."""

            def _load_cookie_curlCffi(self) -> bool:
                return False

            def _save_cookie_curlCffi(self) -> bool:
                self._cookie = True
                return True

        self.base = base
        self.session = Directed(impersonate="chrome")
        # YfData is a singleton by its metaclass, with one cookie, good or bad, for all threads.
        self.data: Any = Data.__new__(Data)
        YfData.__init__(self.data, self.session)

    def chart(self, symbol: str, interval: str, start: datetime, end: datetime) -> Reply:
        """Request the chart of a symbol, as yfinance's history() does."""
        from yfinance.scrapers.history import PriceHistory

        proxy = _DataProxy(self)
        # yfinance needs the zone only for dates without one; giving it saves a request per symbol.
        history = PriceHistory(proxy, symbol, "UTC", session=self.session)
        with suppress(_Answered):
            history.history(
                start=start, end=end, interval=interval, prepost=False, actions=True,
                auto_adjust=False, repair=False, keepna=True,
            )  # fmt: skip
        return proxy.answer()

    def holdings(self, fund: str) -> Reply:
        """Request the page of a fund, as yfinance's funds_data does."""
        from yfinance.scrapers.funds import FundsData

        proxy = _DataProxy(self)
        with suppress(_Answered):
            _ = FundsData(proxy, fund).top_holdings
        return proxy.answer()


class _DataProxy:
    """Takes the place of yfinance's YfData: sends its requests, and keeps the reply."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reply: Reply | None = None

    def get(self, url: str, params: dict[str, Any] | None = None, timeout: float = 30) -> Any:
        from curl_cffi.requests.exceptions import RequestException
        from yfinance.exceptions import YFRateLimitError

        try:
            response = self._client.data.get(url, params=params, timeout=int(timeout))
        except YFRateLimitError:
            raise Busy("HTTP 429, too many requests", self._wait()) from None
        except RequestException as error:
            raise Busy(f"{type(error).__name__}: {error}") from error
        if response.status_code in ASK_AGAIN:
            raise Busy(f"HTTP {response.status_code}", self._wait())
        self._reply = Reply(
            urlsplit(url).path, dict(params or {}), response.status_code, response.content
        )
        raise _Answered

    # yfinance caches the replies to these; a new request must get the current data.
    cache_get = get
    get_raw_json = get

    def _wait(self) -> float:
        seconds = self._client.session.retry_after
        return float(seconds) if seconds.isdigit() else 0.0

    def answer(self) -> Reply:
        assert self._reply is not None, "yfinance returned without asking Yahoo"
        return self._reply
