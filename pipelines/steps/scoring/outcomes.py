"""gold.outcomes, kept in step with features and predictions: a run costs what has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import Lake, View
from pipelines.landing import judge as silver
from pipelines.modeling.answers import answer_of
from pipelines.modeling.scorer import UnreadableModel
from pipelines.registry.decisions import ModelDecision, read_decisions
from pipelines.registry.mlflow import Registry, UnsoundModel
from pipelines.steps.data.features import refresh_features
from pipelines.steps.models import load as models

OUTCOMES = "gold.outcomes"
LOST = ", ".join(f"'{reason}'" for reason in silver.CONTEXT_REASONS)


@dataclass(frozen=True)
class Followed:
    """What a refresh of outcomes did."""

    changed: int  # constituents' bars whose features or predictions had changed
    removed: int  # outcomes that were replaced, or are known no longer
    written: int
    lost: tuple[str, ...] = ()  # models that cannot be asked for their thresholds

    def summary(self) -> str:
        told = (
            f"{self.changed:,} constituents' bars had changed: took {self.removed:,} outcomes "
            f"away, wrote {self.written:,}"
        )
        return "\n".join([told, *(f"warning: outcomes stay as they are: {o}" for o in self.lost)])


@dataclass(frozen=True, eq=False)
class _Read:
    """What one snapshot says of the predictions that changed, or whose bars did."""

    changed: pa.Table  # symbol, ts
    targets: tuple[_Target, ...]
    followed: int  # the commits up to this are in


@dataclass(frozen=True, eq=False)
class _Target:
    """Of one target: a row a constituent's bar and model version, with what became of it."""

    forecast: TargetForecast
    known: pa.Table
    versions: dict[int, ModelDecision]  # those that predict what the label is now


def refresh_outcomes(lake: Lake, registry: Registry, forecast: Forecast, source: str) -> Followed:
    """Say of each prediction what became of it, once that is known.

    A corrected bar changes the outcome, and never the prediction; where a bar was lost, its
    outcome goes. What a model of another definition predicted keeps the outcome it has: features
    no longer tell of its label.
    """
    refresh_features(lake, forecast, source)
    with lake.view() as view:
        read = _read(view, forecast, source)
    if not read.changed.num_rows:
        return Followed(0, 0, 0)
    lost: list[str] = []
    targets = [_loadable(registry, one, lost) for one in read.targets]
    rows = pa.concat_tables([_rows(registry, one, source) for one in targets])
    ours = [forecast.name, source]
    with lake.write(f"outcomes {forecast.name}") as writer:
        writer.connection.register("_changed", read.changed)
        removed = sum(
            writer.delete(
                OUTCOMES,
                """forecast = ? AND source = ? AND target = ?
                   AND model_version IN (SELECT unnest(?))
                   AND (symbol, ts) IN (SELECT (symbol, ts) FROM _changed)""",
                [*ours, one.forecast.target.name, list(one.versions)],
            )
            for one in targets
        )
        writer.append(OUTCOMES, rows)
        state = {"forecast": [ours[0]], "source": [source], "followed": [read.followed]}
        where = "forecast = ? AND source = ?"
        writer.replace("meta.outcome_state", pa.table(state), where, ours)
    return Followed(read.changed.num_rows, removed, rows.num_rows, tuple(lost))


def _loadable(registry: Registry, of: _Target, lost: list[str]) -> _Target:
    """Without the versions whose file is gone or damaged: nobody knows their thresholds."""
    version = of.known["model_version"].to_numpy()
    gone = set()
    for number in np.unique(version).tolist():
        try:
            models.load_champion(registry, of.forecast, of.versions[number])
        except (UnreadableModel, UnsoundModel, InvalidRequest) as error:
            gone.add(number)
            lost.append(error.message)
    kept = {number: row for number, row in of.versions.items() if number not in gone}
    return replace(
        of, known=of.known.filter(pa.array(~np.isin(version, list(gone)))), versions=kept
    )


def _read(view: View, forecast: Forecast, source: str) -> _Read:
    ours = [forecast.name, source]
    mine = "forecast = ? AND source = ?"
    followed = view.one(f"SELECT followed FROM meta.outcome_state WHERE {mine}", ours) or 0
    quarantined = (source, forecast.interval, followed)
    # A bar that was lost leaves no row of features to be told by: its row in quarantine tells,
    # and as that came with the loss itself, the bar is not in silver any more.
    changed = view.sql(
        f"""SELECT symbol, ts FROM {forecast.table.full_name} WHERE source = ? AND batch > ?
            UNION SELECT symbol, ts FROM gold.predictions WHERE {mine} AND batch > ?
            UNION SELECT symbol, ts FROM silver.quarantine
            WHERE source = ? AND "interval" = ? AND batch > ? AND reason IN ({LOST})
            AND ts IS NOT NULL""",
        [source, followed, *ours, followed, *quarantined],
    )
    view.connection.register("_changed", changed)
    targets = tuple(_of_target(view, one, source) for one in forecast.per_target())
    view.connection.unregister("_changed")
    return _Read(changed, targets, view.snapshot)


def _of_target(view: View, forecast: TargetForecast, source: str) -> _Target:
    versions = {
        row.model_version: row
        for row in read_decisions(view, forecast, source)
        if row.definition == forecast.model_fingerprint
    }
    mine, target = "forecast = ? AND source = ?", forecast.target
    known = view.sql(
        f"""WITH span AS (SELECT min(ts) AS low, max(ts) AS high FROM _changed),
            said AS (SELECT DISTINCT p.symbol, p.ts, p.model_version FROM gold.predictions p
                     SEMI JOIN _changed c ON p.symbol = c.symbol AND p.ts = c.ts
                     WHERE {mine} AND target = ? AND model_version IN (SELECT unnest(?))
                     AND p.ts BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)),
            bars AS (SELECT symbol, ts, closes_at, close FROM silver.bars
                     WHERE source = ? AND "interval" = ?)
            SELECT s.symbol, s.ts, s.model_version, f.{target.outcome} AS outcome,
                   f.{target.known_at} AS known_at,
                   ln(later.close / now.close) AS next_return
            FROM said s
            JOIN {forecast.table.full_name} f
              ON f.source = ? AND f.symbol = s.symbol AND f.ts = s.ts
            JOIN bars now ON now.symbol = s.symbol AND now.ts = s.ts
            JOIN bars later ON later.symbol = s.symbol AND later.closes_at = f.{target.known_at}
            WHERE f.{target.outcome} IS NOT NULL
            ORDER BY s.ts, s.symbol, s.model_version""",
        [
            *(forecast.name, source, target.name, list(versions)),
            *(source, forecast.interval, source),
        ],
    )
    return _Target(forecast, known, versions)


def _rows(registry: Registry, of: _Target, source: str) -> pa.Table:
    """Each outcome, as a class by the thresholds of the model that predicted."""
    forecast, known = of.forecast, of.known
    version, outcome = known["model_version"].to_numpy(), known["outcome"].to_numpy()
    truth = outcome.copy()
    for number in np.unique(version).tolist():
        of_it = version == number
        scorer = models.load_champion(registry, forecast, of.versions[number])
        truth[of_it] = forecast.label.truth(outcome[of_it], scorer.description.thresholds)
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
