"""The mapping of a folder's news: which files hold articles, and how to read them (news.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.core.errors import InvalidRequest, NothingToDo, unknown
from pipelines.core.topics import topic_names
from pipelines.sources.files.entries import (
    check_keys,
    check_text,
    check_texts,
    check_zone,
    list_entries,
    read_values,
)
from pipelines.sources.files.mapping import (
    NEWS_NAME,
    Csv,
    read_columns,
    read_csv,
    read_document,
)

TIMES = ("published_at", "seen_at")
LABELS = ("symbols", "topics")
COLUMNS = ("url", "title", "summary", "outlet", "language", *TIMES, *LABELS)
# What columns are usually called, in small letters and without signs; the first there counts. The
# columns of an exported silver.news are among them.
USUAL = {
    "url": ("url", "link", "articleurl", "canonicalurl"),
    "title": ("title", "headline"),
    "summary": ("summary", "description", "snippet", "abstract", "teaser"),
    "outlet": ("outlet", "publisher", "sourcename", "source", "domain"),
    "language": ("language", "lang"),
    "published_at": ("publishedat", "published", "publishtime", "providerpublishtime", "pubdate",
                     "publicationdate", "datetime", "date"),
    "seen_at": ("seenat", "knownat", "seendate"),
    "symbols": ("symbols", "tickers", "relatedtickers"),
    "topics": ("topics",),
}  # fmt: skip


@dataclass(frozen=True)
class NewsFiles:
    """Files of articles that are read in the same way."""

    files: tuple[str, ...]  # globs; one that begins with ! excludes files
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # our name: the files'
    time_format: str = ""  # strptime; empty: ISO, the date of a mail, or a time since 1970
    timezone: str = ""  # of times that carry no offset
    separator: str = ""  # of lists in a cell; empty: a comma, semicolon or bar
    topic: str = ""  # of all articles; empty: of those that name it or have one of its phrases
    list: str = ""  # path to the articles in a JSON object, with dots
    csv: Csv = field(default_factory=Csv)

    def to_dict(self) -> dict[str, Any]:
        """Return this entry as values for JSON, from which `news_files_of` builds it again."""
        return {**asdict(self), "files": [*self.files]}


def load_news(folder: Path) -> tuple[NewsFiles, ...]:
    """Read the mapping of a folder's news. Raises InvalidRequest naming the offending key.

    Raises NothingToDo where there is none: a DAG skips the source then.
    """
    path, hint = folder / NEWS_NAME, "write one, as include/sample/news.yaml shows"
    if folder.is_dir() and not path.exists():  # a folder of bars alone: nothing is wrong with it
        raise NothingToDo(f"{folder} has no {NEWS_NAME}", hint)
    document = read_document(path, hint)
    check_keys(document, ("news",), str(path))
    entries = list_entries(document, "news", str(path))
    mapping = tuple(news_files_of(entry, f"news {n} of {path}") for n, entry in entries)
    if not mapping:
        raise InvalidRequest(f"{path} lists no news", "start from include/sample/news.yaml")
    for entry in mapping:
        if entry.topic and entry.topic not in topic_names():
            raise unknown(f"topic of {path}:", entry.topic, topic_names())
    return mapping


def news_files_of(entry: Any, where: str) -> NewsFiles:
    """Check an entry of news and return it."""
    values = read_values(NewsFiles, entry, where)
    values["files"] = check_texts(values["files"], f"files of {where}")
    values["columns"] = read_columns(values.get("columns"), COLUMNS, where)
    values["csv"] = read_csv(values.get("csv"), where)
    for key in ("time_format", "timezone", "separator", "topic", "list"):
        values[key] = check_text(values.get(key, ""), f"{key} of {where}")
    if values["timezone"]:
        check_zone(values["timezone"], where)
    return NewsFiles(**values)
