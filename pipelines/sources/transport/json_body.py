"""Read a provider's JSON, and repair the characters that JSON does not allow. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from pipelines.sources.transport.retries import NotAnAnswer

ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')
SHOWN = 80  # characters of a body in an error


def read_json(body: bytes, provider: str, subject: str) -> Any:
    """Decode the JSON of a body. Raises NotAnAnswer for what is no whole JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    try:
        # Control characters inside of texts, and backslashes that begin no escape.
        text = ESCAPE.sub(_repair_escape, body.decode("utf-8-sig", "replace"))
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise NotAnAnswer(
            f"{provider}'s answer for {subject} is {describe_body(body)}",
            "nothing of it was stored; run this again later",
        ) from None


def describe_body(body: bytes) -> str:
    """Return in words what a body is that should have been JSON."""
    start = body[:SHOWN].decode("utf-8", "replace").strip()
    return f"no whole JSON: {len(body):,} bytes, {start!r}..." if start else "an empty body"


def is_page(body: bytes) -> bool:
    """Return whether a body is a web page, such as that of a proxy or of maintenance."""
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<!--"))


def _repair_escape(match: re.Match[str]) -> str:
    return match[0] if match[1] else r"\\"
