"""Your own files: a folder of CSV, CSV.gz or Parquet in any shape, described by a mapping.

Set BULLION_FILES to the folder. Its mapping, bars.yaml, says which files hold which bars: their
columns, symbol, interval, time zone, calendar and grid. The folder include/sample is a small
example to start from; its bars are made up.

A row is identified by its line in the file, where the header is line 1 (in Parquet by its number
from 1). A line that cannot be read as a bar becomes a reject with its reason; an empty cell
becomes a missing value. Each file is an answer of its own, so that an unreadable file never stops
the others.

A file is read in pieces, and its bars are landed symbol by symbol in one commit, so that memory
does not grow with the file: it may have 8 GiB, unpacked too, and 100 million lines. What waits for
its turn lies in TMPDIR: about twice the file.

News lie in the same folder: CSV, JSON (an array, or an object with a list), NDJSON or Parquet of
articles, which a mapping of their own describes, news.yaml; include/sample/news.yaml shows what it
may say. Usual columns need no line in it, nor do those of an exported silver.news. A story counts
where its file or its topics name the requested topic, or its text has a phrase of it. An article
of a date alone is known from the end of that day on. A file may have 1 million articles, of JSON
256 MiB.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.input_files import copy_file
from pipelines.core.topics import topic
from pipelines.sources.base import Answer, Parsed, Request
from pipelines.sources.files.bars import BarSelection, bars_of
from pipelines.sources.files.limits import MOST_BYTES
from pipelines.sources.files.mapping import (
    NAME,
    NEWS_NAME,
    Folder,
    Series,
    load,
    matching,
    series_of,
    weights_of,
)
from pipelines.sources.files.news import StorySelection, news_in
from pipelines.sources.files.news_mapping import load_news, news_files_of
from pipelines.sources.files.weights import weights_in
from pipelines.sources.news import NewsRequest, ParsedNews
from pipelines.sources.stories import phrases_of, topic_of

SETTING = "BULLION_FILES"
MEDIA_TYPES = {
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
}


@dataclass(frozen=True)
class Files:
    """Bars, weights and news from a folder of files."""

    name: ClassVar[str] = "files"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("bars", "weights", "news")
    whole: ClassVar[bool] = True
    resumes: ClassVar[bool] = False  # reading a file again costs little, and it may have changed
    resumes_news: ClassVar[bool] = False
    whole_news: ClassVar[bool] = True
    news_every: ClassVar[timedelta] = timedelta(minutes=15)
    folder: Path | None = None  # None: the folder that BULLION_FILES names

    @property
    def _folder(self) -> Path:
        folder = self.folder or os.environ.get(SETTING)
        if not folder:
            raise InvalidRequest(
                f"{SETTING} is not set, so there is no folder to read",
                f"set it to a folder with a {NAME}; {SETTING}=include/sample has an example",
            )
        return Path(folder)

    def symbols(self) -> tuple[str, ...] | None:
        """Return the symbols from the files' names; None when some are in a column."""
        symbols = {s for _, _, s, _ in self._list_files(load(self._folder), [])}
        return None if "" in symbols else tuple(sorted(symbols))

    def pieces(self, request: Request) -> Iterator[Request]:
        """Return the whole request: its answers are its files."""
        yield request

    def fetch(self, request: Request) -> Iterator[Answer]:
        """Read each file that may have the bars. Unreadable files raise an error at the end."""
        mapping, failures = load(self._folder), list[str]()
        files = list(self._list_files(mapping, failures))
        selected = [
            (path, series)
            for path, series, symbol, interval in files
            if interval == request.interval.name
            and (not request.symbols or not symbol or symbol in request.symbols)
        ]
        if not selected and not failures:
            raise self._no_files_error(request, files)
        for path, series in selected:
            query = {
                "path": self._relative_name(path),
                "series": series.to_dict(),
                "symbols": list(request.symbols),
                "interval": request.interval.name,
                "start": request.start.isoformat(),
                "end": request.end.isoformat(),
            }
            yield from self._read(path, "bars", query, failures)
        self._raise_failures(failures)

    def parse(self, answer: Answer) -> Parsed:
        """Read the bars of one file."""
        query = answer.query
        series = series_of(query["series"], f"series of {query['path']}")
        start, end = (datetime.fromisoformat(query[k]) for k in ("start", "end"))
        return bars_of(
            query["path"], answer.open(), series, BarSelection(tuple(query["symbols"]), start, end)
        )

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Read each file with weights of the universe. Empty when the mapping names none."""
        failures: list[str] = []
        for entry in load(self._folder).weights:
            for path in matching(self._folder, entry.files) if entry.universe == universe else []:
                query = {
                    "path": self._relative_name(path),
                    "weights": entry.to_dict(),
                    "as_of": as_of.isoformat(),
                }
                yield from self._read(path, "weights", query, failures)
        self._raise_failures(failures)

    def parse_weights(self, answer: Answer) -> pa.Table:
        """Read the weights of one file."""
        query = answer.query
        entry = weights_of(query["weights"], f"weights of {query['path']}")
        as_of = datetime.fromisoformat(query["as_of"])
        return weights_in(query["path"], answer.open(), entry, as_of)

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Return the whole request: its answers are its files."""
        yield request

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Read each file that may have news. Unreadable files raise an error at the end."""
        failures, count = list[str](), 0
        about = phrases_of(topic(request.topic))
        for entry in load_news(self._folder):
            for path in matching(self._folder, entry.files, NEWS_NAME):
                count += 1
                query = about | {
                    "path": self._relative_name(path),
                    "news": entry.to_dict(),
                    "start": request.start.isoformat(),
                    "end": request.end.isoformat(),
                }
                yield from self._read(path, "news", query, failures)
        if not count:
            raise InvalidRequest(
                f"no file in {self._folder} (set by {SETTING}) fits the globs of its {NEWS_NAME}",
                f"put files there, or change 'files:' in {self._folder / NEWS_NAME}",
            )
        self._raise_failures(failures)

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Read the stories of one file."""
        query = answer.query
        entry = news_files_of(query["news"], f"news of {query['path']}")
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        selection = StorySelection(topic_of(query), start, end, answer.received_at)
        return news_in(query["path"], answer.open(), entry, selection)

    def _list_files(
        self, mapping: Folder, failures: list[str]
    ) -> Iterator[tuple[Path, Series, str, str]]:
        """List the files of the mapping with series, symbol ("" if in a column) and interval."""
        for series in mapping.series:
            for path in matching(self._folder, series.files):
                try:
                    symbol, interval = series.of_file(self._relative_name(path))
                except InvalidRequest as error:
                    failures.append(f"{error.message} ({error.hint})")
                    continue
                yield path, series, symbol, interval.name

    def _read(
        self, path: Path, kind: str, query: dict[str, Any], failures: list[str]
    ) -> Iterator[Answer]:
        try:
            copy = copy_file(path, self._folder, MOST_BYTES)
        except SourceError as error:
            failures.append(f"{error.message} ({error.hint})")
            return
        media_type = MEDIA_TYPES.get(path.suffix.lower(), "text/csv")
        now = datetime.now(UTC)
        if isinstance(copy, io.BytesIO):
            yield Answer(self.name, kind, query, copy.getvalue(), media_type, now)
        else:
            yield Answer(self.name, kind, query, b"", media_type, now, copy)

    def _raise_failures(self, failures: list[str]) -> None:
        if failures:
            raise SourceError(
                f"{len(failures)} file{'s' * (len(failures) > 1)} of {self._folder} could not be "
                "read: " + "; ".join(failures),
                "the other files were read; mend these and run again",
            )

    def _no_files_error(
        self, request: Request, files: list[tuple[Path, Series, str, str]]
    ) -> InvalidRequest:
        place = f"{self._folder} (set by {SETTING})"
        if not files:
            return InvalidRequest(
                f"no file in {place} fits the globs of its {NAME}",
                f"put files there, or change 'files:' in {self._folder / NAME}",
            )
        intervals = sorted({interval for *_, interval in files})
        if request.interval.name not in intervals:
            return InvalidRequest(
                f"no file in {place} has bars of {request.interval}",
                f"its files have {', '.join(intervals)}",
            )
        names = sorted({s for _, _, s, i in files if i == request.interval.name})
        symbols = ", ".join(request.symbols)
        close = difflib.get_close_matches(request.symbols[0], names, n=3, cutoff=0.5)
        return InvalidRequest(
            f"no file in {place} has {request.interval} bars of {symbols}",
            f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names[:20])}",
        )

    def _relative_name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()
