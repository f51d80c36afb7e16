"""Find the own bars whose companions have changed, so that their features are computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.features.inputs import BARS, Dataset
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.lake.companions import condition_of, group_by_dataset
from pipelines.landing.rules import REMOVED_REASONS


@dataclass(frozen=True)
class CompanionChange:
    """The closes of the own bars that see the changed rows of one subject."""

    first: datetime
    before: datetime | None  # the own bars from here on see a newer row; None: there is none
    look_back: int  # bars after them whose features look back at them


def changed_companions(
    view: View, forecast: Forecast, source: str, followed: int
) -> list[CompanionChange]:
    """Find the closes whose companions have changed since a snapshot."""
    changes = []
    for dataset, references in group_by_dataset(forecast.references):
        for subject in sorted({reference.subject for reference in references}):
            of_subject = [r for r in references if r.subject == subject]
            changed_span = _changed_span(view, forecast, source, dataset, subject, followed)
            if changed_span is None:
                continue
            first, last_about, last_known = changed_span
            newer = _next_known(view, forecast, source, dataset, subject, last_about, last_known)
            ends = [last_about + max(r.oldest for r in of_subject) + timedelta(microseconds=1)]
            changes.append(
                CompanionChange(
                    first,
                    min([*ends, *([newer] if newer else [])]),
                    forecast.look_back_on(of_subject[0]),
                )
            )
    return changes


def _changed_span(
    view: View, forecast: Forecast, source: str, dataset: Dataset, subject: str, followed: int
) -> tuple[datetime, datetime, datetime] | None:
    """Find when the first changed row was known, and what the last is about and was known at."""
    where, parameters = condition_of(dataset, source, forecast.interval)
    query = f"""SELECT {dataset.about} AS about, {dataset.known_at} AS known_at
                FROM {dataset.table} WHERE {where} AND {dataset.subject} = ? AND batch > ?"""
    values = [*parameters, subject, followed]
    if dataset == BARS:  # a bar that was removed from silver is found by its row in quarantine
        reasons = ", ".join(f"'{reason}'" for reason in REMOVED_REASONS)
        query += f""" UNION ALL SELECT ts, ts FROM silver.quarantine
                      WHERE {where} AND symbol = ? AND batch > ? AND reason IN ({reasons})"""
        values *= 2
    first, about, known_at = view.rows(
        f"SELECT min(known_at), max(about), max(known_at) FROM ({query})", values
    )[0]
    return None if first is None else (first, about, known_at)


def _next_known(
    view: View,
    forecast: Forecast,
    source: str,
    dataset: Dataset,
    subject: str,
    about: datetime,
    known_at: datetime,
) -> datetime | None:
    """Find when a row that is about a later time was known, after the last changed one."""
    where, parameters = condition_of(dataset, source, forecast.interval)
    newer: datetime | None = view.one(
        f"""SELECT min({dataset.known_at}) FROM {dataset.table}
            WHERE {where} AND {dataset.subject} = ? AND {dataset.about} > ?
            AND {dataset.known_at} > ?""",
        [*parameters, subject, about, known_at],
    )
    return newer
