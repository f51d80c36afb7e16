"""How Yahoo is asked: through yfinance's own door, at one address, with bounded patience.

yfinance builds the query and handles cookie, crumb and consent page; what Yahoo answered is
taken as it came. Nothing is cached on disk (yfinance's cookie cache is a pickle) and nothing
is shared between clients.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipelines.core.errors import InvalidRequest, SourceUnavailable

ADDRESS = "BULLION_YAHOO_URL"
# Too many, server trouble; and the refusals that a fresh cookie and crumb can turn around.
ASK_AGAIN = frozenset({401, 403, 408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")


class Busy(Exception):
    """Yahoo did not answer this time; asking again may help."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait  # seconds that Yahoo asked us to wait


class _Answered(Exception):
    """Raised through yfinance once Yahoo has answered: its frame is not wanted."""


@dataclass(frozen=True)
class Reply:
    """What Yahoo said to one question."""

    path: str
    params: dict[str, Any]
    status: int
    body: bytes


@dataclass(frozen=True)
class Patience:
    """How often, and how long, Yahoo is asked before giving up. Seconds."""

    tries: int = 5
    first: float = 1.0  # the longest first wait; it doubles with each try
    longest: float = 60.0
    deadline: float = 300.0
    timeout: float = 20.0  # of one HTTP request


def insist(
    ask: Callable[[], T],
    what: str,
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Ask until there is an answer, waiting longer each time, and at random: others wait too."""
    began, tried = clock(), 0
    while True:
        tried += 1
        try:
            return ask()
        except Busy as busy:
            spread = min(patience.longest, patience.first * 2 ** (tried - 1))
            wait = max(random.uniform(0, spread), busy.wait)  # noqa: S311 - not a secret
            spent = clock() - began
            if tried < patience.tries and spent + wait <= patience.deadline:
                sleep(wait)
                continue
            times = f"{tried} times" if tried > 1 else "once"
            asked = f"Yahoo asked to wait {busy.wait:.0f} s; " if busy.wait else ""
            raise SourceUnavailable(
                f"yahoo gave no answer for {what}: tried {times} in {spent:.0f} s, "
                f"at last: {busy.reason}",
                f"{asked}run this again later, what was stored is not asked for again; or ask "
                f"for fewer symbols, or set {ADDRESS} to a proxy that Yahoo does answer",
            ) from busy


def address() -> str | None:
    """Where Yahoo is asked for, when not at its own hosts."""
    base = os.environ.get(ADDRESS, "").strip().rstrip("/")
    if base and (urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc):
        raise InvalidRequest(
            f"{ADDRESS} is {base!r}, which is no address", "write http://host:port, or unset it"
        )
    return base or None


class Client:
    """One yfinance session with its cookie and crumb. One thread uses it at a time."""

    def __init__(self, base: str | None, timeout: float) -> None:
        import yfinance
        from curl_cffi.requests import Session
        from yfinance.data import YfData

        yfinance.config.debug.hide_exceptions = False

        class Directed(Session):  # type: ignore[misc]
            """Sends every request to the base address, and none for longer than the timeout."""

            retry_after = ""

            def request(self, method: str, url: str, **options: Any) -> Any:
                if base:
                    parts = urlsplit(url)
                    query = f"?{parts.query}" if parts.query else ""
                    url = f"{base}{parts.path}{query}"
                given = options.get("timeout")
                options["timeout"] = min(given, timeout) if isinstance(given, int) else timeout
                response = super().request(method, url, **options)
                self.retry_after = response.headers.get("Retry-After") or ""
                return response

        class Data(YfData):  # type: ignore[misc]
            """Remembers its cookie here and not in yfinance's file."""

            def _load_cookie_curlCffi(self) -> bool:
                return False

            def _save_cookie_curlCffi(self) -> bool:
                self._cookie = True
                return True

        self.base = base
        self.session = Directed(impersonate="chrome")
        # YfData is a singleton by its metaclass: one cookie for all threads, good or poisoned.
        self.data: Any = Data.__new__(Data)
        YfData.__init__(self.data, self.session)

    def chart(self, symbol: str, interval: str, start: datetime, end: datetime) -> Reply:
        """Yahoo's chart of a symbol, asked as yfinance's history() asks for it."""
        from yfinance.scrapers.history import PriceHistory

        door = _Door(self)
        # The zone is only yfinance's for dates without one; giving it saves a request a symbol.
        history = PriceHistory(door, symbol, "UTC", session=self.session)
        with suppress(_Answered):
            history.history(
                start=start, end=end, interval=interval, prepost=False, actions=True,
                auto_adjust=False, repair=False, keepna=True,
            )  # fmt: skip
        return door.answer()

    def holdings(self, fund: str) -> Reply:
        """Yahoo's page of a fund, asked as yfinance's funds_data asks for it."""
        from yfinance.scrapers.funds import FundsData

        door = _Door(self)
        with suppress(_Answered):
            _ = FundsData(door, fund).top_holdings
        return door.answer()


class _Door:
    """Stands where yfinance keeps its data door: asks through it, and keeps the answer."""

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

    # yfinance remembers the answers to these; a run that asks again must hear what is true now.
    cache_get = get
    get_raw_json = get

    def _wait(self) -> float:
        told = self._client.session.retry_after
        return float(told) if told.isdigit() else 0.0

    def answer(self) -> Reply:
        assert self._reply is not None, "yfinance returned without asking Yahoo"
        return self._reply
