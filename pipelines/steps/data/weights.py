"""Bring the weights of an index from a source, or from a holdings file, to silver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core import universes
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.lake import Lake
from pipelines.landing import land_weights
from pipelines.landing.bronze import keep_answers
from pipelines.landing.versions import COUNTS
from pipelines.scoring.weights import find_age_warning
from pipelines.sources.base import Answer, Source
from pipelines.sources.files import holdings
from pipelines.sources.files.weights import WHOLE

CURRENT = timedelta(days=1)  # a holdings file stands in for a source no longer ago than this
NAMED_STRANGERS = 5


@dataclass(frozen=True)
class WeightsReport:
    """What became of the weights received: the other counts add up to them."""

    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in self.counts.items())
        return "\n".join([counts, *self.notes])


def ingest_weights(
    lake: Lake,
    source: Source,
    universe: str,
    *,
    as_of: datetime | None = None,
    run: str = "cli",
    use_holdings: bool = True,
) -> WeightsReport:
    """Bring the weights of a universe's index to silver, as they were known at `as_of`.

    A holdings file is read instead of the source, but for a time that is past: what it says now
    was not known then.
    """
    declared = universes.universe(universe)
    if declared.stands_alone:
        raise InvalidRequest(
            f"{universe} is one symbol, which weighs 1 by itself",
            "name the universe of an index, such as qqq",
        )
    now = datetime.now(UTC)
    as_of = min(as_of or now, now)
    # A part of an index has the weights of the whole, so that a member has one weight.
    if use_holdings and holdings.is_set() and as_of >= now - CURRENT:
        answer = holdings.read_answer(source.name, declared.whole, now)
        pieces = [(answer, holdings.parse_holdings(answer))]
    else:
        answers = source.fetch_weights(declared.whole, as_of)
        pieces = [(answer, source.parse_weights(answer)) for answer in answers]
    received = sum(rows.num_rows for _, rows in pieces)
    if not received:
        return _check_known_weights(lake, source, declared.index, as_of)
    members = pa.array(universes.universe(declared.whole).symbols)
    landed = [(answer, select_member_weights(rows, declared.whole)) for answer, rows in pieces]
    notes = _describe_strangers(pieces, members, declared.whole)
    if not any(rows.num_rows for _, rows in landed):
        raise SourceError(
            f"none of the {received:,} weights received is of a member of {declared.whole}: "
            + "; ".join(notes),
            f"are these the holdings of {declared.index}? The members are listed in "
            f"include/universes/{declared.whole}.csv",
        )
    with lake.write(f"weights {source.name}") as writer:
        keep_answers(writer, [(f"{declared.whole} weights", answer) for answer, _ in pieces])
        newer = writer.one(
            'SELECT max(effective) FROM silver.weights WHERE source = ? AND "index" = ?',
            [source.name, declared.index],
        )
        counts = land_weights(writer, source.name, declared.index, landed).counts
        batch = writer.batch
    newest = max(pc.max(rows["effective"]).as_py() for _, rows in landed if rows.num_rows)
    notes += _describe_age(declared.index, newest, newer, as_of, batch)
    left_out = received - counts["received"]
    return WeightsReport(counts | {"received": received, "left_out": left_out}, tuple(notes))


def parse_weights(source: Source, answer: Answer) -> pa.Table:
    """Parse an answer of weights, of the source or of a holdings file that stood in for it."""
    if answer.query.get("origin") == holdings.ORIGIN:
        return holdings.parse_holdings(answer)
    return source.parse_weights(answer)


def select_member_weights(rows: pa.Table, whole: str) -> pa.Table:
    """Return the rows of a universe's members; partial where what is left out weighs much."""
    members = pa.array(universes.universe(whole).symbols)
    member_rows = rows.filter(pc.is_in(rows["symbol"], members))
    if member_rows.num_rows == rows.num_rows:
        return rows
    sums = member_rows.group_by("effective").aggregate([("weight", "sum")])
    few = sums.filter(pc.less(sums["weight_sum"], WHOLE))["effective"]
    partial = pc.or_(member_rows["partial"], pc.is_in(member_rows["effective"], few))
    return member_rows.set_column(member_rows.schema.get_field_index("partial"), "partial", partial)


def _describe_strangers(
    pieces: Sequence[tuple[Answer, pa.Table]], members: pa.Array, universe: str
) -> list[str]:
    """Say how many rows are of no member of the universe, and name a few of them."""
    rows = pa.concat_tables([rows for _, rows in pieces])
    strangers = rows.filter(pc.invert(pc.is_in(rows["symbol"], members)))
    if not strangers.num_rows:
        return []
    names = list(dict.fromkeys(strangers["symbol"].to_pylist()))
    listed = ", ".join(names[:NAMED_STRANGERS]) + (", ..." if len(names) > NAMED_STRANGERS else "")
    return [
        f"left out, as no members of {universe}: {strangers.num_rows:,} of {rows.num_rows:,} rows "
        f"({listed})"
    ]


def _describe_age(
    index: str, newest: date, newer: date | None, as_of: datetime, batch: int
) -> list[str]:
    """Warn of weights that are old, and of those that others make useless."""
    notes = []
    if warning := find_age_warning(index, newest, as_of.date()):
        notes.append(f"warning: {warning}")
    if newer is not None and newer > newest:
        notes.append(
            f"warning: weights of {index} from {newer} are known, and bars from then on use those; "
            f"these are from {newest} (batch {batch})"
        )
    return notes


def _check_known_weights(lake: Lake, source: Source, index: str, as_of: datetime) -> WeightsReport:
    """Raise unless weights are known from before; return the report of a run without rows."""
    newest = lake.rows(
        """SELECT max(effective) FROM silver.weights
           WHERE source = ? AND "index" = ? AND known_at <= ?""",
        [source.name, index, as_of],
    )
    if not newest or newest[0][0] is None:
        raise SourceError(
            f"{source.name} has no weights of {index}, and none are known from before",
            f"drop in a holdings CSV ({holdings.HOLDINGS_FILE}) and run it again",
        )
    return WeightsReport(dict.fromkeys((*COUNTS, "left_out"), 0))
