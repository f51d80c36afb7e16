"""Feeds as bytes: encodings, bombs, hostile entries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.sources.base import Answer
from pipelines.sources.rss.feed_xml import read_feed
from pipelines.sources.transport.retries import NotAnAnswer
from tests.servers.feeds import item, rss
from tests.sources.news_requests import NOW, at

QUERY = {
    "topic": "markets", "terms": ["stocks"], "symbols": {}, "feed": "One",
    "url": "https://news.example/feed.xml", "language": "", "charset": "",
}  # fmt: skip
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]>'
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


def parse(body: str | bytes, **query: str) -> Any:
    data = body.encode() if isinstance(body, str) else body
    return read_feed(Answer("rss", "news", QUERY | query, data, "application/xml", NOW))


def titles(body: str | bytes, **query: str) -> list[str]:
    return parse(body, **query).stories["title"].to_pylist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in the header"])
def test_a_feed_is_read_in_its_encoding(encoding: str, declared: bool) -> None:
    text = rss(item("stocks für alle"))
    text = text.replace("utf-8", encoding) if declared else text.partition("?>")[2]
    charset = "" if declared else encoding
    assert titles(text.encode(encoding), charset=charset) == ["stocks für alle"]


REMARK = BOMB.replace("<!DOCTYPE", "<!-- <rss> --><!DOCTYPE")


@pytest.mark.parametrize("prolog", [BOMB, EXTERNAL], ids=["bomb", "external"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cut"])
def test_entities_are_refused_in_whatever_encoding(prolog: str, encoding: str) -> None:
    text = prolog + rss(item("stocks &l9; &x;")).partition("?>")[2]
    body = text[:-30].encode() if encoding == "cut" else text.encode(encoding)
    with pytest.raises(SourceError, match="One declares XML entities"):
        parse(body)


def test_entities_behind_a_remark_are_refused() -> None:
    with pytest.raises(SourceError, match="One declares XML entities"):
        parse(REMARK + rss(item("stocks &l9;")).partition("?>")[2])


def test_an_encoding_that_hides_markup_is_not_read() -> None:
    text = (BOMB + rss(item("stocks")).partition("?>")[2]).replace("?>", ' encoding="utf-7"?>', 1)
    hidden = text.replace("<!", "+ADwAIQ-")
    assert "ha" * 10 not in str(parse(hidden).stories.to_pylist())


def test_a_document_type_alone_is_an_old_feed_and_fine() -> None:
    old = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss.dtd">'
    assert titles(old + rss(item("stocks")).partition("?>")[2]) == ["stocks"]


def test_atom_and_relative_links_are_read() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><title>stocks</title>'
        '<link href="/a"/><updated>2026-11-20T10:00:00+02:00</updated></entry></feed>'
    )
    (story,) = parse(atom).stories.to_pylist()
    assert (story["url"], story["published_at"]) == (
        "https://news.example/a",
        at("2026-11-20T08:00"),
    )


@pytest.mark.parametrize("date", ["", "soon", "Fri, 99 Foo 2026", "0000-00-00T00:00:00Z"])
def test_an_entry_whose_date_cannot_be_read_has_none(date: str) -> None:
    (story,) = parse(rss(item("stocks", extra=f"<pubDate>{date}</pubDate>"))).stories.to_pylist()
    assert (story["published_at"], story["seen_at"]) == (None, None)


def test_hostile_entries_stay_as_they_are_or_are_left_out() -> None:
    script = "stocks &lt;script&gt;alert(1)&lt;/script&gt;"
    parsed = parse(
        rss(
            item(script, "javascript:alert(1)"),
            item("stocks " + "x" * (1 << 20)),
            "<item/>",
            "<item><description>stocks</description></item>",
            item("stocks", "http://[bad"),
        )
    )
    rows = parsed.stories.to_pylist()
    assert rows[0]["title"] == "stocks <script>alert(1)</script>"
    assert len(rows[1]["title"]) > 1 << 20
    assert parsed.off_topic == 1
    assert [r["reason"] for r in parsed.rejects.to_pylist()] == ["no_title"]
    assert len(rows) == 3


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(SourceError, match="more than 20,000 entries"):
        parse(rss("<item/>" * 20_001))


def test_a_page_is_no_feed() -> None:
    with pytest.raises(NotAnAnswer, match="One answered a web page"):
        parse("<!DOCTYPE html><html><body>hello</body></html>")
    with pytest.raises(NotAnAnswer, match="no feed"):
        parse("hello")


def test_a_text_is_never_taken_for_a_file_to_open() -> None:
    with pytest.raises(NotAnAnswer):
        parse(__file__)


@given(st.text(alphabet="<>/!&;?[]\"'= abitemrsTx\n") | st.binary())
def test_any_bytes_are_read_or_refused(noise: str | bytes) -> None:
    data = noise.encode() if isinstance(noise, str) else noise
    start, end = rss(item("stocks")).encode().split(b"stocks")
    for body in (start + data + end, data):
        with suppress(SourceError):
            parse(body)
