"""What a feature can read: columns of its own bars, and references to what lies beside them.

A reference names a column of another symbol's bars or of another dataset. It is read as of each of
the forecast's own bars: the newest value that was known when the bar closed. So a feature gets
arrays of one length, whatever they come from, and cannot see what was not known.

    bars("QQQ").close                                 # of the forecast's own interval
    bars("VIX", oldest=timedelta(days=3)).log_close
    bars("VIX").age                                   # seconds from what it is about to the close
    news("sp500").avg_sentiment                       # of the newest window that had ended
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from pipelines.core.errors import InvalidRequest, unknown

# Columns of its own bars. log_close is computed once for all features; the last four come from
# the calendar, not from the bar's prices.
OWN_COLUMNS = (
    "open", "high", "low", "close", "volume", "bid", "ask", "log_close",
    "place", "session_start", "session_bars", "weekday",
)  # fmt: skip
LOG_CLOSE, AGE = "log_close", "age"
OLDEST = timedelta(days=7)  # a value older than that counts as missing: longer than any holiday


@dataclass(frozen=True)
class Dataset:
    """A table of the lake whose values can be read as of a bar's close.

    Of several versions of a row, which differ in `known_at`, each counts from when it was known.
    """

    name: str
    table: str
    subject: str  # the column that says what a row is about: a symbol, a topic
    about: str  # the column of the time that a row is about
    known_at: str  # the column of the time from which its values were known
    columns: tuple[str, ...]
    has_intervals: bool = False  # its rows belong to an interval: the forecast's own is read
    optional: tuple[str, ...] = ()  # columns that a row may lack; it has all the others

    @property
    def readable(self) -> tuple[str, ...]:
        """The columns that a reference can name."""
        derived = (LOG_CLOSE, AGE) if "close" in self.columns else (AGE,)
        return self.columns + derived


BARS = Dataset(
    "bars",
    "silver.bars",
    "symbol",
    "closes_at",
    "closes_at",
    ("open", "high", "low", "close", "volume", "bid", "ask"),
    has_intervals=True,
    optional=("volume", "bid", "ask"),
)
# Of the source whose news belong to the forecast's bars: its own, or the one that it names.
# A window has the time of its end, before which it was not known: joined by its start, an hour of
# news would be seen an hour early.
NEWS = Dataset(
    "news",
    "gold.news_signals",
    "topic",
    "window_end",
    "known_at",
    (
        "avg_sentiment", "signal_strength", "trading_signal", "article_count", "quality_score",
        "positive", "negative", "neutral", "newest_age_seconds",
    ),
    optional=("positive", "negative", "neutral", "newest_age_seconds"),
)  # fmt: skip
OLDEST_NEWS = timedelta(hours=1)  # a window ends every quarter of an hour; older: none was computed


@dataclass(frozen=True)
class Reference:
    """A column of one subject of a dataset, as of the close of the forecast's own bars."""

    dataset: Dataset
    subject: str
    column: str
    oldest: timedelta = OLDEST  # what is about an earlier time is missing

    def __post_init__(self) -> None:
        if not self.subject:
            raise InvalidRequest(f"{self.dataset.name} of no subject", "name a symbol or a topic")
        if self.column not in self.dataset.readable:
            raise unknown(f"column of {self.dataset.name}", self.column, self.dataset.readable)
        if self.oldest <= timedelta(0):
            raise InvalidRequest(
                f"{self.name} would be missing at an age of {self.oldest}",
                "name a span above 0, such as timedelta(days=7)",
            )

    @property
    def name(self) -> str:
        """The name of its array: QQQ.close, news(sp500).avg_sentiment."""
        if self.dataset == BARS:
            return f"{self.subject}.{self.column}"
        return f"{self.dataset.name}({self.subject}).{self.column}"

    @property
    def whole_row(self) -> Reference:
        """The reference that has a value where this one does: to a column that every row has."""
        if self.column in self.dataset.optional:
            return self
        return replace(self, column=AGE)

    @property
    def stored_column(self) -> str:
        """The column of the dataset's table that it is made of; empty for an age."""
        return {LOG_CLOSE: "close", AGE: ""}.get(self.column, self.column)


@dataclass(frozen=True)
class Subject:
    """One subject of a dataset; its columns are references."""

    dataset: Dataset
    name: str
    oldest: timedelta = OLDEST

    def __getattr__(self, column: str) -> Reference:
        if column.startswith("_"):
            raise AttributeError(column)
        return Reference(self.dataset, self.name, column, self.oldest)


def bars(symbol: str, oldest: timedelta = OLDEST) -> Subject:
    """Return the bars of another symbol, of the forecast's own interval."""
    return Subject(BARS, symbol, oldest)


def news(topic: str, oldest: timedelta = OLDEST_NEWS) -> Subject:
    """Return the news signals of a topic."""
    return Subject(NEWS, topic, oldest)


Input = str | Reference


def input_name(feature_input: Input) -> str:
    """Return the name of an input's array."""
    return feature_input if isinstance(feature_input, str) else feature_input.name
