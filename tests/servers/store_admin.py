"""The calls of Versity's gateway that make its users, on the loopback.

It holds the calls to their form and their signature, as the gateway does; what the gateway itself
makes of them only its image can show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.in_thread import serve_in_thread


@dataclass
class StoreAdmin:
    """The users that were made: access key, and secret with role."""

    root: Credentials
    url: str = ""
    users: dict[str, tuple[str, str]] = field(default_factory=dict)

    def call(self, path: str, body: bytes) -> int:
        """The status that the gateway answers with."""
        fields = {one.tag: one.text or "" for one in ElementTree.fromstring(body)}
        name = urlsplit(path).path
        key = fields.get("Access") or parse_qs(urlsplit(path).query)["access"][0]
        if name == "/create-user" and key in self.users:
            return 409
        if name == "/update-user" and key not in self.users:
            return 404
        self.users[key] = (fields["Secret"], fields["Role"])
        return 201 if name == "/create-user" else 200

    def signed(self, path: str, headers: dict[str, str], body: bytes) -> bool:
        """Whether the root signed exactly this call."""
        request = AWSRequest(method="PATCH", url=self.url + path, data=body)
        signer = S3SigV4Auth(self.root, "s3", "us-east-1")
        request.context["timestamp"] = headers["x-amz-date"]
        request.headers["X-Amz-Date"] = headers["x-amz-date"]
        request.headers["X-Amz-Content-SHA256"] = headers["x-amz-content-sha256"]
        text = signer.string_to_sign(request, signer.canonical_request(request))
        match = re.search(r"Credential=([^/]+)/.*Signature=(\w+)", headers["authorization"])
        return match is not None and match.groups() == (
            self.root.access_key,
            signer.signature(text, request),
        )


@contextmanager
def store_admin(access_key: str, secret_key: str) -> Iterator[StoreAdmin]:
    """A server that knows this root, until the end of the block."""
    admin = StoreAdmin(Credentials(access_key, secret_key))

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_signed = admin.signed(self.path, headers, body)
            self.send_response(admin.call(self.path, body) if is_signed else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    admin.url = f"http://127.0.0.1:{server.server_port}"
    with serve_in_thread(server):
        yield admin
