"""Lists of feeds: a CSV each, in include/feeds and in the folder that BULLION_FEEDS names."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.input_files import read_file
from pipelines.core.settings import ROOT
from pipelines.core.text import is_readable
from pipelines.sources.transport.addresses import check_address

FOLDER = ROOT / "include" / "feeds"
PAGE = "include/feeds/README.md"
COLUMNS = ["name", "url", "language"]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_BYTES = 1 << 20
MOST_FEEDS = 1000
LONGEST = {"name": 100, "url": 2000, "language": 35}  # characters


@dataclass(frozen=True)
class Feed:
    """Where a feed is, and who publishes it."""

    name: str
    url: str
    language: str = ""


def read_feed_list(name: str, own_folder: str = "") -> tuple[Feed, ...]:
    """Read the list of that name. Raises InvalidRequest with the line that cannot be used."""
    if own_folder and not Path(own_folder).is_dir():
        raise InvalidRequest(
            f"there is no folder {own_folder}", "set BULLION_FEEDS to the folder of your lists"
        )
    folders = [FOLDER, *([Path(own_folder)] if own_folder else [])]
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.csv"))}
    if not NAME.fullmatch(name) or name not in files:
        error = unknown("list of feeds", name, files)
        raise InvalidRequest(
            error.message, f"{error.hint}; or write {folders[-1] / f'{name}.csv'}, see {PAGE}"
        )
    path = files[name]
    try:
        text = read_file(path, path.parent, MOST_BYTES).decode("utf-8-sig")
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        rows = [row for row in csv.reader(lines, strict=True) if any(cell.strip() for cell in row)]
    except SourceError as error:
        raise InvalidRequest(error.message, error.hint) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise _error(path, f"is no CSV in UTF-8: {error}") from None
    if not rows or [cell.strip() for cell in rows[0]] != COLUMNS:
        raise _error(path, f"does not begin with the line {','.join(COLUMNS)}")
    if not 1 < len(rows) <= MOST_FEEDS + 1:
        raise _error(path, f"lists {len(rows) - 1:,} feeds, not 1 to {MOST_FEEDS:,}")
    feeds = tuple(_read_feed(path, row) for row in rows[1:])
    names = [feed.name for feed in feeds]
    for feed_name in names:
        if names.count(feed_name) > 1:
            raise _error(path, f"has two feeds with the name {feed_name!r}")
    return feeds


def _read_feed(path: Path, row: list[str]) -> Feed:
    cells = [cell.strip() for cell in row]
    if len(cells) != len(COLUMNS):
        raise _error(path, f"has a line with {len(cells)} cells, not {len(COLUMNS)}: {cells[:3]}")
    for column, cell in zip(COLUMNS, cells, strict=True):
        if len(cell) > LONGEST[column] or not is_readable(cell):
            raise _error(path, f"has a {column} that is too long or cannot be read: {cell[:40]!r}")
    name, url, language = cells
    if not name:
        raise _error(path, "has a feed without a name")
    return Feed(name, check_address(f"{path}: the url of {name}", url, keep_slash=True), language)


def _error(path: Path, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{path} {problem}", f"see {PAGE}")
