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
    left: float
    at: float


class Keys:
    """The keys of an app, and how much each has asked lately."""

    def __init__(self, settings: Settings) -> None:
        # Digests, so that comparing takes the same time whatever a key's length is.
        self._known = tuple(sha256(key.encode()).digest() for key in settings.key_list)
        self._open = settings.open
        self._burst = float(settings.requests_per_minute)
        self._spent = {key: _Bucket(self._burst, time.monotonic()) for key in self._known}

    def read(self, connection: HTTPConnection) -> None:
        """Let a reader in, or say why not."""
        if self._known:
            self._admit(connection)
        elif not self._open and not _local((connection.scope.get("server") or ("", 0))[0]):
            raise Unauthorized(
                "other machines may read only with a key, and this API has none",
                "set BULLION_API_KEYS where it runs, or BULLION_API_OPEN=true",
            )

    def change(self, connection: HTTPConnection) -> None:
        """Let one in who changes what is served."""
        if not self._known:
            raise Forbidden("changing needs a key, and this API has none", "set BULLION_API_KEYS")
        self._admit(connection)

    def _admit(self, connection: HTTPConnection) -> None:
        given = _given(connection.headers)
        if not given:
            raise Unauthorized("this needs a key", HOW)
        digest, found = sha256(given.encode()).digest(), None
        for known in self._known:  # all of them, whichever fits
            if hmac.compare_digest(known, digest):
                found = known
        if found is None:
            raise Unauthorized("that key is not known", HOW)
        self._spend(self._spent[found])

    def _spend(self, bucket: _Bucket) -> None:
        now, rate = time.monotonic(), self._burst / 60
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < 1:
            seconds = int((1 - bucket.left) / rate) + 1
            raise TooMany(
                f"this key has asked more than {self._burst:g} times a minute",
                f"wait {seconds} s, or poll with If-None-Match less often",
                seconds,
            )
        bucket.left -= 1


def _given(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")


@lru_cache(maxsize=64)
def _local(server: str) -> bool:
    """Whether a connection came to this machine's own address, which none but it can reach."""
    try:
        return ip_address(server.partition("%")[0]).is_loopback
    except ValueError:  # a Unix socket, or no socket at all
        return True


async def _read(connection: HTTPConnection) -> None:
    connection.app.state.keys.read(connection)


async def _change(connection: HTTPConnection) -> None:
    connection.app.state.keys.change(connection)


reading = Depends(_read)
"""For routes that answer: `dependencies=[reading]`."""

changing = Depends(_change)
"""For routes that change what is served: `dependencies=[changing]`."""
