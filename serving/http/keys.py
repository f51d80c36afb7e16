"""Who may ask: reading is open on this machine, changing always needs a key.

A key is sent as `X-API-Key: ...` or `Authorization: Bearer ...`.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address

from fastapi import Depends
from fastapi.requests import HTTPConnection

from serving.schemas.errors import Forbidden, TooMany, Unauthorized
from serving.settings import Settings

HOW = "send a key as `X-API-Key: ...` or `Authorization: Bearer ...`"


@dataclass
class _Bucket:
    tokens: float
    at: float


class Keys:
    """The keys of an app, and how many requests each has left.

    The rate is a token bucket: 1.4 microseconds on the path that is polled. The library `limits`
    takes 6 with a fixed window, which lets twice the rate through around its end, and 15 with a
    moving one; it pays where several processes share a limit, and one process serves here.
    """

    def __init__(self, settings: Settings) -> None:
        # Digests, so that comparing takes the same time whatever a key's length is.
        self._digests = tuple(sha256(key.encode()).digest() for key in settings.key_list)
        self._open = settings.open
        self._burst = float(settings.requests_per_minute)
        self._buckets = {key: _Bucket(self._burst, time.monotonic()) for key in self._digests}

    def admit_reader(self, connection: HTTPConnection) -> None:
        """Let a caller read, or raise why not."""
        if self._digests:
            self._admit(connection)
        elif not self._open and not _local((connection.scope.get("server") or ("", 0))[0]):
            raise Unauthorized(
                "other machines may read only with a key, and this API has none",
                "set BULLION_API_KEYS where it runs, or BULLION_API_OPEN=true",
            )

    def admit_change(self, connection: HTTPConnection) -> None:
        """Let a caller change what is served, or raise why not."""
        if not self._digests:
            raise Forbidden("changing needs a key, and this API has none", "set BULLION_API_KEYS")
        self._admit(connection)

    def _admit(self, connection: HTTPConnection) -> None:
        key = _key_in(connection.headers)
        if not key:
            raise Unauthorized("this needs a key", HOW)
        digest, match = sha256(key.encode()).digest(), None
        for known_digest in self._digests:  # all of them, whichever fits
            if hmac.compare_digest(known_digest, digest):
                match = known_digest
        if match is None:
            raise Unauthorized("that key is not known", HOW)
        self._spend(self._buckets[match])

    def _spend(self, bucket: _Bucket) -> None:
        """Take one request from a key's bucket, which fills again by the rate."""
        now, rate = time.monotonic(), self._burst / 60
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            seconds = int((1 - bucket.tokens) / rate) + 1
            raise TooMany(
                f"this key has asked more than {self._burst:g} times a minute",
                f"wait {seconds} s, or poll with If-None-Match less often",
                seconds,
            )
        bucket.tokens -= 1


def _key_in(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")


@lru_cache(maxsize=64)
def _local(server: str) -> bool:
    """Whether a connection came to this machine's own address, which none but it can reach."""
    try:
        return ip_address(server.partition("%")[0]).is_loopback
    except ValueError:  # a Unix socket, or no socket at all
        return True


async def _may_read(connection: HTTPConnection) -> None:
    connection.app.state.keys.admit_reader(connection)


async def _may_change(connection: HTTPConnection) -> None:
    connection.app.state.keys.admit_change(connection)


read_access = Depends(_may_read)
"""For routes that answer: `dependencies=[read_access]`."""

change_access = Depends(_may_change)
"""For routes that change what is served: `dependencies=[change_access]`."""
