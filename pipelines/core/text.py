"""Texts that came from outside: what of them can be seen."""

from __future__ import annotations


def is_readable(symbol: str) -> bool:
    """Whether every sign can be seen: none is a NUL, or the mark of one that was lost."""
    return symbol.isprintable() and "\ufffd" not in symbol


def blank_hidden(text: str) -> str:
    """Replace each sign that cannot be seen by a blank."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
