"""Texts of stories as plain text: they come from strangers, and nothing of them is markup."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

MOST_TITLE, MOST_SUMMARY = 500, 2_000  # characters, in silver
MOST_RAW_TITLE, MOST_RAW_SUMMARY = 2_000, 8_000  # in bronze; the whole answer is in bronze.answers
UNWRAPPINGS = 3  # how often markup may be escaped: a feed's &lt;b&gt; is a tag to its readers
# Within a word; every other tag parts words.
INLINE = {"a", "abbr", "b", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u"}
UNREAD = {"script", "style"}
# Control characters, soft hyphens, marks and overrides of direction, blanks without width, tags and
# noncharacters. The joiners U+200C and U+200D stay: Hindi and Persian are spelt with them.
HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


class _TextReader(HTMLParser):
    """Collects the text between the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in UNREAD:
            self._unread = tag
        self._part_words(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unread:
            self._unread = ""
        self._part_words(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(data)

    def _part_words(self, tag: str) -> None:
        if tag not in INLINE:
            self.parts.append(" ")


def plain_text(text: str | None, most: int) -> str:
    """Return a text without tags, entities and hidden characters, of at most so many characters."""
    if not text:
        return ""
    for _ in range(UNWRAPPINGS):
        if "<" not in text and "&" not in text:
            break
        before, text = text, _strip_tags(text)
        if text == before:
            break
    if not text.isascii() or not text.isprintable():
        text = unicodedata.normalize("NFC", HIDDEN.sub("", text))
    return " ".join(text.split())[:most].rstrip()


def _strip_tags(text: str) -> str:
    reader = _TextReader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)
