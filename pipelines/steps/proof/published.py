"""Find a published row, and all that was published of its bar, by the name that a user types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.universes import universe
from pipelines.forecasts import FORECASTS, Forecast, forecast
from pipelines.lake import View

Kind = Literal["signal", "prediction", "outcome"]
TABLES: dict[Kind, str] = {
    "signal": "gold.index_signals",
    "prediction": "gold.predictions",
    "outcome": "gold.outcomes",
}
SERIES = 'forecast = ? AND source = ? AND "interval" = ?'
FORMS: dict[Kind, str] = {
    "signal": "UNIVERSE@TS, such as qqq@2026-11-27T17:30Z",
    "prediction": "FORECAST/TARGET/SYMBOL@TS",
    "outcome": "FORECAST/TARGET/SYMBOL@TS",
}


@dataclass(frozen=True)
class Reference:
    """The name of a published row: what it is of, and the open of its bar."""

    kind: Kind
    words: tuple[str, ...]  # the universe; or forecast, target and symbol
    ts: datetime | None  # None: the newest

    def __str__(self) -> str:
        at = f"@{self.ts:%Y-%m-%dT%H:%MZ}" if self.ts else ""
        return f"{self.kind} {'/'.join(self.words)}{at}"


@dataclass(frozen=True, eq=False)
class PublishedBar:
    """A published row, with all that was published of the same bar and that it was made of."""

    kind: Kind
    forecast: Forecast
    source: str
    targets: tuple[str, ...]  # whose predictions count
    symbols: tuple[str, ...]  # whose own bars count
    ts: datetime
    closes_at: datetime
    live: bool
    batch: int  # of the commit of the row itself
    row: pa.Table  # the row itself
    predictions: pa.Table  # of an outcome that whose outcome it is
    contributions: pa.Table
    scorings: tuple[tuple[int, datetime], ...]  # commit and time of those that wrote predictions

    @property
    def name(self) -> str:
        subject = self.row["universe" if self.kind == "signal" else "symbol"][0].as_py()
        state = "" if self.kind == "outcome" else ", live" if self.live else ", not live"
        return (
            f"{self.kind} of {subject} by {self.forecast.name} on {self.source}, the bar of "
            f"{self.ts:%Y-%m-%d %H:%M} UTC{state}"
        )

    @property
    def known_by(self) -> datetime:
        """The time that ends what the row was made of: its bar's close, or its outcome's."""
        if self.kind != "outcome":
            return self.closes_at
        known_at: datetime = self.row["known_at"][0].as_py()
        return known_at


def parse_reference(kind: Kind, text: str) -> Reference:
    """Parse what a user types: a name, and the open of a bar after an @; without it the newest."""
    name, _, at = text.partition("@")
    words = tuple(name.split("/"))
    if len(words) != (1 if kind == "signal" else 3) or not all(words):
        raise InvalidRequest(f"{text!r} names no {kind}", f"write {FORMS[kind]}")
    return Reference(kind, words, utc(at) if at else None)


def read_published(view: View, reference: Reference, source: str) -> PublishedBar:
    """Read a published row: the live one, where its bar has two."""
    kind = reference.kind
    if kind == "signal":
        (name,) = reference.words
        universe(name)
        declared = [f for f in FORECASTS if name in f.combined_universes]
        if not declared:
            names = [name for f in FORECASTS for name in f.combined_universes]
            raise unknown("universe with a signal", name, names)
        where, values = "universe = ?", [name]
    else:
        one, target, symbol = reference.words
        declared = [forecast(one)]
        declared[0].target_forecast(target)
        where, values = "target = ? AND symbol = ?", [target, symbol]
    row = _read_row(view, reference, declared, source, where, values)
    declaration = next(f for f in declared if f.name == row["forecast"][0].as_py())
    return _read_bar(view, kind, declaration, source, row)


def _read_row(
    view: View,
    reference: Reference,
    declared: Sequence[Forecast],
    source: str,
    where: str,
    values: list[str],
) -> pa.Table:
    table, kind = TABLES[reference.kind], reference.kind
    if kind == "prediction":
        where += " AND role = 'champion'"
    order = "model_version DESC" if kind == "outcome" else "live DESC"
    of_series = f"source = ? AND forecast IN (SELECT unnest(?)) AND {where}"
    key = [source, [f.name for f in declared], *values]
    at = " AND ts = ?" if reference.ts else ""
    row = view.sql(
        f"SELECT * FROM {table} WHERE {of_series}{at} ORDER BY ts DESC, {order} LIMIT 1",
        [*key, *([reference.ts] if reference.ts else [])],
    )
    if not row.num_rows:
        near = view.rows(
            f"SELECT DISTINCT ts FROM {table} WHERE {of_series} AND ts <= ? "
            "ORDER BY ts DESC LIMIT 3",
            [*key, reference.ts or datetime(9999, 1, 1, tzinfo=utc("2000-01-01").tzinfo)],
        )
        listed = ", ".join(f"{utc(ts):%Y-%m-%dT%H:%MZ}" for (ts,) in near)
        raise InvalidRequest(
            f"{source} has no {reference}",
            f"a bar is named by its open, in UTC; the newest before it: {listed or 'none'}",
        )
    return row


def read_bar(
    view: View,
    declared: Forecast,
    source: str,
    ts: datetime,
    live: bool,
    symbols: Sequence[str],
) -> PublishedBar:
    """Read the predictions of some symbols at one bar, of all targets."""
    predictions = view.sql(
        f"""SELECT * FROM gold.predictions WHERE {SERIES} AND ts = ? AND live = ?
            AND role = 'champion' AND symbol IN (SELECT unnest(?)) ORDER BY target, symbol""",
        [declared.name, source, declared.interval, ts, live, list(symbols)],
    )
    scorings = _scorings([predictions])
    return PublishedBar(
        "prediction",
        declared,
        source,
        declared.target_names,
        tuple(symbols),
        utc(ts),
        utc(predictions["closes_at"][0].as_py()),
        live,
        scorings[-1][0],
        predictions.slice(0, 1),
        predictions,
        predictions.slice(0, 0),
        scorings,
    )


def _scorings(tables: Sequence[pa.Table]) -> tuple[tuple[int, datetime], ...]:
    """Return the commits that wrote these rows, and their times, in order."""
    scorings = {
        (batch, utc(at))
        for table in tables
        for batch, at in zip(
            table["batch"].to_pylist(), table["scored_at"].to_pylist(), strict=True
        )
    }
    return tuple(sorted(scorings))


def _read_bar(
    view: View, kind: Kind, declared: Forecast, source: str, row: pa.Table
) -> PublishedBar:
    """Read what was published of the row's bar, and which scorings did that."""
    facts: dict[str, Any] = row.to_pylist()[0]
    batch, ts = facts["batch"], facts["ts"]
    series = [declared.name, source, declared.interval]
    if kind == "signal":
        targets = tuple(
            f.target.name
            for f in declared.per_target()
            if facts["universe"] in {rule.universe for rule in f.combinations}
        )
        symbols, live = universe(facts["universe"]).symbols, facts["live"]
    else:
        targets, symbols = (facts["target"],), (facts["symbol"],)
        live = facts["live"] if kind == "prediction" else None
    of_live = "" if live is None else f" AND live = {bool(live)}"
    predictions = view.sql(
        f"""SELECT * FROM gold.predictions WHERE {SERIES} AND ts = ?{of_live} AND batch <= ?
            AND role = 'champion' AND target IN (SELECT unnest(?))
            AND symbol IN (SELECT unnest(?)) ORDER BY target, symbol, live""",
        [*series, ts, batch, list(targets), list(symbols)],
    )
    contributions = predictions.slice(0, 0)
    if kind == "signal":
        contributions = view.sql(
            f"""SELECT * FROM gold.contributions WHERE {SERIES} AND ts = ? AND universe = ?
                AND live = ? ORDER BY symbol""",
            [*series, ts, facts["universe"], live],
        )
    if kind == "outcome":
        of_version = pc.equal(predictions["model_version"], facts["model_version"])
        predictions = predictions.filter(of_version)
        if not predictions.num_rows:
            raise InvalidRequest(
                f"the prediction of version {facts['model_version']} whose outcome it is, is gone",
                "name an outcome whose prediction still stands",
            )
    scorings = _scorings([predictions, row] if kind == "signal" else [predictions])
    return PublishedBar(
        kind,
        declared,
        source,
        targets,
        tuple(s for s in declared.symbols if s in set(symbols)),
        utc(ts),
        utc(facts["closes_at"] if "closes_at" in facts else predictions["closes_at"][0].as_py()),
        bool(live),
        batch,
        row,
        predictions,
        contributions,
        scorings,
    )
