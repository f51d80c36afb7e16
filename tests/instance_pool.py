"""DuckDB instances that one connection leaves to the next.

To start DuckDB and to load its extensions takes 16 ms of a core, 40 % of opening a lake, and the
tests open thousands. So `connect` gives a connection of an instance that runs already, with an
empty database of its own. When it is closed, all that it attached is detached, which closes the
files, and the instance waits for the next connection.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import duckdb

Connection = duckdb.DuckDBPyConnection
OWN = "own"  # the database of one connection, in memory
_close = Connection.close


class InstancePool:
    """Instances of one configuration, each for one connection and its cursors at a time."""

    def __init__(self, start: Callable[[], Connection]) -> None:
        self._start = start
        self._idle: list[Connection] = []

    def __len__(self) -> int:
        """Return how many instances wait for a connection."""
        return len(self._idle)

    def connect(self) -> Connection:
        """Return a connection of an instance that no other connection uses."""
        instance = self._idle.pop() if self._idle else self._start()
        connection = instance.cursor()
        connection.execute(f"ATTACH ':memory:' AS {OWN}; USE {OWN}")
        number = id(connection)
        _used[number] = (self, instance, weakref.ref(connection, lambda _: _forget(number)))
        return connection

    def take_back(self, instance: Connection) -> None:
        """Keep an instance whose connection was closed; close it where it does not work."""
        try:
            databases = instance.execute(
                "SELECT database_name FROM duckdb_databases() "
                "WHERE NOT internal AND database_name <> 'memory'"
            ).fetchall()
            for (name,) in databases:
                instance.execute(f'DETACH DATABASE IF EXISTS "{name}"')
        except duckdb.Error:
            _close(instance)
        else:
            self._idle.append(instance)


# The instances in use, by the connection that has each.
_used: dict[int, tuple[InstancePool, Connection, weakref.ref[Connection]]] = {}


def _forget(number: int) -> None:
    _used.pop(number, None)  # a connection that nobody closed takes its instance with it


def _close_and_keep(connection: Connection, *_: object) -> None:
    pool, instance, _reference = _used.pop(id(connection), (None, None, None))
    _close(connection)
    if pool is not None and instance is not None:
        pool.take_back(instance)


def keep_instances() -> None:
    """Let connections that are closed give their instances back."""
    Connection.close = _close_and_keep  # type: ignore[assignment, method-assign]
    Connection.__exit__ = _close_and_keep  # type: ignore[assignment, method-assign]
