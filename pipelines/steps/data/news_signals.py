"""Refresh gold.news_signals: the windows of a run, and those that later stories have changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake, View, Writer
from pipelines.sentiment.base import SentimentModel
from pipelines.sentiment.windows import (
    EVERY,
    LENGTH,
    Stories,
    summarize_windows,
    window_ends,
    windows_of,
)

TABLE = "gold.news_signals"
LONGEST = timedelta(days=3660)  # of a run's range
# What a window says; the other columns say whose window it is, and when that was written.
FIGURES = (
    "article_count", "avg_sentiment", "signal_strength", "trading_signal", "quality_score",
    "positive", "negative", "neutral", "newest_age_seconds", "sentiment_model", "sentiment_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class NewsSignalsReport:
    """What became of the windows that were due."""

    topic: str
    added: int = 0
    replaced: int = 0  # rows that were not live
    restated: int = 0  # live rows that stay, with a later version beside them
    unchanged: int = 0
    unscored: int = 0  # stories without a sentiment, which count in no window

    @property
    def counts(self) -> dict[str, int]:
        names = ("added", "replaced", "restated", "unchanged", "unscored")
        return {name: getattr(self, name) for name in names}

    def summary(self) -> str:
        """Say what became of the windows."""
        text = (
            f"news signals of {self.topic}: {self.added:,} windows added, {self.replaced:,}"
            f" recomputed, {self.restated:,} stand restated beside what was live,"
            f" {self.unchanged:,} unchanged"
        )
        if self.unscored:
            text += (
                f"; {self.unscored:,} stories have no sentiment yet: score them and run it again"
            )
        return text


def refresh_news_signals(
    lake: Lake,
    source: str,
    topic: str,
    start: datetime,
    end: datetime,
    *,
    model: SentimentModel,
    asked_model: str = "",
    now: datetime | None = None,
    run: str = "cli",
) -> NewsSignalsReport:
    """Compute the windows of a topic that end after `start`, up to `end`, and have ended.

    Windows that stand are computed again only where a story in them is new or has changed, those
    of other ranges too. A row that was live stays as it is: what it would say now is written
    beside it, as a version known from now on. `asked_model` is that of the setting, where `model`
    speaks instead of it.
    """
    at = utc(now) if now else datetime.now(UTC)
    first, last = utc(start), min(utc(end), at)
    if utc(end) <= first:
        raise InvalidRequest(f"the range starts at {first} and ends at {end}", "turn it round")
    if last - first > LONGEST:
        raise InvalidRequest(
            f"a range of {(last - first).days:,} days", f"name at most {LONGEST.days:,} at a time"
        )
    with lake.write(f"news signals {topic}") as writer:
        key = [source, topic]
        changed_ends = _changed_ends(writer, source, topic)
        in_range = window_ends(first, last)
        standing_rows = _standing_rows(writer, key, [*in_range, *changed_ends])
        standing_ends = set(standing_rows["window_end"].to_pylist())
        due_ends = {end for end in in_range if end not in standing_ends}
        due_ends |= {end for end in changed_ends if end in standing_ends or first < end <= last}
        due_ends = {end for end in due_ends if end <= at}
        report = NewsSignalsReport(topic)
        if due_ends:
            ends = sorted(due_ends)
            windows, unscored = summarize_stories(writer, source, topic, ends, model.sha256)
            rows = _build_rows(windows, source, topic, model, asked_model)
            report = _write(writer, key, rows, standing_rows, at, unscored)
        if due_ends or changed_ends:
            state = {"source": source, "topic": topic, "followed": writer.snapshot}
            where = "source = ? AND topic = ?"
            writer.replace("meta.news_state", pa.Table.from_pylist([state]), where, key)
            _record(writer, report, source, (first, last), run)
    return report


# What a version of a story says of when it became known: the newest of these is its known_at.
_VERSIONS = """
    SELECT least(greatest(coalesce(b.seen_at, b.published_at, b.received_at), b.published_at),
                 b.received_at) AS known_at
    FROM bronze.news b WHERE b.source = ? AND b.story IN (SELECT story FROM changed)"""


def _changed_ends(view: View, source: str, topic: str) -> list[datetime]:
    """Return the windows of stories that came, changed or were scored since the last run.

    An earlier version of a story moves it to other windows; those in which it counted before are
    found by all its versions.
    """
    followed = view.one(
        "SELECT followed FROM meta.news_state WHERE source = ? AND topic = ?", [source, topic]
    )
    rows = view.rows(
        f"""WITH changed AS (
                SELECT n.story, n.known_at FROM silver.news n
                LEFT JOIN gold.news_sentiment s ON s.source = n.source AND s.story = n.story
                WHERE n.source = ? AND list_contains(n.topics, ?)
                AND greatest(n.batch, coalesce(s.batch, 0)) > ?)
            SELECT DISTINCT time_bucket(INTERVAL 1 SECOND, known_at) FROM (
                SELECT known_at FROM changed UNION ALL {_VERSIONS})""",
        [source, topic, followed or 0, source],
    )
    ends: set[datetime] = set()
    for (known_at,) in rows:
        # Cut to a second: the window that it ends may be the one before.
        moment = known_at.astimezone(UTC)
        ends.update(windows_of(moment), windows_of(moment + timedelta(seconds=1)))
    return sorted(ends)


def _standing_rows(view: View, key: Sequence[object], ends: Sequence[datetime]) -> pa.Table:
    """Read the newest version of each window that stands, and whether any of it was live."""
    if not ends:
        ends = [datetime(1970, 1, 1, tzinfo=UTC)]
    return view.sql(
        f"""SELECT * EXCLUDE (live), bool_or(live) OVER (PARTITION BY window_end) AS was_live
            FROM {TABLE} WHERE source = ? AND topic = ? AND window_end BETWEEN ? AND ?
            AND window_end IN (SELECT unnest(?))
            QUALIFY row_number() OVER (PARTITION BY window_end ORDER BY known_at DESC) = 1""",
        [*key, min(ends), max(ends), list(ends)],
    )


def summarize_stories(
    view: View, source: str, topic: str, ends: Sequence[datetime], sentiment_sha256: str
) -> tuple[pa.Table, int]:
    """Summarize the stories of windows, by what a sentiment model said of them.

    Returns also how many stories it has not scored.
    """
    stories, unscored = _read_stories(view, source, topic, ends, sentiment_sha256)
    return summarize_windows(stories, ends), unscored


def _read_stories(
    view: View, source: str, topic: str, ends: Sequence[datetime], sentiment_sha256: str
) -> tuple[Stories, int]:
    """Read the stories of the windows that are due; count those that the model has not scored."""
    rows = view.sql(
        """SELECT n.known_at, n.outlet, n.published_at, s.positive, s.negative, s.neutral
           FROM silver.news n LEFT JOIN gold.news_sentiment s
             ON s.source = n.source AND s.story = n.story AND s.sentiment_sha256 = ?
           WHERE n.source = ? AND n.known_at > ? AND n.known_at <= ?
           AND list_contains(n.topics, ?) AND n.duplicate_of IS NULL
           ORDER BY n.known_at, n.story""",
        [sentiment_sha256, source, ends[0] - LENGTH, ends[-1], topic],
    )
    scored = rows.filter(pc.is_valid(rows["positive"]))
    stories = Stories(
        scored["known_at"].to_numpy().astype("datetime64[us]"),
        np.stack([scored[n].to_numpy() for n in ("positive", "negative", "neutral")], axis=1),
        pc.fill_null(scored["outlet"], "").to_numpy(zero_copy_only=False),
        pc.is_valid(scored["published_at"]).to_numpy(zero_copy_only=False),
    )
    return stories, rows.num_rows - scored.num_rows


def _build_rows(
    windows: pa.Table, source: str, topic: str, model: SentimentModel, asked_model: str
) -> pa.Table:
    """Add to windows whose they are, which model spoke, and which one was asked for."""
    for name, value in (
        ("source", source),
        ("topic", topic),
        ("sentiment_model", model.name),
        ("sentiment_version", model.version),
        ("asked_model", asked_model or model.name),
        ("sentiment_sha256", model.sha256),
    ):
        column = pa.repeat(pa.scalar(value, pa.string()), windows.num_rows)
        windows = windows.append_column(name, column)
    return windows


def _write(
    writer: Writer,
    key: Sequence[object],
    rows: pa.Table,
    standing_rows: pa.Table,
    at: datetime,
    unscored: int,
) -> NewsSignalsReport:
    """Write the windows that differ from what stands; live rows stay."""
    before = {row["window_end"]: row for row in standing_rows.to_pylist()}
    # The places of the rows, by what becomes of them.
    new_rows, replacements, restatements, unchanged = [], [], [], 0
    for place, row in enumerate(rows.to_pylist()):
        row_before = before.get(row["window_end"])
        if row_before is None:
            new_rows.append(place)
        elif all(row_before[name] == row[name] for name in FIGURES):
            unchanged += 1
        elif row_before["was_live"]:
            restatements.append(place)
        else:
            replacements.append(place)
    if replacements:
        ends = rows["window_end"].take(replacements).to_pylist()
        where = "source = ? AND topic = ? AND window_end IN (SELECT unnest(?))"
        writer.delete(TABLE, where, [*key, ends])
    for places, is_restated in ((new_rows + replacements, False), (restatements, True)):
        if places:
            writer.append(TABLE, _with_times(rows.take(places), at, is_restated=is_restated))
    return NewsSignalsReport(
        str(key[1]), len(new_rows), len(replacements), len(restatements), unchanged, unscored
    )


def _with_times(rows: pa.Table, at: datetime, *, is_restated: bool) -> pa.Table:
    """Add when rows are known, whether they are live, and when they were computed."""
    now = pa.scalar(at, UTC_TYPE)
    ends = rows["window_end"].cast(UTC_TYPE)
    computed_at = pa.repeat(now, rows.num_rows)
    deadline = pc.add(ends, pa.scalar(EVERY, pa.duration("us")))
    is_live = pc.and_(pc.less(computed_at, deadline), pa.scalar(not is_restated))
    return (
        rows.append_column("known_at", computed_at if is_restated else ends)
        .append_column("live", is_live)
        .append_column("computed_at", computed_at)
    )


def _record(
    writer: Writer,
    report: NewsSignalsReport,
    source: str,
    span: tuple[datetime, datetime],
    run: str,
) -> None:
    row = {
        "run": run,
        "step": "news_signals",
        "source": source,
        "about": report.topic,
        "interval_start": span[0],
        "interval_end": span[1],
        "status": "warned" if report.unscored else "ok",
        "counts": json.dumps(report.counts),
        "message": report.summary(),
        "finished_at": datetime.now(UTC),
    }
    writer.append("gold.runs", pa.Table.from_pylist([row]))
