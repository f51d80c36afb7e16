"""A webhook and a mail server on loopback that keep what they are sent."""

from __future__ import annotations

import email
import json
import socketserver
from contextlib import ExitStack
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from tests.servers.in_thread import serve_in_thread


class _Listener:
    """A server in a thread, on a free port."""

    scheme: ClassVar[str]
    server: socketserver.TCPServer

    def __enter__(self):  # type: ignore[no-untyped-def]
        self._running = ExitStack()
        self._running.enter_context(serve_in_thread(self.server))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"


class Webhook(_Listener):
    """Keeps every JSON body that is posted."""

    scheme = "http"

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class Mailbox(_Listener):
    """Speaks as much SMTP as it takes to be handed a letter."""

    scheme = "smtp"

    def __init__(self) -> None:
        self.letters: list[Message] = []
        letters = self.letters

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            def handle(self) -> None:
                self.say("220 ready")
                for line in self.rfile:
                    word = line.strip().upper()
                    if word == b"DATA":
                        self.say("354 go on")
                        letters.append(email.message_from_bytes(self.body()))
                    self.say("221 bye" if word == b"QUIT" else "250 ok")
                    if word == b"QUIT":
                        return

            def body(self) -> bytes:
                lines = iter(self.rfile.readline, b".\r\n")
                return b"".join(line[1:] if line.startswith(b"..") else line for line in lines)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
