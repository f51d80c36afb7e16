"""What tests that share the cores with each other need not do each for itself.

DuckDB hashes its extensions at each LOAD, 0.2 s a connection, and wakes threads that only wait
for a core that the other worker has. Its optimizers take longer than they save on a few hundred
rows, and an instance of it takes longer to start than a lake to attach: tests/instance_pool.py
keeps them. Python looks for garbage in all that the imported libraries made, again and again.

`make torture`, `make test-integration` and a plain `pytest` are without this; and the tests of the
lake itself, in tests/lake, run with every optimizer: a wrong answer of one would be found there.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb

from tests.instance_pool import InstancePool, keep_instances

SHARED = "PYTEST_XDIST_WORKER" in os.environ
# The optimizers without which a query of a small lake costs more, or needs another plan.
NEEDED_OPTIMIZERS = {"filter_pushdown", "unused_columns", "unnest_rewriter", "deliminator"}
CONFIG = {"allow_unsigned_extensions": "true", "threads": "1"}
GARBAGE = (100_000, 20, 20)  # new objects before a look for garbage, and looks before a wider one
_connect = duckdb.connect
_disabled_optimizers = ""


def _sharing(
    database: str = ":memory:", *arguments: Any, **options: Any
) -> duckdb.DuckDBPyConnection:
    if database == ":memory:" and not arguments and not options:
        return _instances(_disabled_optimizers).connect()
    return _connect(database, *arguments, **options)


@cache
def _instances(disabled_optimizers: str) -> InstancePool:
    """Return the instances without these optimizers."""
    config = CONFIG | {"disabled_optimizers": disabled_optimizers}
    return InstancePool(lambda: _connect(config=config))


def _unneeded_optimizers() -> str:
    with _connect() as connection:
        names = connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()
    return ",".join(name for (name,) in names if name not in NEEDED_OPTIMIZERS)


@contextmanager
def with_every_optimizer() -> Iterator[None]:
    """Open DuckDB as production does, for as long as this lasts."""
    global _disabled_optimizers
    before, _disabled_optimizers = _disabled_optimizers, ""
    try:
        yield
    finally:
        _disabled_optimizers = before


def share_the_cores(*, every_optimizer: bool = False) -> None:
    """Make this process, and those it starts, one of several on the same cores."""
    global _disabled_optimizers
    if SHARED:
        _disabled_optimizers = "" if every_optimizer else _unneeded_optimizers()
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        gc.set_threshold(*GARBAGE)
        duckdb.connect = _sharing  # type: ignore[assignment]
        keep_instances()
