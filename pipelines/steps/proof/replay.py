"""Land the raw answers that a published row depends on again, in a lake of its own.

What the platform does with an answer is done by the same code: parsing, landing, settling, the
sentiment of titles, the windows of news. Only the rows that the published one was made of are
landed, in the order of the commits that landed them first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.settings import Settings, settings
from pipelines.core.universes import universe
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, View
from pipelines.landing import ExpectedBars, Group, land, land_weights
from pipelines.landing.news import land_news
from pipelines.landing.rules import PRICE_NAMES
from pipelines.sentiment.choice import chosen_model
from pipelines.sentiment.windows import EVERY
from pipelines.sources import source_with
from pipelines.sources.base import Answer, Parsed
from pipelines.steps.data.news_signals import refresh_news_signals
from pipelines.steps.data.sentiment import score_stories
from pipelines.steps.data.weights import parse_weights, select_member_weights
from pipelines.steps.proof.answers import TABLE, StoredAnswer, read_answers
from pipelines.steps.proof.dependencies import (
    NewsWindows,
    Span,
    list_bar_answers,
    list_news_answers,
    list_news_windows,
    list_weight_answers,
    mark_within,
    read_withdrawn,
)

DECISIONS = "gold.model_decisions"
Piece = tuple[Answer, Parsed]


@contextmanager
def scratch_lake(forecast: Forecast) -> Iterator[Lake]:
    """Yield an empty lake in a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bullion-reproduce-") as folder:
        config = settings().model_copy(
            update={
                "lake_catalog": f"sqlite:{Path(folder) / 'catalog.sqlite'}",
                "lake_data": str(Path(folder) / "files"),
            }
        )
        with create_lake(config, forecast) as lake:
            yield lake


def create_lake(config: Settings, forecast: Forecast) -> Lake:
    return Lake(config, feature_tables=[forecast.table])


