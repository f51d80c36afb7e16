"""What is done at one snapshot of the lake: a view reads it, a writer adds the next one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.contracts.tables import Table, find_table, quoted
from pipelines.core.errors import InvalidRequest
from pipelines.lake.errors import translated
from pipelines.lake.file_guard import FileGuard, tables_read
from pipelines.lake.file_store import FileStore

BATCH_ROWS = 122_880  # those of a group of rows in a file


class View:
    """One snapshot of the lake, for any number of queries."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        snapshot: int,
        catalog: str = "",
        guard: FileGuard | None = None,
    ) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self._catalog = catalog  # for error messages
        self._guard = guard  # of the files; without one they are read as they are
        self._verified_tables: set[str] = set()  # whose files match their checksums

    def sql(self, query: str, parameters: object = None) -> pa.Table:
        """Return the answer to a query as Arrow. Tables are named schema.table."""
        self.check_files(query)
        _refuse_nul(parameters)
        with translated(self._catalog):
            return self.connection.execute(query, parameters).to_arrow_table()

    def batches(
        self, query: str, parameters: object = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield the answer to a query as Arrow, batch by batch, so that it never lies whole.

        No other query can be run before the last batch was taken.
        """
        self.check_files(query)
        _refuse_nul(parameters)
        with translated(self._catalog):
            yield from self.connection.execute(query, parameters).to_arrow_reader(rows)

    def rows(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        """Return the answer to a query as tuples."""
        self.check_files(query)
        _refuse_nul(parameters)
        with translated(self._catalog):
            rows: list[tuple[Any, ...]] = self.connection.execute(query, parameters).fetchall()
            return rows

    def one(self, query: str, parameters: object = None) -> Any:
        """Return the first value of the first row; None when there is no row."""
        rows = self.rows(query, parameters)
        return rows[0][0] if rows else None

    def check_files(self, query: str) -> None:
        """Refuse a query of a table with a file that is not what was committed."""
        tables = tables_read(query) - self._verified_tables
        if self._guard and tables:
            with translated(self._catalog):
                self._guard.check(self.connection, self.snapshot, tables)
            self._verified_tables |= tables


class Writer(View):
    """A transaction that holds the writers' turn. It also reads, its own writes included."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        snapshot: int,
        store: FileStore,
        tables: Sequence[Table],
        catalog: str = "",
        guard: FileGuard | None = None,
    ) -> None:
        super().__init__(connection, snapshot, catalog, guard)
        self.tables = tables
        self._store = store
        self._files_before: dict[str, set[str]] = {}  # of each table's folder, when first touched

    @property
    def batch(self) -> int:
        """The snapshot this transaction will become: every row it writes carries it."""
        return self.snapshot + 1

    @property
    def has_written(self) -> bool:
        return bool(self._files_before)

    def touch(self, full_name: str) -> None:
        """Note the files of a table before it is written by SQL of one's own."""
        folder = full_name.replace(".", "/")
        if folder not in self._files_before:
            self._files_before[folder] = self._store.listing(folder)

    def run(self, query: str, parameters: object = None) -> int:
        """Run a statement on touched tables; return how many rows it changed, if known."""
        self.check_files(query)
        with translated(self._catalog):
            result = self.connection.execute(query, parameters)
            row = result.fetchone() if result.description else None
            return int(row[0]) if row and isinstance(row[0], int) else 0

    def append(self, full_name: str, rows: pa.Table | duckdb.DuckDBPyRelation) -> int:
        """Insert rows by column name; `batch` is filled in where the table has one."""
        self.touch(full_name)
        table = find_table(full_name, self.tables)
        if isinstance(rows, pa.Table) and rows.num_rows == 0:
            return 0
        names_of_rows = rows.schema.names if isinstance(rows, pa.Table) else rows.columns
        columns = [name for name in table.column_names if name in names_of_rows]
        names = ", ".join(quoted(name) for name in columns)
        values = names
        if "batch" in table.column_names and "batch" not in names_of_rows:
            names, values = f"{names}, batch", f"{values}, {self.batch}"
        order = f" ORDER BY {', '.join(quoted(c) for c in table.sort)}" if table.sort else ""
        self.connection.register("_rows", rows)
        try:
            return self.run(f"INSERT INTO {full_name} ({names}) SELECT {values} FROM _rows{order}")
        finally:
            self.connection.unregister("_rows")

    def delete(self, full_name: str, where: str, parameters: object = None) -> int:
        """Delete rows; return their number."""
        self.touch(full_name)
        return self.run(f"DELETE FROM {full_name} WHERE {where}", parameters)

    def replace(self, full_name: str, rows: pa.Table, where: str, parameters: object = None) -> int:
        """Replace exactly what `where` names by these rows."""
        self.delete(full_name, where, parameters)
        return self.append(full_name, rows)

    def seal(self) -> None:
        """Record the checksum of every file that this transaction wrote."""
        paths = [
            path
            for folder, files_before in self._files_before.items()
            for path in sorted(self._store.listing(folder) - files_before)
        ]
        if paths:
            self.connection.register("_sums", self._store.checksums(paths))
            self.run("INSERT INTO meta.checksums SELECT path, bytes, sha256 FROM _sums")
            self.connection.unregister("_sums")


def _refuse_nul(parameters: object) -> None:
    """DuckLake writes values into SQL of its own, which a NUL would cut short."""
    for value in parameters if isinstance(parameters, list | tuple) else ():
        if isinstance(value, str) and "\0" in value:
            raise InvalidRequest(f"{value!r} holds a NUL character", "take it out")
