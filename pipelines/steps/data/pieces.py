"""The pieces of a request: which of them an earlier run brought, and the answers of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from pipelines.core.errors import (
    AccessRefused,
    InvalidRequest,
    SourceError,
    SourceUnavailable,
)
from pipelines.lake import Lake
from pipelines.sources.base import Answer

GIVE_UP_AFTER = 3  # pieces in a row for which the source was down
RESUME_WITHIN = timedelta(hours=6)  # later, as corrections may have come, all is requested again

ParsedAnswer = TypeVar("ParsedAnswer")


class Failures(Protocol):
    """A report that takes what went wrong, so that a piece never stops the others."""

    failures: list[str]
    unavailable: int  # pieces in a row for which the source was down


def parsed_answers(
    fetch: Callable[[], Iterator[Answer]], parse: Callable[[Answer], ParsedAnswer], report: Failures
) -> Iterator[tuple[Answer, ParsedAnswer]]:
    """Fetch and parse the answers of a piece; those that cannot be used go to the failures."""
    try:
        for answer in fetch():
            try:
                yield answer, parse(answer)
            except (SourceError, InvalidRequest) as error:  # such as times without a zone
                report.failures.append(str(error))
        report.unavailable = 0
    except SourceError as error:
        report.failures.append(str(error))
        report.unavailable += isinstance(error, SourceUnavailable)
        if isinstance(error, AccessRefused):  # asking on with a wrong key helps nobody
            report.unavailable = GIVE_UP_AFTER


def finished_pieces(lake: Lake, source: str, kind: str, ends: Mapping[str, datetime]) -> set[str]:
    """Find the pieces, by name and end, that a run of the last hours brought after their end."""
    answers = lake.rows(
        "SELECT piece, min(received_at) FROM bronze.answers "
        "WHERE source = ? AND kind = ? AND received_at > ? GROUP BY piece",
        [source, kind, datetime.now(UTC) - RESUME_WITHIN],
    )
    received_at = dict(answers)
    return {name for name, end in ends.items() if name in received_at and end < received_at[name]}


def describe_failures(failures: list[str]) -> SourceError:
    """Return the error of a run some of whose answers could not be used."""
    return SourceError(
        f"{len(failures)} of the answers could not be used:\n  " + "\n  ".join(failures),
        "what could be used was committed; mend these and run the same command again",
    )
