"""Characters in texts from outside that cannot be seen."""

from __future__ import annotations


def is_readable(symbol: str) -> bool:
    """Return whether every character can be seen: no NUL, and no mark of a lost character."""
    return symbol.isprintable() and "\ufffd" not in symbol


def blank_hidden(text: str) -> str:
    """Replace each character that cannot be seen by a blank."""
    return "".join(char if char.isprintable() else " " for char in text)
