"""Write a schema of the lake as plain files, for tools that cannot read DuckLake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.contracts.tables import quoted
from pipelines.core.errors import InvalidRequest, cannot_write, unknown
from pipelines.lake.door import Lake


def export_schema(
    lake: Lake, folder: Path, *, schema: str = "gold", snapshot: int | None = None
) -> Iterator[tuple[str, int]]:
    """Write every table of a schema, all of one snapshot: (name, rows) as each is done."""
    schemas = sorted({table.schema for table in lake.tables})
    if schema not in schemas:
        raise unknown("schema", schema, schemas)
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"{folder} is a file", "name a folder that is not there yet")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequest(f"{folder} is not empty", "name a folder that is not there yet")
    folder = folder.absolute()  # as DuckDB's errors name its files
    parquet = folder / schema
    try:
        parquet.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"cannot make {parquet}: {error}", "name another folder") from error
    with (
        lake.view(snapshot) as view,
        _writing_to(folder),
        duckdb.connect(str(folder / f"{schema}.duckdb")) as single,
    ):
        names = view.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND table_catalog = 'lake' ORDER BY table_name",
            [schema],
        )
        for (name,) in names:
            file = parquet / f"{name}.parquet"
            location = str(file).replace("'", "''")
            view.connection.execute(
                f"COPY (SELECT * FROM {schema}.{quoted(name)}) TO '{location}' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            single.execute(f"CREATE TABLE {quoted(name)} AS FROM read_parquet('{location}')")
            rows = single.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
            yield f"{schema}.{name}", int(rows[0]) if rows else 0
        single.execute("CHECKPOINT")  # else a full disk could lose rows silently


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Raise DuckDB's errors about files of the folder as CannotWrite; pass on all others."""
    try:
        yield
    except duckdb.Error as error:
        if str(folder) in str(error):
            raise cannot_write(folder, error) from None
        raise
