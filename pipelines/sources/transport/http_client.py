"""GET requests with limits: of time, of bytes, and of where a redirect may lead.

A body is taken in pieces, so that one which drips or never ends is left; the whole request has a
deadline, its headers included. Nothing secret leaves in an error or a log: addresses are shown
without their query, and so are those that httpx logs.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pipelines.core.errors import SourceError
from pipelines.sources.transport.addresses import hide_queries, is_same_host, show_address
from pipelines.sources.transport.retries import Busy
from pipelines.sources.transport.unpacking import CannotUnpack, TooLarge, unpack

if TYPE_CHECKING:
    import httpx

# Too many requests, and server errors.
ASK_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
MOST_BYTES = 10 << 20
MOST_REDIRECTS = 3
PACKED = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True)
class Reply:
    """A provider's reply to one request. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def text(self, length: int = 200) -> str:
        """Return the beginning of the body as one line of text."""
        return " ".join(self.body[: 4 * length].decode("utf-8-sig", "replace").split())[:length]


class HttpClient:
    """Sends GET requests to one provider. Threads may share it; each has its own connections."""

    def __init__(
        self,
        provider: str,
        user_agent: str,
        timeout: float = 20.0,
        deadline: float = 60.0,
        most_bytes: int = MOST_BYTES,
        before_connecting: Callable[[], None] = lambda: None,
    ) -> None:
        self._provider = provider
        self._user_agent = user_agent
        self._timeout = timeout  # seconds until something must come
        self._deadline = deadline  # seconds until all must be there
        self._most_bytes = most_bytes
        self._before_connecting = before_connecting  # such as a wait, where connections are limited
        self._local = threading.local()

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] = {}
    ) -> Reply:
        """Request an address. Raises Busy where another try may help, else SourceError."""
        import httpx

        try:
            target = str(httpx.URL(url, params=params) if params else httpx.URL(url))
        except (httpx.InvalidURL, ValueError, TypeError):
            raise self._error(url, "cannot be asked for", "correct the address") from None
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._get_once(target, headers)
            location = reply.headers.get("location")
            if not 300 <= reply.status < 400 or reply.status == 304 or not location:
                break
            target = self._follow(target, location)
        else:
            raise self._error(url, "redirects in a circle", "try it in a browser")
        if reply.status in ASK_AGAIN:
            raise Busy(f"HTTP {reply.status}", seconds_to_wait(reply.headers))
        return reply

    def _follow(self, url: str, location: str) -> str:
        with suppress(ValueError):
            target = urljoin(url, location)
            if is_same_host(url, target):
                return target
        raise self._error(
            url,
            f"redirects to another host, {show_address(location)[:200]}, which is not followed",
            "if that is where it has moved to, name that address instead",
        )

    def _get_once(self, url: str, headers: Mapping[str, str]) -> Reply:
        import httpx

        client = self._client()
        names = {"Accept-Encoding": "gzip", "User-Agent": self._user_agent, **headers}
        expires = time.monotonic() + self._deadline
        with self._hang_up_late(url) as (is_late, extensions):
            try:
                request = client.build_request("GET", url, headers=names, extensions=extensions)
                response = client.send(request, stream=True)
                try:
                    body = self._read_body(response, url, expires)
                finally:
                    response.close()
            except (httpx.HTTPError, httpx.StreamError, OSError) as error:
                if is_late.is_set():
                    raise self._late() from None
                raise Busy(f"{type(error).__name__}: {hide_queries(str(error))}") from None
            except (httpx.InvalidURL, ValueError, TypeError):
                raise self._error(
                    url, "cannot be asked for, or redirects to no address", "correct the address"
                ) from None
        received = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, received, self._unpack(url, received, body))

    def _read_body(self, response: httpx.Response, url: str, expires: float) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_raw():
            size += len(piece)
            if size > self._most_bytes:
                raise self._too_large(url)
            if time.monotonic() > expires:
                raise self._late()
            pieces.append(piece)
        return b"".join(pieces)

    def _unpack(self, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
        coding = headers.get("content-encoding", "").strip().lower()
        if coding in ("", "identity") or not body:
            return body
        if coding not in PACKED:
            raise self._error(
                url, f"is packed as {coding[:40]!r}", "only gzip is read; report it to the provider"
            )
        try:
            return unpack(body, self._most_bytes)
        except TooLarge:
            raise self._too_large(url) from None
        except CannotUnpack as wrong:
            raise Busy(str(wrong)) from None

    @contextmanager
    def _hang_up_late(self, url: str) -> Iterator[tuple[threading.Event, dict[str, Any]]]:
        """Close the connection of a request that is not over at the deadline.

        httpx limits each wait for bytes, not all of them: headers that drip would never end.
        """
        is_late = threading.Event()
        parts = urlsplit(url)
        sockets = self._local.sockets

        def remember(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("connect_tcp.started"):
                self._before_connecting()
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                sockets[parts.netloc] = info["return_value"].get_extra_info("socket")

        def hang_up() -> None:
            is_late.set()
            with suppress(OSError, TypeError, KeyError):
                # Not TLS's own, which would say goodbye and wait.
                socket.socket.shutdown(sockets[parts.netloc], socket.SHUT_RDWR)

        timer = threading.Timer(self._deadline, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield is_late, {"trace": remember}
        finally:
            timer.cancel()

    def _client(self) -> httpx.Client:
        import httpx

        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None:
            _hide_queries_in_logs()
            client = self._local.client = httpx.Client(
                timeout=self._timeout, follow_redirects=False, headers={"Accept": "*/*"}
            )
            self._local.sockets = {}
        return client

    def _late(self) -> Busy:
        return Busy(f"the answer was not whole after {self._deadline:g} s")

    def _too_large(self, url: str) -> SourceError:
        return self._error(
            url,
            f"has more than {self._most_bytes:,} bytes, which are the most that are read",
            "nothing of it was stored; see what the address answers",
        )

    def _error(self, url: str, problem: str, hint: str) -> SourceError:
        return SourceError(f"{self._provider}: {show_address(url)} {problem}", hint)


def seconds_to_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that a Retry-After demands, as a number or as a date; or 0."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    with suppress(ValueError, TypeError, OverflowError):
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return 0.0


class _WithoutQueries(logging.Filter):
    """Takes the query out of the addresses that httpx logs: it may hold a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                hide_queries(str(value)) if "://" in str(value) else value for value in record.args
            )
        return True


def _hide_queries_in_logs() -> None:
    logger = logging.getLogger("httpx")
    if not any(isinstance(known, _WithoutQueries) for known in logger.filters):
        logger.addFilter(_WithoutQueries())
