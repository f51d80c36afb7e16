"""One family of errors: what was wrong, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class BullionError(Exception):
    """An error that the user can act on. `hint` says in words what to do next.

    `summary` is the message for readers who may not see this machine: it names no path and no
    host. An error with a summary has a hint without them, too.
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


class InvalidField(InvalidRequest):
    """A request of which one field is at fault."""

    def __init__(self, message: str, hint: str, field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class SourceError(BullionError):
    """A source did not answer, or its answer cannot be read."""


class SourceUnavailable(SourceError):
    """The source is down, limits our requests, or timed out: a later request may work."""


class AccessRefused(SourceError):
    """The source does not accept our key: no other request can work until it is corrected."""


class UnknownSymbol(SourceError):
    """The source does not have this symbol, whatever span is asked for."""


class LakeError(BullionError):
    """The lake cannot be opened, read or written."""


class CheckFailed(BullionError):
    """A blocking check failed: nothing downstream may use these rows."""


class CannotWrite(BullionError):
    """Results cannot be written to the folder that the user named."""


class MissingLibrary(BullionError):
    """An optional library is needed that is not installed."""


def missing_library(library: str, command: str) -> MissingLibrary:
    return MissingLibrary(
        f"{library} is not installed: {command}",
        "run it once; all that does not need the library goes on without it",
    )


class NothingToDo(BullionError):
    """There is nothing to do yet. This is not a failure: the task is shown as skipped."""


def cannot_write(folder: Path, reason: object) -> CannotWrite:
    """Return the error for a folder that cannot be written, for example on a full disk."""
    return CannotWrite(
        f"cannot write to {folder}: {reason}; what is there is not whole",
        "free some space or check the folder's permissions, or name another folder",
    )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Add the folder's name to errors of writing: the error of a full disk names no file."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error.strerror or error) from error


def unknown(kind: str, name: str, known: Iterable[str]) -> InvalidRequest:
    """Return the error for an unknown name; its hint has the nearest known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = "did you mean " + " or ".join(close) + "?"
    else:
        listing = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        hint = f"known: {listing}"
    return InvalidRequest(f"unknown {kind} {name!r}", hint)
