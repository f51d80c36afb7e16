"""The relations that the steps of one landing pass to each other.

Each step gets the names of the relations it reads and returns the names of those it made, in one
of the small classes below. The names themselves exist only as long as the landing's Scratch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts.tables import quoted
from pipelines.core.sql import text_literal

DISK_ROWS = 122_880  # in one row group, as DuckDB has it


@dataclass(frozen=True)
class OffSession:
    """Rows that are not in session, in numbers that tell a market of other hours."""

    total: int = 0  # rows, those in session included
    saturdays: int = 0
    hours: frozenset[int] = frozenset()  # of the day (UTC)

    def __add__(self, other: OffSession) -> OffSession:
        return OffSession(
            self.total + other.total, self.saturdays + other.saturdays, self.hours | other.hours
        )


@dataclass(frozen=True)
class PlacedRows:
    """The rows received, each with the bar that its time names."""

    all_rows: str  # with `unclosed`, and the `reason` for which a row is rejected
    sane: str  # of closed bars, and true to the contract
    rejects: str  # with reason and detail
    off_session: OffSession = OffSession()


@dataclass(frozen=True)
class UniqueRows:
    """The sane rows received, one a bar."""

    winners: str
    conflicts: str  # rows that lost their bar to a fuller one, and differ from it
    repeated: int  # rows equal to the winner of their bar


@dataclass(frozen=True)
class KnownVersions:
    """What bronze has of the bars around the rows received."""

    all_rows: str
    sane: str  # those true to the contract, each with its bar


@dataclass(frozen=True)
class Splits:
    """The splits of the symbols received, and when each took effect."""

    relation: str  # symbol, date, value, effective
    exist: bool  # False spares the joins that most landings do not need
    prices_adjusted: bool  # prices arrive adjusted for the splits known then


@dataclass(frozen=True)
class Judgement:
    """Which versions silver should have, and what else the judgement saw of its rows."""

    versions: str  # the rows received and the known versions, as they came
    flagged: str  # versions rejected for a leap, with reason and detail
    chosen: str  # the rows silver should have
    single_version: bool  # no bar has another version, and none around it is known
    has_leaps: bool
    has_rows: bool  # some row received can stand
    in_order: bool  # the chosen rows lie by symbol and bar


@dataclass(frozen=True)
class SilverChanges:
    """What silver.bars had, and what was changed in it."""

    checked: str  # the rows it should have now, with its columns
    old_rows: str  # the rows it had
    new_rows: str  # rows that were new to it, or differed
    sessions: str | None  # symbol and session of rows changed that were not received
    has_standing: bool  # it had rows


class Scratch:
    """Makes the temporary relations of one landing, and drops them when it is over.

    `check_files` is called with each query before it reads: a writer's refuses damaged files.
    With `on_disk` its Arrow tables lie in TMPDIR: DuckDB keeps what a dropped view read until the
    commit, so the tables of many landings would fill the memory.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        check_files: Callable[[str], None] = lambda query: None,
        *,
        on_disk: bool = False,
    ) -> None:
        self.connection = connection
        self._folder = tempfile.TemporaryDirectory() if on_disk else None
        self._check_files = check_files
        self._kinds: dict[str, str] = {}  # TABLE, VIEW or ARROW, by name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:  # else the transaction is rolled back, and takes no statement more
            self.drop()
        if self._folder:
            self._folder.cleanup()

    def table(self, name: str, query: str, parameters: object = None) -> str:
        """Make a temporary table of a query's rows."""
        return self._create("TABLE", name, query, parameters)

    def view(self, name: str, query: str) -> str:
        """Make a temporary view of a query."""
        return self._create("VIEW", name, query)

    def arrow(self, name: str, rows: pa.Table) -> str:
        """Give an Arrow table a name."""
        if self._folder:
            path = Path(self._folder.name) / f"{name}.parquet"
            pq.write_table(rows, path, row_group_size=DISK_ROWS, compression="lz4")
            return self.view(name, f"FROM read_parquet({text_literal(str(path))})")
        self.connection.register(name, rows)
        self._kinds[name] = "ARROW"
        return name

    def value(self, query: str, parameters: object = None) -> Any:
        """Return the first value of a query's first row; None where it has no row."""
        self._check_files(query)
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    def drop(self) -> None:
        for name, kind in self._kinds.items():
            if kind == "ARROW":
                self.connection.unregister(name)
            else:
                self.connection.execute(f"DROP {kind} temp.{quoted(name)}")
        self._kinds.clear()

    def _create(self, kind: str, name: str, query: str, parameters: object = None) -> str:
        self._check_files(query)
        self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {query}", parameters)
        self._kinds[name] = kind
        return name
