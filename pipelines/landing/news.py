"""Bring stories to bronze and silver: every version there, one trusted row per story here.

Silver is what bronze.news says, whatever the order in which its rows came. A verdict on a story
depends on the 24 hours before it alone, so a landing reads and writes only the days around the
stories that it changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.news import BRONZE_NEWS, SILVER_NEWS
from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import Writer
from pipelines.landing.languages import language_of
from pipelines.landing.near_titles import WINDOW, find_repeats
from pipelines.landing.relations import Scratch
from pipelines.landing.stories import (
    DETAILS,
    IS_FUTURE,
    SOURCE_FIELDS,
    Rejected,
    SettledStory,
    StoryVersion,
    bound_rows,
    judge_rows,
    settle_story,
    to_instants,
    to_time,
    write_original,
)
from pipelines.landing.versions import (
    VersionCounts,
    VersionedTable,
    find_new_versions,
    quarantine_versions,
    replace_rows,
    stamp_rows,
)
from pipelines.quality import checks
from pipelines.sentiment.tones import title_tones
from pipelines.sources.base import Answer
from pipelines.sources.news import STORIES, STORY_REJECTS, ParsedNews

NEWS_VERSIONS = VersionedTable(
    "news",
    BRONZE_NEWS.full_name,
    SILVER_NEWS.full_name,
    key=("story",),
    scope=("source",),
    identity=("story", *SOURCE_FIELDS, "is_future"),
    order="received_at, row",
    known_order="received_at",
    newer="k.received_at <= r.received_at",
)
MOST_ORIGINAL = 20_000  # characters of a rejected row
SILVER_COLUMNS = tuple(name for name in SILVER_NEWS.column_names if name != "batch")


@dataclass
class NewsCounts(VersionCounts):
    """What became of the stories received; off_topic rows are not among them."""

    off_topic: int = 0
    duplicates: int = 0  # of the accepted, those that repeat an earlier story
    corrections: int = 0  # later titles of known stories

    def add(self, other: VersionCounts) -> None:
        super().add(other)
        if isinstance(other, NewsCounts):
            self.off_topic += other.off_topic
            self.duplicates += other.duplicates
            self.corrections += other.corrections

    @property
    def counts(self) -> dict[str, int]:
        more = {name: getattr(self, name) for name in ("duplicates", "corrections", "off_topic")}
        return super().counts | more


def land_news(
    writer: Writer, source: str, pieces: Sequence[tuple[Answer, ParsedNews]]
) -> tuple[NewsCounts, list[checks.Verdict]]:
    """Append new versions to bronze, settle their stories in silver, and count what became."""
    rows = bound_rows(
        pa.concat_tables([_NO_ROWS, *(stamp_rows(p.stories.cast(STORIES), a) for a, p in pieces)])
    )
    rejects = pa.concat_tables(
        [_NO_REJECTS, *(stamp_rows(p.rejects.cast(STORY_REJECTS), a) for a, p in pieces)]
    )
    judgements = list(judge_rows(rows))
    counts = NewsCounts(
        rows.num_rows + rejects.num_rows, off_topic=sum(p.off_topic for _, p in pieces)
    )
    counts.reasons.update(j.reason for j in judgements if isinstance(j, Rejected))
    counts.reasons.update(rejects["reason"].to_pylist())
    counts.quarantined = counts.reasons.total()
    verdicts: list[checks.Verdict] = []
    with Scratch(writer.connection, writer.check_files) as scratch:
        new_rows, known_rows = _find_versions(writer, scratch, source, rows)
        if new_rows.num_rows:
            writer.append(NEWS_VERSIONS.bronze, new_rows)
        new_versions = [judgements[place] for place in new_rows["place"].to_pylist()]
        _quarantine(writer, scratch, source, new_rows, new_versions, rejects)
        fresh_versions = [version for version in new_versions if isinstance(version, StoryVersion)]
        before = _group_versions(judge_rows(known_rows))
        verdicts = _settle(writer, scratch, source, fresh_versions, before, counts)
    counts.replaced = len(fresh_versions) - counts.accepted
    counts.unchanged = counts.received - counts.quarantined - len(fresh_versions)
    return counts, verdicts


def _find_versions(
    writer: Writer, scratch: Scratch, source: str, rows: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that are new to bronze, and what it had of the stories received."""
    places = pa.array(np.arange(rows.num_rows))
    received_rows = scratch.arrow("received_rows", rows.append_column("place", places))
    stories = scratch.table(
        "known_stories",
        f"""SELECT DISTINCT coalesce(story, '') AS story FROM bronze.news
            WHERE source = ? AND coalesce(story, '') IN (
                SELECT coalesce(story, '') FROM {received_rows})""",
        [source],
    )
    # Most stories are new, and then the other columns of bronze need not be read.
    is_known = f"source = ? AND coalesce(story, '') IN (FROM {stories})"
    if not scratch.value(f"SELECT count(*) FROM {stories}"):
        is_known = "source = ? AND false"
    known_relation = scratch.table(
        "known_rows",
        f"SELECT *, {IS_FUTURE} AS is_future FROM bronze.news WHERE {is_known}",
        [source],
    )
    marked_rows = scratch.view(
        "marked_rows", f"SELECT *, {IS_FUTURE} AS is_future FROM {received_rows}"
    )
    new = find_new_versions(writer, NEWS_VERSIONS, marked_rows, known_relation)
    return (
        new.append_column("source", pa.repeat(pa.scalar(source), new.num_rows)).sort_by("place"),
        writer.sql(f"FROM {known_relation}"),
    )


