"""Bring the news of a topic from a source to silver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from pipelines.contracts.news import SILVER_NEWS
from pipelines.core import topics
from pipelines.core.errors import InvalidRequest
from pipelines.core.progress import Progress, no_progress
from pipelines.lake import Lake, Writer
from pipelines.landing.bronze import keep_answers
from pipelines.landing.news import NewsCounts, land_news
from pipelines.quality import checks
from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest, NewsSource, ParsedNews, RemembersAnswers
from pipelines.steps.data.pieces import (
    GIVE_UP_AFTER,
    describe_failures,
    finished_pieces,
    parsed_answers,
)

OLDEST = datetime(1900, 1, 1, tzinfo=UTC)  # news from before are refused, and that is counted
DEFAULT_NEWS_SPAN = timedelta(days=1)  # before the end, where no start is named


@dataclass
class NewsReport:
    """What an ingest of news did, in counts and in words."""

    source: str
    topic: str
    landed: NewsCounts = field(default_factory=NewsCounts)
    verdicts: list[checks.Verdict] = field(default_factory=list)
    resumed: int = 0  # pieces that an earlier run had brought already
    failures: list[str] = field(default_factory=list)
    unavailable: int = 0  # pieces in a row for which the source was down
    snapshot: int = 0  # of the last commit

    @property
    def counts(self) -> dict[str, int]:
        return self.landed.counts

    @property
    def status(self) -> str:
        if self.failures or any(verdict.blocks for verdict in self.verdicts):
            return "failed"
        return "ok"

    def summary(self) -> str:
        counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in self.counts.items())
        lines = [f"{self.source} news of {self.topic}: {counts}"]
        if self.landed.reasons:
            reasons = ", ".join(f"{n:,} {r}" for r, n in self.landed.reasons.most_common())
            lines.append(f"quarantined: {reasons}")
        if self.resumed:
            lines.append(f"{self.resumed} pieces were there already (--force asks again)")
        return "\n".join(lines)

    def enforce(self) -> None:
        """Raise for what went wrong, once everything good is committed."""
        if self.failures:
            raise describe_failures(self.failures)
        stories = self.landed.accepted + self.landed.replaced
        checks.enforce(self.verdicts, f"{stories:,} stories committed")


def ingest_news(
    lake: Lake,
    source: NewsSource,
    topic: str,
    start: datetime | None,
    end: datetime,
    *,
    as_of: datetime | None = None,
    run: str = "cli",
    force: bool = False,
    progress: Progress = no_progress,
) -> NewsReport:
    """Bring the stories of a topic that became known in [start, end) from a source to silver.

    Without a start it is all that the source has where that costs little, else the day before the
    end. Nothing later than `as_of` (default: now) is
    asked for. Each piece is a commit, so that a run that was stopped has lost one at most; a
    repeated run changes nothing.
    """
    topics.topic(topic)
    now = datetime.now(UTC)
    as_of = min(as_of or now, now)
    if start is None:
        start = OLDEST if source.whole_news else end - DEFAULT_NEWS_SPAN
    if end <= start:
        raise InvalidRequest(f"the range ends at {end}, before it starts at {start}")
    if start > as_of:
        raise InvalidRequest(f"the range starts at {start}, after {as_of:%Y-%m-%d %H:%M} UTC")
    request = NewsRequest(topic, start, min(end, as_of), as_of)
    report = NewsReport(source.name, topic)
    pieces = list(source.news_pieces(request))
    finished_names = set[str]()
    if source.resumes_news and not force:
        ends = {_name(piece): piece.end for piece in pieces}
        finished_names = finished_pieces(lake, source.name, "news", ends)
    progress("asking", 0, len(pieces))
    for number, piece in enumerate(pieces, 1):
        if _name(piece) in finished_names:
            report.resumed += 1
        elif report.unavailable >= GIVE_UP_AFTER:
            report.failures.append(f"{len(pieces) - number + 1} more pieces were not requested")
            break
        else:
            failures = len(report.failures)
            answers = list(
                parsed_answers(partial(source.fetch_news, piece), source.parse_news, report)
            )
            # A piece some of whose answers are missing is not finished: it is asked for again.
            name = _name(piece) + (" part" if len(report.failures) > failures else "")
            if answers:
                _commit(lake, report, piece, name, answers, run)
                if isinstance(source, RemembersAnswers):
                    source.news_committed([answer for answer, _ in answers])
        progress(f"{topic} {piece.start:%Y-%m-%d %H:%M}", number, len(pieces))
    report.verdicts = checks.merge_verdicts(
        [
            *report.verdicts,
            checks.some_stand(SILVER_NEWS.full_name, report.landed.received, report.landed.reasons),
        ]
    )
    if report.status != "ok" or not report.snapshot:
        with lake.write(f"news {source.name}") as writer:
            _record(writer, report, NewsCounts(), request, run)
            report.snapshot = writer.batch
    return report


def _commit(
    lake: Lake,
    report: NewsReport,
    piece: NewsRequest,
    name: str,
    answers: Sequence[tuple[Answer, ParsedNews]],
    run: str,
) -> None:
    """Land the answers of one piece, with the record of it, in one commit."""
    with lake.write(f"news {report.source}") as writer:
        keep_answers(writer, [(name, answer) for answer, _ in answers])
        landed, verdicts = land_news(writer, report.source, answers)
        if verdicts:
            writer.append("gold.checks", checks.as_table(verdicts, datetime.now(UTC)))
        report.landed.add(landed)
        report.verdicts = checks.merge_verdicts([*report.verdicts, *verdicts])
        _record(writer, report, landed, piece, run)
        report.snapshot = writer.batch


def _record(
    writer: Writer, report: NewsReport, landed: NewsCounts, request: NewsRequest, run: str
) -> None:
    """Write the run record in the commit of the rows that it is about."""
    bad = [verdict.detail for verdict in report.verdicts if not verdict.passed]
    row: dict[str, Any] = {
        "run": run,
        "step": "ingest_news",
        "source": report.source,
        "about": report.topic,
        "interval_start": request.start,
        "interval_end": request.end,
        "status": report.status,
        "counts": json.dumps(landed.counts | {"reasons": dict(landed.reasons)}),
        "message": "; ".join([*report.failures, *bad]) or None,
        "finished_at": datetime.now(UTC),
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))


def _name(piece: NewsRequest) -> str:
    return f"{piece.topic} news {piece.start.isoformat()} {piece.end.isoformat()}"
