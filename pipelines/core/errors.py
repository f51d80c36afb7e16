"""One family of errors: what was wrong, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class BullionError(Exception):
    """Something the user can act on. `hint` is the next action, in words.

    `summary` is the message for those who may not see this machine: it names no path and no host,
    and no more does the hint beside it.
    """

    def __init__(self, message: str, hint: str = "", summary: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.summary = summary

    def __str__(self) -> str:
        return f"{self.message}\n  Hint: {self.hint}" if self.hint else self.message


class InvalidRequest(BullionError):
    """The request itself is wrong: an unknown name, a reversed range, a time without a zone."""


class SourceError(BullionError):
    """A source could not answer, or answered something that is not an answer."""


class SourceUnavailable(SourceError):
    """The source is down, limits us, or timed out: asking again later may work."""


class LakeError(BullionError):
    """The lake cannot be opened, read or written."""


class CheckFailed(BullionError):
    """A blocking check failed: nothing downstream may use these rows."""


class CannotWrite(BullionError):
    """What a person asked for cannot be written to the folder that was named."""


class NothingToDo(BullionError):
    """There is nothing to do yet, and that is no failure: the task is skipped, visibly."""


def cannot_write(folder: Path, why: object) -> CannotWrite:
    """The error for a folder of results, such as one on a full disk."""
    return CannotWrite(
        f"cannot write to {folder}: {why}; what is there is not whole",
        "free some space or check the folder's permissions, or name another folder",
    )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Name the folder where writing fails: the error of a full disk names no file."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error.strerror or error) from error


def unknown(kind: str, name: str, known: Iterable[str]) -> InvalidRequest:
    """The error for a name that is not known, with the nearest ones that are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = "did you mean " + " or ".join(close) + "?"
    else:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        hint = f"known: {shown}"
    return InvalidRequest(f"unknown {kind} {name!r}", hint)
