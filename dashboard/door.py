"""The door of the dashboard: who may come in, and what each answer says to the browser."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
# Otherwise a browser that opens a page's own address looks for the server below that address
# first, and its console has two errors.
SERVER_AT_ROOT = b"<script>window.__streamlit={BACKEND_BASE_URL:location.origin}</script>"


class Door:
    """Lets in requests under the dashboard's own names alone, and nothing of other pages.

    Streamlit would ask a host outside for this machine's address, to judge an origin that it does
    not know: such a connection does not reach it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope, send = _uncompressed(scope), _Answer(send).send
        if scope["type"] == "lifespan" or self._is_welcome(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            text = "not a name of this dashboard: see BULLION_DASHBOARD_HOSTS"
            await PlainTextResponse(text, 403)(scope, receive, send)

    def _is_welcome(self, scope: Scope) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        is_own_page = origin is None or urlsplit(origin).netloc == host
        return is_own_page and urlsplit(f"//{host}").hostname in self._hosts


def _uncompressed(scope: Scope) -> Scope:
    """Return the request of a page as one for an answer that is not compressed."""
    headers = dict(scope["headers"])
    if b"text/html" in headers.get(b"accept", b""):
        headers.pop(b"accept-encoding", None)
    return {**scope, "headers": list(headers.items())}


class _Answer:
    """One answer on its way out: it gets the headers, and a page learns where its server is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._page: Message | None = None  # the start of an answer that is a page
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", [])) | HEADERS
            message["headers"] = list(headers.items())
            is_page = headers.get(b"content-type", b"").startswith(b"text/html")
            if is_page and b"content-encoding" not in headers:
                self._page = message
                return
        elif self._page:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message["body"] = self._body.replace(b"<head>", b"<head>" + SERVER_AT_ROOT, 1)
            headers = dict(self._page["headers"])
            if self._body:  # of a HEAD it stays the length that the page would have
                headers[b"content-length"] = str(len(message["body"])).encode()
            headers.pop(b"etag", None)
            headers.pop(b"last-modified", None)
            self._page["headers"] = list(headers.items())
            await self._send(self._page)
            self._page = None
        await self._send(message)