def _quarantine(
    writer: Writer,
    scratch: Scratch,
    source: str,
    new_rows: pa.Table,
    judgements: Sequence[StoryVersion | Rejected],
    rejects: pa.Table,
) -> None:
    """Bring rejected rows, and those that were never read as stories, to quarantine."""
    reject_places = [place for place, j in enumerate(judgements) if isinstance(j, Rejected)]
    reasons = [j.reason for j in judgements if isinstance(j, Rejected)]
    rows = new_rows.take(pa.array(reject_places, pa.int64()))
    reject_rows = pa.table(
        {
            "ts": rows["published_at"],
            "reason": pa.array(reasons, pa.string()),
            "detail": pa.array([DETAILS[reason] for reason in reasons], pa.string()),
            "original": pa.array([write_original(row) for row in rows.to_pylist()], pa.string()),
            "row": rows["row"],
            "received_at": rows["received_at"],
        }
    )
    unread_rows = rejects.rename_columns(
        ["ts" if n == "published_at" else n for n in rejects.column_names]
    )
    original = pc.utf8_slice_codeunits(unread_rows["original"], 0, MOST_ORIGINAL)
    original = pc.replace_substring(original, "\0", "\ufffd")
    unread_rows = unread_rows.set_column(
        unread_rows.column_names.index("original"), "original", original
    )
    unread_rows = unread_rows.select(reject_rows.column_names)
    table = pa.concat_tables([reject_rows.cast(unread_rows.schema), unread_rows])
    table = table.append_column("symbol", pa.nulls(table.num_rows, pa.string()))
    quarantine_versions(writer, scratch, NEWS_VERSIONS, source, table)


def _group_versions(
    versions: Iterable[StoryVersion | Rejected],
) -> dict[str, list[StoryVersion]]:
    groups: dict[str, list[StoryVersion]] = {}
    for version in versions:
        if isinstance(version, StoryVersion):
            groups.setdefault(version.story, []).append(version)
    return groups


