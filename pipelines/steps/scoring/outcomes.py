"""Keep the outcomes of predictions and of signals in step: a run costs what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import Lake, View
from pipelines.landing.rules import REMOVED_REASONS
from pipelines.modeling.answers import answer_of
from pipelines.modeling.description import UnreadableModel
from pipelines.registry.decisions import ModelDecision, read_decisions
from pipelines.registry.mlflow import Registry, UnsoundModel
from pipelines.steps.data.features import refresh_features
from pipelines.steps.models import load as models
from pipelines.steps.scoring.index_outcomes import (
    END_OF_TIME,
    read_index_outcomes,
    replace_index_outcomes,
)

OUTCOMES = "gold.outcomes"
LOSS_REASONS = ", ".join(f"'{reason}'" for reason in REMOVED_REASONS)


@dataclass(frozen=True)
class OutcomesReport:
    """What a refresh of outcomes did."""

    changed: int  # constituents' bars whose features or predictions had changed
    removed: int  # outcomes that were replaced, or are known no longer
    written: int
    unreadable: tuple[str, ...] = ()  # models whose file, and so their thresholds, cannot be read
    index_removed: int = 0
    index_written: Mapping[str, int] = field(default_factory=dict)  # by whose bars they are from

    def summary(self) -> str:
        line = (
            f"{self.changed:,} constituents' bars had changed: took {self.removed:,} outcomes "
            f"away, wrote {self.written:,}"
        )
        if self.index_removed or self.index_written:
            origins = ", ".join(f"{n:,} by {origin}" for origin, n in self.index_written.items())
            line += (
                f"\nwhat the index did after signals: took {self.index_removed:,} outcomes away, "
                f"wrote {origins or 'none'}"
            )
        return "\n".join(
            [line, *(f"warning: outcomes stay as they are: {o}" for o in self.unreadable)]
        )


@dataclass(frozen=True, eq=False)
class _Changes:
    """The bars of one snapshot whose predictions or features changed."""

    changed: pa.Table  # symbol, ts
    targets: tuple[_TargetOutcomes, ...]
    followed: int  # changes up to this commit are included


@dataclass(frozen=True, eq=False)
class _TargetOutcomes:
    """Outcomes of one target, with a row for each constituent's bar and model version."""

    forecast: TargetForecast
    known: pa.Table
    versions: dict[int, ModelDecision]  # those of today's features and label


def refresh_outcomes(
    lake: Lake, registry: Registry, forecast: Forecast, source: str
) -> OutcomesReport:
    """Record what became of each prediction, and what the index did after each signal.

    A corrected bar changes the outcome, and never the prediction; where a bar was lost, its
    outcome is deleted. A prediction of a model with other features or another label keeps its
    outcome: the features of today do not contain that label.
    """
    refresh_features(lake, forecast, source)
    with lake.view() as view:
        changes = _read(view, forecast, source)
        index_outcomes = read_index_outcomes(view, forecast, source)
    if not changes.changed.num_rows and not index_outcomes.changed.num_rows:
        return OutcomesReport(0, 0, 0)
    unreadable: list[str] = []
    targets = [_with_readable_models(registry, target, unreadable) for target in changes.targets]
    rows = pa.concat_tables([_rows(registry, target, source) for target in targets])
    series = [forecast.name, source]
    with lake.write(f"outcomes {forecast.name}") as writer:
        writer.connection.register("_changed", changes.changed)
        removed = sum(
            writer.delete(
                OUTCOMES,
                """forecast = ? AND source = ? AND target = ?
                   AND model_version IN (SELECT unnest(?))
                   AND (symbol, ts) IN (SELECT (symbol, ts) FROM _changed)""",
                [*series, target.forecast.target.name, list(target.versions)],
            )
            for target in targets
        )
        writer.append(OUTCOMES, rows)
        index_removed = replace_index_outcomes(writer, forecast, source, index_outcomes)
        state = {
            "forecast": [series[0]],
            "source": [source],
            "followed": [changes.followed],
            "index_followed": [changes.followed],
        }
        where = "forecast = ? AND source = ?"
        writer.replace("meta.outcome_state", pa.table(state), where, series)
    return OutcomesReport(
        changes.changed.num_rows,
        removed,
        rows.num_rows,
        tuple(unreadable),
        index_removed,
        index_outcomes.origins,
    )


def _with_readable_models(
    registry: Registry, target: _TargetOutcomes, unreadable: list[str]
) -> _TargetOutcomes:
    """Leave out the versions whose file is gone or damaged: their thresholds are unknown."""
    version = target.known["model_version"].to_numpy()
    unreadable_versions = set()
    for number in np.unique(version).tolist():
        try:
            models.load_champion(registry, target.forecast, target.versions[number])
        except (UnreadableModel, UnsoundModel, InvalidRequest) as error:
            unreadable_versions.add(number)
            unreadable.append(error.message)
    versions = {
        number: row for number, row in target.versions.items() if number not in unreadable_versions
    }
    return replace(
        target,
        known=target.known.filter(pa.array(~np.isin(version, list(unreadable_versions)))),
        versions=versions,
    )


