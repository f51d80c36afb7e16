"""Numbers and foreign texts as the pages write them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

NONE = "–"
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")
# Characters that are not seen, or that turn the direction of what follows.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


def plain(text: object) -> str:
    """Return a text as Markdown that shows it letter by letter: nothing in it is formatted."""
    return MARKDOWN.sub(r"\\\1", visible(text)).replace("\n", " ")


def visible(text: object) -> str:
    """Return a text without characters that cannot be seen or that turn its direction."""
    return INVISIBLE.sub("", str(text))


def web_address(url: object) -> str | None:
    """Return an address that a browser may open: http or https with a host; else None."""
    text = str(url or "")
    if text != visible(text) or any(character.isspace() for character in text):
        return None
    try:
        parts = urlsplit(text)
        return text if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Write a number with so many decimals; a dash where there is none."""
    if value is None:
        return NONE
    return f"{value:{'+' if sign else ''},.{digits}f}"


def percent(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Write a fraction as percent; a dash where there is none."""
    return NONE if value is None else f"{value:{'+' if sign else ''}.{digits}%}"


def count(value: float | None) -> str:
    """Write a count with separators; a dash where there is none."""
    return NONE if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """Write a number of any size in three digits: 0.0312, 83.4, 1.85 M; a dash where it is none."""
    if value is None:
        return NONE
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == ' k' else size):.3g}{unit}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def size(value: float | None) -> str:
    """Write a number of bytes in the unit that suits it: 3.1 MB."""
    if value is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def label(name: str) -> str:
    """Write a name of the API as words: strong_buy becomes strong buy."""
    return name.replace("_", " ")