def _settle(
    writer: Writer,
    scratch: Scratch,
    source: str,
    fresh_versions: Sequence[StoryVersion],
    before: dict[str, list[StoryVersion]],
    counts: NewsCounts,
) -> list[checks.Verdict]:
    """Bring silver to what the new versions say, and count; return the checks of its rows."""
    if not fresh_versions:
        return []
    groups = _group_versions(fresh_versions)
    new_stories = [settle_story([*before.get(s, ()), *versions]) for s, versions in groups.items()]
    old_stories = [settle_story(before[story]) for story in groups if story in before]
    counts.accepted = len(new_stories) - len(old_stories)
    counts.corrections = sum(s.corrections for s in new_stories) - sum(
        s.corrections for s in old_stories
    )
    is_new = {story for story in groups if story not in before}
    rows = settle_rows(writer, scratch, source, new_stories, old_stories)
    repeating_stories = rows.filter(pc.is_valid(rows["duplicate_of"]))["story"].to_pylist()
    counts.duplicates = len(is_new.intersection(repeating_stories))
    relation = scratch.arrow("settled_rows", rows)
    return checks.contract_checks(writer.connection, SILVER_NEWS, relation, ("source",))


def settle_rows(
    writer: Writer,
    scratch: Scratch,
    source: str,
    new_stories: Sequence[SettledStory],
    old_stories: Sequence[SettledStory],
) -> pa.Table:
    """Put stories into silver in place of what it has of them, and judge repetitions anew.

    `old_stories` is what silver had of these stories, and of others that it is to have no more.
    Returns the rows written.
    """
    times = np.unique([story.first.known_at for story in (*new_stories, *old_stories)])
    stories = {story.first.story for story in (*new_stories, *old_stories)}
    around = _read_around(writer, scratch, source, times, stories)
    rows = pa.concat_tables([around, _silver_rows(source, new_stories)])
    order = pc.sort_indices(rows, sort_keys=[("known_at", "ascending"), ("story", "ascending")])
    rows = rows.take(order)
    is_fresh = np.asarray(order) >= around.num_rows
    known_at = np.asarray(rows["known_at"].cast(pa.int64()))
    # The verdict on a story depends on the window before it, its repeats on the window after it.
    is_judged = is_fresh | _is_near(known_at, times, after=WINDOW, before=0)
    is_counted = is_fresh | _is_near(known_at, times, after=WINDOW, before=WINDOW)
    names = np.array(rows["story"].to_pylist(), object)
    repeats_of = find_repeats(known_at, rows["title"].to_pylist(), is_judged)
    old_duplicates = np.array(rows["duplicate_of"].to_pylist(), object)
    duplicates = np.where(
        is_judged, np.where(repeats_of >= 0, names[repeats_of], None), old_duplicates
    )
    old_repeats = np.asarray(rows["repeats"])
    number = Counter(name for name in duplicates if name is not None)
    repeats = np.where(is_counted, [number[name] for name in names], old_repeats)
    is_changed = is_fresh | (duplicates != old_duplicates) | (repeats != old_repeats)
    place = rows.schema.get_field_index
    rows = rows.set_column(place("duplicate_of"), "duplicate_of", pa.array(duplicates, pa.string()))
    rows = rows.set_column(place("repeats"), "repeats", pa.array(repeats, pa.int32()))
    rows = rows.filter(pa.array(is_changed))
    rows = rows.append_column("batch", pa.repeat(pa.scalar(writer.batch), rows.num_rows))
    keys = pa.table({"story": sorted({*stories, *rows["story"].to_pylist()})})
    span = [source, to_time(int(times[0]) - WINDOW), to_time(int(times[-1]) + 2 * WINDOW)]
    # By their times too, so that most of the files need not be read.
    where = "known_at BETWEEN ? AND ?"
    replace_rows(writer, scratch, NEWS_VERSIONS, span, rows, keys, where)
    return rows


def _is_near(known_at: np.ndarray, times: np.ndarray, *, after: int, before: int) -> np.ndarray:
    """Whether an instant lies at most so long after, or before, one of some times, in order."""
    place = np.searchsorted(times, known_at, side="right")
    is_after = known_at - times[np.maximum(place - 1, 0)] <= after
    is_before = times[np.minimum(place, len(times) - 1)] - known_at <= before
    return np.where(place > 0, is_after, False) | np.where(place < len(times), is_before, False)