def _read(view: View, forecast: Forecast, source: str) -> _Changes:
    series = [forecast.name, source]
    of_series = "forecast = ? AND source = ?"
    followed = view.one(f"SELECT followed FROM meta.outcome_state WHERE {of_series}", series) or 0
    quarantined = (source, forecast.interval, followed)
    # A bar that was lost has no row of features any more. Its row in quarantine shows the loss:
    # both were committed together, so that the bar is no longer in silver.
    changed = view.sql(
        f"""SELECT symbol, ts FROM {forecast.table.full_name} WHERE source = ? AND batch > ?
            UNION SELECT symbol, ts FROM gold.predictions WHERE {of_series} AND batch > ?
            UNION SELECT symbol, ts FROM silver.quarantine
            WHERE source = ? AND "interval" = ? AND batch > ? AND reason IN ({LOSS_REASONS})
            AND ts IS NOT NULL""",
        [source, followed, *series, followed, *quarantined],
    )
    view.connection.register("_changed", changed)
    targets = tuple(_read_target(view, target, source, changed) for target in forecast.per_target())
    view.connection.unregister("_changed")
    return _Changes(changed, targets, view.snapshot)


def _read_target(
    view: View, forecast: TargetForecast, source: str, changed: pa.Table
) -> _TargetOutcomes:
    versions = {
        row.model_version: row
        for row in read_decisions(view, forecast, source)
        if row.definition == forecast.model_fingerprint
    }
    of_series, target = "forecast = ? AND source = ?", forecast.target
    # Each table is read between the times that are asked about, as numbers in the query: by these
    # DuckDB leaves out the files and the groups of rows of a history of years.
    low, high = _span(changed, "ts", "ts")
    judged = view.sql(
        f"""WITH predicted AS (
                SELECT DISTINCT p.symbol, p.ts, p.model_version FROM gold.predictions p
                SEMI JOIN _changed c ON p.symbol = c.symbol AND p.ts = c.ts
                WHERE {of_series} AND target = ? AND model_version IN (SELECT unnest(?))
                AND p.ts BETWEEN ? AND ?)
            SELECT p.symbol, p.ts, p.model_version, f.{target.outcome} AS outcome,
                   f.{target.known_at} AS known_at
            FROM predicted p
            JOIN (FROM {forecast.table.full_name}
                  WHERE source = ? AND {target.outcome} IS NOT NULL AND ts BETWEEN ? AND ?) f
              ON f.symbol = p.symbol AND f.ts = p.ts""",
        [
            *(forecast.name, source, target.name, list(versions), low, high),
            *(source, low, high),
        ],
    )
    low, high = _span(judged, "ts", "known_at")
    view.connection.register("_judged", judged)
    # The first join is done before the second: else DuckDB may join the bars with each other by
    # their symbol alone, which of one symbol is every bar with every other.
    known = view.sql(
        """WITH bars AS (SELECT symbol, ts, closes_at, close FROM silver.bars
                     WHERE source = ? AND "interval" = ? AND ts BETWEEN ? AND ?),
            priced AS MATERIALIZED (
                SELECT p.*, now.close FROM _judged p
                JOIN bars now ON now.symbol = p.symbol AND now.ts = p.ts)
            SELECT p.* EXCLUDE (close), ln(later.close / p.close) AS next_return
            FROM priced p
            JOIN bars later ON later.symbol = p.symbol AND later.closes_at = p.known_at
            ORDER BY p.ts, p.symbol, p.model_version""",
        [source, forecast.interval, low, high],
    )
    view.connection.unregister("_judged")
    return _TargetOutcomes(forecast, known, versions)


def _span(table: pa.Table, first: str, last: str) -> tuple[datetime, datetime]:
    """The first and the last time of a table; of an empty one a span without any."""
    if not table.num_rows:
        return END_OF_TIME, END_OF_TIME
    return pc.min(table[first]).as_py(), pc.max(table[last]).as_py()


def _rows(registry: Registry, target: _TargetOutcomes, source: str) -> pa.Table:
    """Build the rows of outcomes, as classes by the thresholds of the model that predicted."""
    forecast, known = target.forecast, target.known
    version, outcome = known["model_version"].to_numpy(), known["outcome"].to_numpy()
    truth = outcome.copy()
    for number in np.unique(version).tolist():
        is_version = version == number
        scorer = models.load_champion(registry, forecast, target.versions[number])
        truth[is_version] = forecast.label.truth(outcome[is_version], scorer.description.thresholds)
    actual = answer_of(forecast.label.kind).actual(forecast.label, truth)
    known = known.append_column("actual", actual)
    for name, value in (
        ("forecast", forecast.name),
        ("target", forecast.label.name),
        ("source", source),
        ("interval", forecast.interval),
    ):
        known = known.append_column(name, pa.repeat(pa.scalar(value), known.num_rows))
    return known
