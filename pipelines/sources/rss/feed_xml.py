"""Read a feed, RSS or Atom, from its bytes. Nothing in it is fetched, expanded or run. Pure."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from pipelines.core.errors import SourceError
from pipelines.sources.base import Answer
from pipelines.sources.news import ParsedNews
from pipelines.sources.stories import StoryRows, text_of, topic_of
from pipelines.sources.transport.json_body import is_page
from pipelines.sources.transport.retries import NotAnAnswer

MOST_BYTES = 10 << 20
MOST_ENTRIES = 20_000
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Feeds have these; in others, such as UTF-7, markup can hide from whoever reads them as text.
ENCODINGS = re.compile(
    r"ascii|utf-8|utf-16(-[lb]e)?|iso8859-\d+|cp125\d|gb2312|gbk|gb18030|big5|shift_jis|cp932"
    r"|euc_(jp|kr)|koi8-[ru]"
)
DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]{0,500}\?>")
DECLARED = re.compile(rb"""\A\s*<\?xml\b[^>]{0,400}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
ENTRY = re.compile(r"<(?:\w+:)?(?:item|entry)\b")
DATES = ("published_parsed", "updated_parsed", "created_parsed")


def read_feed(answer: Answer) -> ParsedNews:
    """Parse the entries of a feed that have a phrase of the topic."""
    fields = answer.query
    name, topic, rows = str(fields["feed"]), topic_of(answer.query), StoryRows()
    feed = _parse(answer.body, str(fields["charset"]), name, str(fields["url"]))
    language = fields["language"] or _field(feed["feed"], "language")

    def read(entry: Mapping[str, Any]) -> dict[str, Any] | None:
        title = text_of(_field(entry, "title"), "title")
        summary = text_of(_field(entry, "summary"), "summary")
        text = f"{title or ''}\n{summary or ''}"
        if not topic.matches(text):
            return None
        return {
            "url": _field(entry, "link"),
            "title": title,
            "summary": summary,
            "outlet": name,
            "language": language,
            "published_at": _date_of(entry),
            "symbols": topic.symbols_in(text),
            "topics": [topic.name],
        }

    for number, entry in enumerate(feed["entries"], 1):
        rows.add(number, entry, read)
    if feed["bozo"]:
        reason = f"{name} is no whole XML; what could be read was taken: {feed['bozo_exception']}"
        rows.reject(len(feed["entries"]) + 1, "broken_xml", reason, "")
    return rows.parsed()


def _parse(body: bytes, charset: str, name: str, url: str) -> Any:
    """Parse a feed with feedparser, once it is sure that it holds no bomb."""
    import feedparser

    text = _decode(body, charset)
    _refuse_entities(text, name)
    if len(ENTRY.findall(text)) > MOST_ENTRIES:
        raise SourceError(
            f"rss: {name} has more than {MOST_ENTRIES:,} entries",
            "nothing of it was stored; take the feed out of the list",
        )
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    try:
        # From a stream: a text would be taken for an address or a file to open.
        feed = feedparser.parse(
            io.BytesIO(text.encode()), response_headers=headers, sanitize_html=False
        )
    except Exception as error:  # its parser for broken feeds raises whatever happens
        raise NotAnAnswer(
            f"rss: {name} cannot be read: {type(error).__name__}: {str(error)[:200]}",
            "nothing of it was stored; see what its address answers",
        ) from error
    if not feed["version"] and not feed["entries"]:
        kind = "a web page" if is_page(body) else "no feed"
        start = " ".join(text.partition("?>")[2][:80].split())
        raise NotAnAnswer(
            f"rss: {name} answered {kind} instead of RSS or Atom: {start!r}",
            "open its address in a browser, and correct it in the list of feeds",
        )
    return feed


def _decode(body: bytes, charset: str) -> str:
    """Return a feed as text that says UTF-8 of itself: so that all who read it read the same."""
    if len(body) > MOST_BYTES:
        raise SourceError(f"a feed of {len(body):,} bytes", f"{MOST_BYTES:,} are read at most")
    declared = DECLARED.match(body)
    names = [encoding for bom, encoding in BOMS.items() if body.startswith(bom)]
    names += [charset, declared[1].decode() if declared else ""]
    encoding = next((known for name in names if (known := _encoding(name))), "utf-8")
    text = DECLARATION.sub("", body.decode(encoding, "replace"), count=1)
    return f'<?xml version="1.0" encoding="utf-8"?>{text.lstrip()}'


def _encoding(name: str) -> str:
    """Return the encoding of that name, if it is one that feeds have."""
    try:
        known = codecs.lookup(name.strip()).name if name.strip() else ""
    except (LookupError, ValueError):
        return ""
    return known if known in ("utf-8-sig", "utf-32") or ENCODINGS.fullmatch(known) else ""


def _refuse_entities(text: str, name: str) -> None:
    """Refuse a feed that declares entities: they grow without bound, or read other files."""
    from xml.sax import SAXParseException
    from xml.sax.handler import feature_external_ges

    import defusedxml
    from defusedxml.expatreader import DefusedExpatParser

    root = re.search(r"<[A-Za-z_:]", text)
    declares = "<!entity" in text[: root.start() if root else None].lower()
    try:
        # The document type of an old feed names a file of its own, which is not asked for.
        parser = DefusedExpatParser(forbid_entities=True, forbid_external=False)
        parser.setFeature(feature_external_ges, False)
        parser.parse(io.BytesIO(text.encode()))
    except defusedxml.DefusedXmlException:
        declares = True
    except (SAXParseException, ValueError):
        pass  # broken: whatever can be read is taken
    if declares:
        raise SourceError(
            f"rss: {name} declares XML entities, which no feed needs and an attack would",
            "nothing of it was read or stored; take the feed out of the list",
        )


def _field(entry: Mapping[str, Any], name: str) -> Any:
    """Return a field of an entry. Its own `get` answers with other fields, and warns."""
    return dict.get(cast("dict[str, Any]", entry), name)


def _date_of(entry: Mapping[str, Any]) -> datetime | None:
    """Return when an entry was published; None where it does not say, or nonsense."""
    for name in DATES:
        parts = _field(entry, name)
        if parts:
            try:
                year, month, day, hour, minute, second = parts[:6]
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except (ValueError, TypeError, OverflowError):
                continue
    return None