def _read_around(
    writer: Writer, scratch: Scratch, source: str, times: np.ndarray, stories: set[str]
) -> pa.Table:
    """Read the other stories that these times can change, and those that decide on them."""
    starts, ends = times - WINDOW, times + 2 * WINDOW
    begins = np.flatnonzero(np.r_[True, starts[1:] > ends[:-1]])  # of spans that do not touch
    lasts = np.r_[begins[1:] - 1, len(times) - 1]
    spans = pa.table(
        {"since": to_instants(starts[begins].tolist()), "until": to_instants(ends[lasts].tolist())}
    )
    names = ", ".join(f"n.{name}" for name in SILVER_COLUMNS)
    others = scratch.arrow("settled_stories", pa.table({"story": sorted(stories)}))
    return writer.sql(
        f"""SELECT {names} FROM silver.news n
            JOIN {scratch.arrow("spans", spans)} s ON n.known_at BETWEEN s.since AND s.until
            ANTI JOIN {others} o USING (story)
            WHERE n.source = ? AND n.known_at BETWEEN ? AND ?""",
        [source, to_time(int(starts[0])), to_time(int(ends[-1]))],
    ).cast(_SILVER_SCHEMA)


def _silver_rows(source: str, new_stories: Sequence[SettledStory]) -> pa.Table:
    """Return the stories as rows of silver, not yet judged as repetitions."""
    firsts = [story.first for story in new_stories]
    titles = [first.title for first in firsts]
    columns = {
        "source": [source] * len(new_stories),
        **{name: [getattr(f, name) for f in firsts] for name in ("story", "url", "title")},
        **{name: [getattr(f, name) for f in firsts] for name in ("summary", "outlet")},
        "language": [language_of(first.language, first.title) for first in firsts],
        "published_at": to_instants([first.published_at for first in firsts]),
        "known_at": to_instants([first.known_at for first in firsts]),
        "received_at": to_instants([first.received_at for first in firsts]),
        "symbols": [list(story.symbols) for story in new_stories],
        "topics": [list(story.topics) for story in new_stories],
        "duplicate_of": [None] * len(new_stories),
        "repeats": [0] * len(new_stories),
        "corrections": [story.corrections for story in new_stories],
        "corrected_title": [story.corrected_title for story in new_stories],
        "corrected_at": to_instants([story.corrected_at for story in new_stories]),
        **title_tones(titles),
    }
    return pa.table([columns[name] for name in SILVER_COLUMNS], schema=_SILVER_SCHEMA)


def withdraw_news(writer: Writer, source: str, batch: int) -> int:
    """Delete the versions of a batch; silver becomes what the others say. Returns their number."""
    key = [source, batch]
    stories = "SELECT story FROM bronze.news WHERE source = ? AND batch = ?"
    before = _read_versions(writer, stories, [source, *key])
    names = sorted(before)
    count = writer.delete("bronze.news", "source = ? AND batch = ?", key)
    if not before:
        return count
    after = _read_versions(writer, "SELECT unnest(?)", [source, names])
    new_stories = [settle_story(versions) for versions in after.values()]
    with Scratch(writer.connection, writer.check_files) as scratch:
        old_stories = [settle_story(versions) for versions in before.values()]
        settle_rows(writer, scratch, source, new_stories, old_stories)
    return count


def _read_versions(
    writer: Writer, stories: str, parameters: list[object]
) -> dict[str, list[StoryVersion]]:
    """Return the versions that bronze has of the stories that a query names."""
    query = f"FROM bronze.news WHERE source = ? AND story IN ({stories})"
    return _group_versions(judge_rows(writer.sql(query, parameters)))


_NO_ROWS = STORIES.empty_table().append_column("received_at", pa.array([], UTC_TYPE))
_NO_REJECTS = STORY_REJECTS.empty_table().append_column("received_at", pa.array([], UTC_TYPE))
_TYPES = {
    "VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "TIMESTAMPTZ": UTC_TYPE,
    "INTEGER": pa.int32(), "DOUBLE": pa.float64(),
}  # fmt: skip
_SILVER_SCHEMA = pa.schema(
    [(name, _TYPES[SILVER_NEWS.column(name).type]) for name in SILVER_COLUMNS]
)
