"""The only door to the lake: DuckLake, DuckDB and Parquet.

A lake is a SQL catalog (SQLite or PostgreSQL) and Parquet files (a folder or S3). Readers
never wait for a writer and see one snapshot. Writers take turns. Each commit is whole or
absent, over as many tables as it touches, and carries the SHA-256 of the files it made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.contracts.tables import TABLES, Table, fingerprint, sort_by_layer
from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.settings import ROOT, Settings, redacted, settings
from pipelines.lake import folder_owner, inlined_checksums, migrations
from pipelines.lake.attach import INLINE_ROWS, attach_statements
from pipelines.lake.catalog import NAME, NEWEST_SNAPSHOT, has_old_readers, parse_catalog
from pipelines.lake.errors import SNAPSHOTS, NoLake, quietly, translated
from pipelines.lake.file_guard import FileGuard
from pipelines.lake.file_store import FileStore, open_store
from pipelines.lake.local_paths import permission_hint
from pipelines.lake.locks import lock_for
from pipelines.lake.transaction import View, Writer

log = logging.getLogger(__name__)

SQLITE_PAGE = 4096


def _verified_marks_file(kind: str, target: str, store: FileStore) -> Path:
    """Return the file of this machine that remembers which files of a lake were verified."""
    if kind == "sqlite" or not store.remote:
        place = Path(target if kind == "sqlite" else store.root)
        return place.with_name(place.name + ".verified")
    lake = sha256(f"{target} {store.root}".encode()).hexdigest()[:16]
    return ROOT / "data_lake" / f"{lake}.verified"


class Lake:
    """A lake opened for reading and writing, or for reading only.

    A lake that is not there is made, unless it is opened for reading or `create` is False. `adopt`
    gives it the data folder, whichever lake owned it. `feature_tables` are those of the
    forecasts; a lake that has some can also be opened without them.
    """

    def __init__(
        self,
        config: Settings | None = None,
        *,
        read_only: bool = False,
        create: bool = True,
        adopt: bool = False,
        feature_tables: Sequence[Table] = (),
    ) -> None:
        self.config = config or settings()
        self.tables: tuple[Table, ...] = sort_by_layer((*TABLES, *feature_tables))
        self.read_only = read_only
        self.kind, self.target = parse_catalog(self.config.lake_catalog)
        self.store = open_store(self.config.lake_data)
        marks_file = _verified_marks_file(self.kind, self.target, self.store)
        self.guard = FileGuard(self.kind, self.target, self.store, marks_file)
        self._lock = lock_for(self.kind, self.target, self.config.lake_lock_timeout)
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._lake_id = ""  # of the lake, once its claim to the data folder was seen
        self._place: folder_owner.CatalogPlace  # known from then on, too
        self._root = self._open(create and not read_only)
        try:
            if adopt:
                with self._lock.turn("adopt"):
                    self._claim_folder(self._root, force=True)
            self._check_layout()
        except BaseException:
            self._root.close()
            raise

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for cursor in self._idle:
            cursor.close()
        self._root.close()

    # -- reading

    @contextmanager
    def view(self, snapshot: int | None = None, *, checked: bool = True) -> Iterator[View]:
        """Yield one snapshot: the newest, or the one of that number.

        Its files are compared with their checksums before they are read, unless `checked` is False.
        """
        guard = self.guard if checked else None
        if snapshot is not None:
            connection = self._connect_at(snapshot)
            try:
                with translated(self.config.lake_catalog):
                    yield View(connection, snapshot, self.config.lake_catalog, guard)
            except BaseException:
                connection.interrupt()
                raise
            finally:
                connection.close()
            return
        with self._transaction(self._root) as (cursor, current):
            yield View(cursor, current, self.config.lake_catalog, guard)

    def sql(self, query: str, parameters: object = None) -> pa.Table:
        """Return the answer to one query on the newest snapshot, as Arrow."""
        with self._statement() as view:
            return view.sql(query, parameters)

    def rows(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        with self._statement() as view:
            return view.rows(query, parameters)

    @property
    def snapshot(self) -> int:
        """Return the number of the newest snapshot."""
        return int(self.rows(f"FROM {NAME}.current_snapshot()")[0][0])

    @contextmanager
    def _statement(self) -> Iterator[View]:
        """Yield a view for one statement, which is a transaction by itself and so 3 ms faster."""
        # USE asks the catalog, so these connections are kept and used again.
        cursor = self._idle.pop() if self._idle else self._new_cursor()
        try:
            yield View(cursor, NEWEST_SNAPSHOT, self.config.lake_catalog, self.guard)
        except BaseException:
            cursor.interrupt()  # else closing waits for a query that still runs
            cursor.close()
            raise
        self._idle.append(cursor)

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._root.cursor()
        with translated(self.config.lake_catalog):
            cursor.execute(f"USE {NAME}")
        return cursor

    # -- writing

    @contextmanager
    def write(self, what: str = "write") -> Iterator[Writer]:
        """Yield the writer of one commit, over any tables: all of it or nothing."""
        with self._writing(what, self._root) as writer:
            yield writer

    @contextmanager
    def compacting(self) -> Iterator[Callable[[str], AbstractContextManager[Writer]]]:
        """Yield a function like `write`, whose rows all go to files and none to the catalog."""
        root = self.connect(inline_rows=0)
        try:
            yield lambda what: self._writing(what, root)
        finally:
            root.close()

    @contextmanager
    def _writing(self, what: str, root: duckdb.DuckDBPyConnection) -> Iterator[Writer]:
        if self.read_only:
            raise LakeError("this lake was opened for reading only")
        with self._lock.turn(what):
            mark = self._claim_folder(root)
            with self._writer(root) as writer:
                folder_owner.refuse_copy(
                    writer, self.store, mark, self._place, redacted(self.config.lake_catalog)
                )
                yield writer
                writer.seal()
            self._record_commit(root, writer, mark)

    @contextmanager
    def _writer(self, root: duckdb.DuckDBPyConnection) -> Iterator[Writer]:
        with self._transaction(root) as (cursor, current):
            yield Writer(
                cursor,
                current,
                self.store,
                self.tables,
                self.config.lake_catalog,
                self.guard,
            )

    def _record_commit(
        self, root: duckdb.DuckDBPyConnection, writer: Writer, mark: folder_owner.Mark
    ) -> None:
        """Record the checksums of rows left in the catalog, and in the folder the new snapshot."""
        try:
            with root.cursor() as cursor:
                cursor.execute("BEGIN")  # else each statement opens the catalog anew
                if writer.has_written:
                    inlined_checksums.record_checksums(cursor, self.kind)
                newest = folder_owner.read_snapshot(cursor, self.kind, writer.batch)
                cursor.execute("COMMIT")
        except duckdb.Error as error:  # the commit stands, and the next one does it
            log.warning("rows in the catalog have no checksum yet: %s", redacted(str(error)))
            return
        if newest is None:  # nothing was committed
            return
        try:
            folder_owner.write_mark(
                self.store,
                replace(mark, newest=newest, catalog=self._place, folder=self.store.root),
            )
        except LakeError as error:
            log.warning("the folder's mark is behind the catalog: %s", error.message)

    def _claim_folder(
        self, root: duckdb.DuckDBPyConnection, *, force: bool = False
    ) -> folder_owner.Mark:
        """Check that the data folder is this catalog's; mark it where it has no owner."""
        mark = folder_owner.read_mark(self.store)
        if mark and mark.lake == self._lake_id and not force:
            return mark
        with self._writer(root) as writer:
            self._place = folder_owner.find_place(writer.connection, self.kind, self.target)
            claimed = folder_owner.claim_folder(
                writer, self.store, mark, self._place, self.config.lake_catalog, force
            )
        # Only now: a mark with an id that no catalog has would lock every lake out.
        if claimed != mark:
            folder_owner.write_mark(self.store, claimed)
        self._lake_id = claimed.lake
        return claimed

    @contextmanager
    def at_rest(self) -> Iterator[View]:
        """Yield the newest snapshot while no writer commits: for copying the catalog."""
        with self._lock.turn("copy the catalog"), self.view(checked=False) as view:
            yield view

    def has_old_readers(self) -> bool:
        """Whether a reader who began before now could miss rows if the catalog forgot them."""
        with self._lock.turn("look for readers"), translated(self.config.lake_catalog):
            return has_old_readers(self.kind, self.target)

    @contextmanager
    def _transaction(
        self, root: duckdb.DuckDBPyConnection
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        cursor = root.cursor()
        try:
            with translated(self.config.lake_catalog):
                cursor.execute("BEGIN")
                cursor.execute(f"USE {NAME}")  # before BEGIN it would ask the catalog once more
                row = cursor.execute(f"FROM {NAME}.current_snapshot()").fetchone()
            try:
                with translated(self.config.lake_catalog):  # of SQL that uses the connection itself
                    yield cursor, int(row[0]) if row else 0
            except BaseException:
                cursor.interrupt()  # else ROLLBACK waits for a query that still runs
                with quietly():
                    cursor.execute("ROLLBACK")
                raise
            with translated(self.config.lake_catalog):
                cursor.execute("COMMIT")
        finally:
            cursor.close()

    # -- opening

    def connect(
        self,
        *,
        read_only: bool = False,
        snapshot: int | None = None,
        inline_rows: int = INLINE_ROWS,
        create: bool = False,
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with the lake attached and in use."""
        connection = duckdb.connect()
        try:
            with translated(self.config.lake_catalog):
                for statement in attach_statements(
                    self.config,
                    read_only=read_only,
                    snapshot=snapshot,
                    inline_rows=inline_rows,
                    create=create,
                ):
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_at(self, snapshot: int) -> duckdb.DuckDBPyConnection:
        if not 0 <= snapshot <= NEWEST_SNAPSHOT:
            raise InvalidRequest(f"there is no snapshot {snapshot}", SNAPSHOTS)
        return self.connect(read_only=True, snapshot=snapshot)

    def _open(self, create: bool) -> duckdb.DuckDBPyConnection:
        """Return the first connection; make a missing catalog, one process at a time."""
        path = Path(self.target) if self.kind == "sqlite" else None
        if not create:
            if path and not path.exists():
                raise LakeError(
                    f"there is no lake at {path}",
                    "make one with `bullion ingest`, or set BULLION_LAKE_CATALOG",
                    "there is no lake here",
                )
            return self.connect(read_only=self.read_only)
        if path:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LakeError(
                    f"cannot make a lake at {path}: {error}",
                    f"{permission_hint(path)}; or set BULLION_LAKE_CATALOG",
                ) from error
        try:
            return self.connect()
        except NoLake:
            with self._lock.turn("create"):
                # An SQLite file of more than its first page holds the tables of someone else.
                has_foreign_tables = path and path.exists() and path.stat().st_size > SQLITE_PAGE
                return self.connect(create=not has_foreign_tables)

    def _check_layout(self) -> None:
        """Bring the tables to those that are declared; refuse other ones for reading."""
        # By a statement of its own, which a view would put into a transaction; and unchecked: else
        # no query could find what is damaged.
        view = View(self._root, NEWEST_SNAPSHOT, self.config.lake_catalog)
        layout = migrations.read_layout(view)
        if self.read_only:
            if layout.has({fingerprint(self.tables)}):
                return
            raise LakeError(
                f"the tables of the lake at {self.target} are not those of this code",
                "older: `bullion status` brings them up to date; newer: restart this process "
                "with the code that wrote them",
                "the tables of the lake are not those of this code",
            )
        declared = migrations.fingerprints(self.tables)
        if layout.has(declared):
            return
        for step in migrations.STEPS:
            with self.write("layout") as writer:
                # Another process may have done it while this one waited for its turn.
                layout = migrations.read_layout(writer)
                if not layout.has(declared):
                    step(writer, layout)