@dataclass
class Replay:
    """Brings a scratch lake to what the lake knew before some commit, commit by commit."""

    view: View  # of the lake
    scratch: Lake
    span: Span
    reached: int = 0  # what was committed before this is landed
    used: list[StoredAnswer] = field(default_factory=list)
    _new_stories: bool = False

    def advance(self, before: int) -> None:
        """Land what was committed before a commit, and was not landed yet."""
        view, span, start = self.view, self.span, self.reached
        bars, weights, news = (
            [answer for answer in answers if answer.batch >= start]
            for answers in (
                list_bar_answers(view, span, before),
                list_weight_answers(view, span, before),
                list_news_answers(view, span, before),
            )
        )
        self._land_bars(bars, read_withdrawn(view, span, before))
        self._land_weights(weights)
        self._replay_news(
            news, [w for w in list_news_windows(view, span, before) if w.batch >= start]
        )
        self._copy_decisions(before)
        view.check_files(TABLE)  # of what a body's own checksum does not cover
        self.used += [*bars, *weights, *news]
        self.reached = before

    # -- bars

    def _land_bars(self, answers: Sequence[StoredAnswer], withdrawn: pa.Table) -> None:
        source = source_with(self.span.source, "bars")
        pending: list[Piece] = []
        for _, pieces in _by_batch(self._parse_bars(answers, source, withdrawn)):
            if pending and not _agree([*pending, *pieces]):
                self._land(pending)
                pending = []
            pending += pieces
        if pending:
            self._land(pending)

    def _parse_bars(
        self, answers: Sequence[StoredAnswer], source: object, withdrawn: pa.Table
    ) -> Iterator[tuple[int, Piece]]:
        for stored, answer in read_answers(self.view, answers):
            parsed = source.parse(answer)  # type: ignore[attr-defined]
            if parsed.interval == self.span.forecast.bar:
                gone = withdrawn.filter(pc.greater(withdrawn["batch"], stored.batch))
                yield stored.batch, (answer, self._cut(parsed, gone))

    def _cut(self, parsed: Parsed, gone: pa.Table) -> Parsed:
        """Return the bars of an answer that the row was made of, less those withdrawn by then."""
        span = self.span
        tables = [parsed.bars.slice(0, 0)]
        for table in parsed.bar_tables(span.bars_of):
            inside = mark_within(_instants(table["ts"]), span.bar_ends)
            is_wanted = pc.is_in(table["symbol"], pa.array(span.bars_of))
            table = table.filter(pc.and_(pa.array(inside), is_wanted))
            tables.append(table.cast(parsed.bars.schema))
        bars = pa.concat_tables(tables)
        if gone.num_rows:  # whichever answer brought them: a repeated version is no new one
            columns = ["symbol", "ts", *PRICE_NAMES]
            versions = {tuple(row.values()) for row in gone.select(columns).to_pylist()}
            rows = bars.select(columns).to_pylist()
            bars = bars.filter(pa.array([tuple(row.values()) not in versions for row in rows]))
        is_own = pc.is_in(parsed.actions["symbol"], pa.array(span.bars_of))
        return replace(
            parsed,
            bars=bars,
            stored_bars=None,
            actions=parsed.actions.filter(is_own),
            rejects=parsed.rejects.slice(0, 0),
        )

    def _land(self, pieces: Sequence[Piece]) -> None:
        groups: dict[Group, list[Piece]] = {}
        for answer, parsed in pieces:
            groups.setdefault(Group.of(answer, parsed), []).append((answer, parsed))
        with self.scratch.write("land") as writer:
            for group, its_pieces in groups.items():
                # What had not closed when it was received is left for the answer that has it whole.
                as_of = max(answer.received_at for answer, _ in its_pieces)
                land(writer, group, its_pieces, ExpectedBars((), None), as_of)

    # -- weights, news and decisions

    def _land_weights(self, answers: Sequence[StoredAnswer]) -> None:
        for stored, answer in read_answers(self.view, answers):
            whole = stored.piece.partition(" ")[0]
            rows = parse_weights(source_with(self.span.source, "weights"), answer)
            rows = select_member_weights(rows, whole)
            with self.scratch.write("weights") as writer:
                index = universe(whole).index
                land_weights(writer, self.span.source, index, [(answer, rows)])

    def _replay_news(self, answers: Sequence[StoredAnswer], windows: Sequence[NewsWindows]) -> None:
        """Land stories and compute windows in the order of their commits."""
        left = list(answers)
        for window in windows:
            self._land_news([a for a in left if a.batch < window.batch])
            left = [a for a in left if a.batch >= window.batch]
            self._compute_windows(window)
        self._land_news(left)

    def _land_news(self, answers: Sequence[StoredAnswer]) -> None:
        if not answers:
            return
        name = answers[0].source
        source = source_with(name, "news")
        for stored, answer in read_answers(self.view, answers):
            parsed = source.parse_news(answer)
            times = pc.coalesce(
                parsed.stories["seen_at"],
                parsed.stories["published_at"],
                pa.scalar(stored.received_at, parsed.stories["seen_at"].type),
            )
            inside = mark_within(_instants(times), self.span.news_ends)
            stories = parsed.stories.filter(pa.array(inside))
            with self.scratch.write("news") as writer:
                land_news(writer, name, [(answer, replace(parsed, stories=stories))])
        self._new_stories = True

    def _compute_windows(self, window: NewsWindows) -> None:
        choice, name = chosen_model(), self.span.news_source or ""
        if self._new_stories:
            score_stories(self.scratch, name, choice=choice)
            self._new_stories = False
        refresh_news_signals(
            self.scratch,
            name,
            window.topic,
            window.first_end - EVERY,
            window.last_end,
            model=choice.model,
            asked_model=choice.asked_model,
            now=window.computed_at,
        )

    def _copy_decisions(self, before: int) -> None:
        """Copy the decisions on models: they say by its SHA-256 which model served when."""
        rows = self.view.sql(
            f"""SELECT * FROM {DECISIONS} WHERE forecast = ? AND source = ?
                AND batch >= ? AND batch < ?""",
            [self.span.forecast.name, self.span.source, self.reached, before],
        )
        if rows.num_rows:
            with self.scratch.write("decisions") as writer:
                writer.append(DECISIONS, rows)


def _by_batch(pieces: Iterator[tuple[int, Piece]]) -> Iterator[tuple[int, list[Piece]]]:
    """Group the pieces of one commit; they come in the order of commits."""
    current, group = -1, list[Piece]()
    for batch, piece in pieces:
        if batch != current and group:
            yield current, group
            group = []
        current = batch
        group.append(piece)
    if group:
        yield current, group


def _instants(times: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(times.to_numpy().astype("datetime64[us]"))


def _agree(pieces: Sequence[Piece]) -> bool:
    """Whether no bar has two versions among the pieces: then one landing is as good as many."""
    if any(parsed.actions.num_rows for _, parsed in pieces):
        return False
    bars = pa.concat_tables([parsed.bars for _, parsed in pieces])
    key = ["symbol", "ts"]
    versions = bars.group_by([*key, *PRICE_NAMES]).aggregate([]).num_rows
    return bool(bars.group_by(key).aggregate([]).num_rows == versions)
