"""Your own files: a folder of CSV, CSV.gz or Parquet in any shape, described by a mapping.

Set BULLION_FILES to the folder. Its mapping, bars.yaml, says which files hold which bars: their
columns, symbol, interval, time zone, calendar and grid. The folder include/sample is a small
example to start from; its bars are made up.

A row is named by the line of the file that it stands on, the header being line 1 (in Parquet by
its number from 1). A line that cannot be read as a bar becomes a reject with its reason; a cell
with nothing in it becomes a missing value. Each file is an answer of its own, so that one that
cannot be read never holds up the others.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.input_files import read_file
from pipelines.sources.base import Answer, Parsed, Request
from pipelines.sources.files.bars import BarSelection, bars_of
from pipelines.sources.files.mapping import (
    NAME,
    Folder,
    Series,
    load,
    matching,
    series_of,
    weights_of,
)
from pipelines.sources.files.weights import weights_in

SETTING = "BULLION_FILES"
MEDIA_TYPES = {
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class Files:
    """Bars from a folder of files."""

    name: ClassVar[str] = "files"
    is_sample: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    resumes: ClassVar[bool] = False  # reading a file again costs little, and it may have changed
    folder: Path | None = None  # None: the one that BULLION_FILES names

    @property
    def _folder(self) -> Path:
        told = self.folder or os.environ.get(SETTING)
        if not told:
            raise InvalidRequest(
                f"{SETTING} is not set, so there is no folder to read",
                f"set it to a folder with a {NAME}; {SETTING}=include/sample has an example",
            )
        return Path(told)

    def symbols(self) -> tuple[str, ...] | None:
        """The symbols that the files' names tell; None when some stand in a column."""
        found = {s for _, _, s, _ in self._listed(load(self._folder), [])}
        return None if "" in found else tuple(sorted(found))

    def pieces(self, request: Request) -> Iterator[Request]:
        """A request is one piece: its files are its parts."""
        yield request

    def fetch(self, request: Request) -> Iterator[Answer]:
        """Read each file that may hold the bars. Files that cannot be read are told at the end."""
        mapping, failed = load(self._folder), list[str]()
        listed = list(self._listed(mapping, failed))
        wanted = [
            (path, series)
            for path, series, symbol, interval in listed
            if interval == request.interval.name
            and (not request.symbols or not symbol or symbol in request.symbols)
        ]
        if not wanted and not failed:
            raise self._nothing(request, listed)
        for path, series in wanted:
            asked = {
                "path": self._name(path),
                "series": series.plain(),
                "symbols": list(request.symbols),
                "interval": request.interval.name,
                "start": request.start.isoformat(),
                "end": request.end.isoformat(),
            }
            yield from self._read(path, "bars", asked, failed)
        self._raise(failed)

    def parse(self, answer: Answer) -> Parsed:
        """Read the bars of one file."""
        asked = answer.asked
        series = series_of(asked["series"], f"series of {asked['path']}")
        start, end = (datetime.fromisoformat(asked[k]) for k in ("start", "end"))
        return bars_of(
            asked["path"], answer.body, series, BarSelection(tuple(asked["symbols"]), start, end)
        )

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Read each file with weights of the universe. Empty when the mapping names none."""
        failed: list[str] = []
        for entry in load(self._folder).weights:
            for path in matching(self._folder, entry.files) if entry.universe == universe else []:
                asked = {
                    "path": self._name(path),
                    "weights": entry.plain(),
                    "as_of": as_of.isoformat(),
                }
                yield from self._read(path, "weights", asked, failed)
        self._raise(failed)

    def parse_weights(self, answer: Answer) -> pa.Table:
        """Read the weights of one file."""
        asked = answer.asked
        entry = weights_of(asked["weights"], f"weights of {asked['path']}")
        as_of = datetime.fromisoformat(asked["as_of"])
        return weights_in(asked["path"], answer.body, entry, as_of)

    def _listed(
        self, mapping: Folder, failed: list[str]
    ) -> Iterator[tuple[Path, Series, str, str]]:
        """Every file of the mapping with its series, symbol ("" in a column) and interval."""
        for series in mapping.series:
            for path in matching(self._folder, series.files):
                try:
                    symbol, interval = series.of_file(self._name(path))
                except InvalidRequest as error:
                    failed.append(f"{error.message} ({error.hint})")
                    continue
                yield path, series, symbol, interval.name

    def _read(
        self, path: Path, kind: str, asked: dict[str, Any], failed: list[str]
    ) -> Iterator[Answer]:
        try:
            body = read_file(path, self._folder)
        except SourceError as error:
            failed.append(f"{error.message} ({error.hint})")
            return
        media_type = MEDIA_TYPES.get(path.suffix.lower(), "text/csv")
        yield Answer(self.name, kind, asked, body, media_type, datetime.now(UTC))

    def _raise(self, failed: list[str]) -> None:
        if failed:
            raise SourceError(
                f"{len(failed)} file{'s' * (len(failed) > 1)} of {self._folder} could not be "
                "read: " + "; ".join(failed),
                "the other files were read; mend these and run again",
            )

    def _nothing(
        self, request: Request, listed: list[tuple[Path, Series, str, str]]
    ) -> InvalidRequest:
        where = f"{self._folder} (set by {SETTING})"
        if not listed:
            return InvalidRequest(
                f"no file in {where} fits the globs of its {NAME}",
                f"put files there, or change 'files:' in {self._folder / NAME}",
            )
        intervals = sorted({interval for *_, interval in listed})
        if request.interval.name not in intervals:
            return InvalidRequest(
                f"no file in {where} has bars of {request.interval}",
                f"its files have {', '.join(intervals)}",
            )
        names = sorted({s for _, _, s, i in listed if i == request.interval.name})
        asked = ", ".join(request.symbols)
        close = difflib.get_close_matches(request.symbols[0], names, n=3, cutoff=0.5)
        return InvalidRequest(
            f"no file in {where} has {request.interval} bars of {asked}",
            f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names[:20])}",
        )

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()
