"""Which column of a file is which of ours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from pipelines.core.errors import SourceError
from pipelines.sources.files.read import Cells

SHOWN = 30  # columns in a sentence


def columns_of(
    table: Cells,
    told: Mapping[str, tuple[str, ...]],
    usual: Mapping[str, tuple[str, ...]],
    known: Sequence[str],
    needed: Sequence[str],
) -> dict[str, list[int]]:
    """The places of our columns in a file. Raises SourceError with what is there and what not."""
    plain = [_plain(name) for name in table.names]
    found: dict[str, list[int]] = {}
    for ours in known:
        if ours in told:
            found[ours] = [place_of(table, name, f"columns.{ours}") for name in told[ours]]
            continue
        for name in usual.get(ours, (ours,)):
            if name in plain:
                found[ours] = [place_of(table, table.names[plain.index(name)], f"columns.{ours}")]
                break
    # A column of dates with one of times beside it: together they are the time.
    if "ts" in found and "ts" not in told and "time" in plain and plain[found["ts"][0]] == "date":
        found["ts"].append(plain.index("time"))
    missing = [ours for ours in needed if ours not in found]
    if missing:
        close = difflib.get_close_matches(missing[0], plain, n=1, cutoff=0.5)
        like = table.names[plain.index(close[0])] if close else "<its name in the file>"
        raise SourceError(
            f"{table.path} has no column for {', '.join(missing)}; its columns are "
            f"{_listed(table.names)}",
            f"{f'did you mean {like!r}? ' if close else ''}Say which it is in the mapping with "
            f"'columns: {{{missing[0]}: {like}}}'; if the first line is data, list csv.names; "
            "if the cells are cut wrongly, set csv.delimiter",
        )
    return found


def place_of(table: Cells, name: str, key: str) -> int:
    """The place of the column that the mapping's `key` calls `name`."""
    places = [n for n, one in enumerate(table.names) if one == name]
    places = places or [n for n, one in enumerate(table.names) if one.casefold() == name.casefold()]
    if len(places) == 1:
        return places[0]
    close = difflib.get_close_matches(name, table.names, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]!r}? " if close and not places else ""
    raise SourceError(
        f"{table.path} has {'more than one' if places else 'no'} column {name!r}; "
        f"its columns are {_listed(table.names)}",
        f"{meant}Change {key} in the mapping, or csv.delimiter if the cells are cut wrongly",
    )


def _listed(names: Sequence[str]) -> str:
    """The names of a file's columns in a sentence, the first of them where they are many."""
    shown = ", ".join(name[:60] for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
