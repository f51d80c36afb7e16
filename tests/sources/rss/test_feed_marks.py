"""The version of a feed is kept, each topic its own."""

from __future__ import annotations

import stat
from pathlib import Path

from pipelines.sources.rss.feed_marks import Mark, clean_mark, read_mark, write_marks


def test_a_mark_is_that_of_its_topic_and_feed(tmp_path: Path) -> None:
    assert read_mark("a", "f") == Mark()
    assert not (tmp_path / "lake").exists()
    write_marks([("a", "f", Mark('"1"', "then"))])
    write_marks([("a", "f", Mark('"2"', ""))])
    write_marks([])
    assert read_mark("a", "f") == Mark('"2"', "")
    assert read_mark("b", "f") == read_mark("a", "g") == Mark()
    assert stat.S_IMODE((tmp_path / "lake" / "feeds.sqlite").stat().st_mode) == 0o600


def test_the_headers_ask_for_what_is_known() -> None:
    assert Mark().headers() == {}
    assert Mark('"1"', "then").headers() == {"If-None-Match": '"1"', "If-Modified-Since": "then"}


def test_a_mark_with_other_than_plain_characters_is_dropped() -> None:
    assert clean_mark('W/"abc"') == 'W/"abc"'
    assert [clean_mark(text) for text in ("a\r\nb", "\xe4", "x" * 1001)] == ["", "", ""]
