"""What tests that share the cores with each other need not do each for itself.

DuckDB hashes its extensions at each LOAD, 0.2 s a connection, and wakes threads that only wait
for a core that the other worker has. Python looks for garbage in all that the imported libraries
made, again and again. `make torture`, `make test-integration` and a plain
`pytest` are without this.
"""

from __future__ import annotations

import gc
import os
from typing import Any

import duckdb

SHARED = "PYTEST_XDIST_WORKER" in os.environ
CONFIG = {"allow_unsigned_extensions": "true", "threads": "1"}
GARBAGE = (100_000, 20, 20)  # new objects before a look for garbage, and looks before a wider one
_connect = duckdb.connect


def _sharing(
    database: str = ":memory:", *arguments: Any, **options: Any
) -> duckdb.DuckDBPyConnection:
    if database == ":memory:" and not arguments and not options:
        options = {"config": CONFIG}
    return _connect(database, *arguments, **options)


def share_the_cores() -> None:
    """Make this process, and those it starts, one of several on the same cores."""
    if SHARED:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        gc.set_threshold(*GARBAGE)
        duckdb.connect = _sharing  # type: ignore[assignment]
