"""Addresses: those that settings name, and how they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pipelines.core.errors import InvalidRequest

DEFAULT_PORTS = {"http": 80, "https": 443}


def check_address(setting: str, text: str, keep_slash: bool = False) -> str:
    """Return an address that a setting names; as a base, without a slash at its end."""
    address = text.strip() if keep_slash else text.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidRequest(
            f"{setting} is {show_address(address)!r}, which is no address",
            "write one that begins with http:// or https://, such as http://host:port",
        )
    return address


def show_address(url: str) -> str:
    """Return an address without what may be secret: its user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def hide_queries(text: str) -> str:
    """Return a text with each address in it shown without what may be secret."""
    return re.sub(r"\w+://[^\s'\"<>]+", lambda match: show_address(match[0]), text)


def is_same_host(url: str, other: str) -> bool:
    """Return whether both lead to one host and port; from http to https is no other host."""
    try:
        before, after = urlsplit(url), urlsplit(other)
        ports = [p.port or DEFAULT_PORTS.get(p.scheme) for p in (before, after)]
    except ValueError:
        return False
    if after.scheme not in DEFAULT_PORTS or before.hostname != after.hostname:
        return False
    is_upgrade = (before.scheme, after.scheme, ports) == ("http", "https", [80, 443])
    return is_upgrade or (before.scheme == after.scheme and ports[0] == ports[1])
