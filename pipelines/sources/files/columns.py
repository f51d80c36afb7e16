"""Match the columns of a file with ours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol

from pipelines.core.errors import SourceError


class Columns(Protocol):
    """A table whose columns have names."""

    path: str
    names: list[str]


SHOWN = 30  # columns in a sentence


def columns_of(
    table: Columns,
    declared: Mapping[str, tuple[str, ...]],
    usual: Mapping[str, tuple[str, ...]],
    columns: Sequence[str],
    needed: Sequence[str],
) -> dict[str, list[int]]:
    """Find the positions of our columns in a file; raise SourceError if one is missing."""
    normalized = [normalize(name) for name in table.names]
    places: dict[str, list[int]] = {}
    for column in columns:
        if column in declared:
            places[column] = [
                place_of(table, name, f"columns.{column}") for name in declared[column]
            ]
            continue
        for name in usual.get(column, (column,)):
            if name in normalized:
                places[column] = [
                    place_of(table, table.names[normalized.index(name)], f"columns.{column}")
                ]
                break
    # A column of dates and a column of times: together they are the time.
    if (
        "ts" in places
        and "ts" not in declared
        and "time" in normalized
        and normalized[places["ts"][0]] == "date"
    ):
        places["ts"].append(normalized.index("time"))
    missing = [column for column in needed if column not in places]
    if missing:
        close = difflib.get_close_matches(missing[0], normalized, n=1, cutoff=0.5)
        nearest = table.names[normalized.index(close[0])] if close else "<its name in the file>"
        raise SourceError(
            f"{table.path} has no column for {', '.join(missing)}; its columns are "
            f"{_list_names(table.names)}",
            f"{f'did you mean {nearest!r}? ' if close else ''}Say which it is in the mapping with "
            f"'columns: {{{missing[0]}: {nearest}}}'; if the first line is data, list csv.names; "
            "if the cells are cut wrongly, set csv.delimiter",
        )
    return places


def place_of(table: Columns, name: str, key: str) -> int:
    """Return the position of the column `name`, which the mapping names under `key`."""
    name = name.strip()
    names = [other.strip() for other in table.names]
    places = [n for n, other in enumerate(names) if other == name]
    places = places or [n for n, other in enumerate(names) if other.casefold() == name.casefold()]
    if len(places) == 1:
        return places[0]
    close = difflib.get_close_matches(name, table.names, n=1, cutoff=0.5)
    suggestion = f"did you mean {close[0]!r}? " if close and not places else ""
    raise SourceError(
        f"{table.path} has {'more than one' if places else 'no'} column {name!r}; "
        f"its columns are {_list_names(table.names)}",
        f"{suggestion}Change {key} in the mapping, or csv.delimiter if the cells are cut wrongly",
    )


def _list_names(names: Sequence[str]) -> str:
    """List the names of a file's columns for a message; of many only the first."""
    listing = ", ".join(name[:60] for name in names[:SHOWN])
    return f"{listing} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else listing


def normalize(name: str) -> str:
    """Return a column's name without case, blanks and signs."""
    return "".join(char for char in name.casefold() if char.isalnum())
