"""Compare rows value by value, to the last bit, and name the first value that differs."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from pipelines.core.errors import BullionError

MISSING = "no such row"
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """One value that is not what it was."""

    row: str  # of which table, and its key
    column: str
    published: Any
    reproduced: Any

    def __str__(self) -> str:
        return (
            f"{self.row}: {self.column} was {_text(self.published)}, and is now "
            f"{_text(self.reproduced)}"
        )


@dataclass
class Findings:
    """What a check of an audit found: how many rows it compared, and those that differ."""

    rows: int = 0
    left_out: int = 0  # that cannot be compared any more, as what they were made of has changed
    differences: list[str] = field(default_factory=list)


class DamagedAnswer(BullionError):
    """A raw answer in bronze is not what was received."""


def first_difference(
    table: str,
    published: pa.Table,
    reproduced: pa.Table,
    key: Sequence[str],
    ignored: Collection[str] = (),
) -> Difference | None:
    """Return the first value of the published rows that differs from the reproduced ones.

    Rows are looked at in the order of their keys, columns in the order of the published table;
    those of `ignored` are left out. A row that only one of both has differs as a whole.
    """
    return next(find_differences(table, published, reproduced, key, ignored), None)


def find_differences(
    table: str,
    published: pa.Table,
    reproduced: pa.Table,
    key: Sequence[str],
    ignored: Collection[str] = (),
) -> Iterator[Difference]:
    """Yield the first value that differs of each row."""
    rows, others = _by_key(published, key), _by_key(reproduced, key)
    columns = [name for name in published.column_names if name not in ignored]
    for values in sorted({*rows, *others}, key=_order):
        name = f"{table} {describe_key(values)}"
        if values not in rows or values not in others:
            here, there = ("a row", MISSING) if values in rows else (MISSING, "a row")
            yield Difference(name, "the whole row", here, there)
            continue
        row, other = rows[values], others[values]
        for column in columns:
            if not is_same(row[column], other.get(column)):
                yield Difference(name, column, row[column], other.get(column))
                break


def describe_key(values: Key) -> str:
    """Write a key as words."""
    return " ".join(_text(value) for value in values)


def is_same(value: Any, other: Any) -> bool:
    """Whether two values have the same bits; so NaN is the same as NaN, and 0.0 not as -0.0."""
    if isinstance(value, float) and isinstance(other, float):
        both_nan = value != value and other != other
        return both_nan or struct.pack("<d", value) == struct.pack("<d", other)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(is_same, value, other))
    return type(value) is type(other) and bool(value == other)


def _by_key(table: pa.Table, key: Sequence[str]) -> dict[Key, dict[str, Any]]:
    return {tuple(row[name] for name in key): row for row in table.to_pylist()}


def _order(values: Key) -> list[str]:
    return [value.isoformat() if isinstance(value, date) else str(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}".removesuffix(":00") + "Z"
    return value if isinstance(value, str) else repr(value)
