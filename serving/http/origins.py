"""The Origin of a request: the web page that a browser says it comes from."""

from __future__ import annotations


def is_same_origin(origin: bytes, host: bytes) -> bool:
    """Whether a page of `origin` was served under the name and the port that `host` asks for.

    The two are compared as they stand, so nothing that is malformed can confuse a parser: browsers
    leave the usual port out of both, and send `null` for a page of no site.
    """
    scheme, _, authority = origin.lower().partition(b"://")
    return scheme in (b"http", b"https") and authority == host.lower()
