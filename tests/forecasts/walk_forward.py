"""Each candidate of a forecast's targets, made anew each year and asked about the year after.

    python -m tests.forecasts.walk_forward aapl_daily --source files --first 2009 --last 2020

Prints the figures of all years together, beside those of what needs no model, with 99 % intervals
over runs of five sessions. The lake has the bars already (`bullion ingest`), and is not changed
but for the features. Each model knows what was known when its year began, and no more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
import typer

from pipelines.forecasts import Forecast, forecast
from pipelines.gates.baselines import RUN, Called, accuracies, macro_f1s
from pipelines.gates.skill import Sessions
from pipelines.lake import Lake
from pipelines.modeling.compare import compare
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds import kind_of
from pipelines.steps.features import refresh_features
from pipelines.steps.train import training_rows

EVER = timedelta(days=36_500)


@dataclass
class Walked:
    """What became of the rows of all years, and what was said of each, by candidate."""

    truth: list[np.ndarray] = field(default_factory=list)
    session: list[np.ndarray] = field(default_factory=list)
    given: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))

    def runs(self) -> Sessions:
        _, of_row = np.unique(np.concatenate(self.session), return_inverse=True)
        return Sessions(of_row // RUN, 2000, 0, 0.99)


def main(
    name: str,
    source: Annotated[str, typer.Option()] = "files",
    first: Annotated[int, typer.Option()] = 2009,
    last: Annotated[int, typer.Option()] = 2020,
) -> None:
    with Lake(create=False) as lake:
        refresh_features(lake, forecast(name), source)
        for one in forecast(name).each:
            walked = walk(lake, one, source, range(first, last + 1))
            rows = sum(len(part) for part in walked.truth)
            print(f"{name}'s {one.target.name}: {rows:,} rows of {first} to {last}")
            for line in TOLD[one.label.kind](walked, one):
                print(f"  {line}")


def walk(lake: Lake, one: Forecast, source: str, years: range) -> Walked:
    made = Walked()
    with lake.view() as view:
        every = training_rows(view, one, source, datetime(years[-1] + 1, 1, 2, tzinfo=UTC), EVER)
        every = every.take(np.isfinite(every.features).all(axis=1))
        for year in years:
            known = training_rows(view, one, source, datetime(year, 1, 2, tzinfo=UTC))
            _year(made, one, known, every, year)
    return made


def _year(made: Walked, one: Forecast, known: Rows, every: Rows, year: int) -> None:
    found = compare(known, one.label, one.candidates, one.split, 0, names=one.feature_names)
    begins, ends = (np.datetime64(f"{y}-01-02", "us") for y in (year, year + 1))
    at = np.flatnonzero((every.closes_at > begins) & (every.closes_at <= ends))
    rows = every.take(at)
    kind, cuts, truth = kind_of(one.label), found.thresholds, one.label.truth
    made.truth.append(truth(rows.outcome, cuts))
    made.session.append(rows.session)
    for result in found.ranking:
        selecting = found.selection
        model = kind.settle(result.fitted, found.shares, selecting.rows, selecting.truth).model
        given, said = model.score(rows.features)
        told = np.column_stack([said, given])
        made.given[result.name].append(told)
        if result is found.ranking[0]:
            made.given["the winner of each year"].append(told)
    made.given["the training mean, or most frequent"].append(_usual(found.training.truth, rows))
    before = truth(every.outcome[np.maximum(at - 1, 0)], cuts)  # of one symbol: the bar's own
    made.given["what came last"].append(before[:, None].astype(float))


def _usual(learned: np.ndarray, rows: Rows) -> np.ndarray:
    whole = learned.dtype.kind == "i"
    one = float(np.bincount(learned).argmax()) if whole else float(learned.mean())
    return np.full((len(rows), 1), one)


def of_values(walked: Walked, one: Forecast) -> list[str]:
    """RMSE, and the share of the mean predictor's squared error that is gone."""
    truth, runs, lines = np.concatenate(walked.truth), walked.runs(), []
    said = {name: np.concatenate(parts) for name, parts in walked.given.items()}
    mean = (truth - said["the training mean, or most frequent"][:, 0]) ** 2
    for name, given in said.items():
        errors = np.column_stack([(truth - given[:, 0]) ** 2, mean])
        sums = runs.sums(errors)
        whole, drawn = (1 - s[:, 0] / s[:, 1] for s in (sums.sum(axis=0)[None], runs.drawn(sums)))
        low, high = runs.bounds(float(whole[0]), drawn)
        moved = truth != 0
        hits = float(np.mean(np.sign(given[moved, 0]) == np.sign(truth[moved])))
        held = ""
        if given.shape[1] > 1:
            inside = (given[:, 2] <= truth) & (truth <= given[:, 3])
            held = f", interval holds {inside.mean():.1%}"
        lines.append(
            f"{name}: RMSE {np.sqrt(errors[:, 0].mean()):.5f}, MAE "
            f"{np.abs(truth - given[:, 0]).mean():.5f}, R squared {whole[0]:+.4f} "
            f"({low:+.4f} to {high:+.4f}), sign {hits:.1%}{held}"
        )
    return lines


def of_classes(walked: Walked, one: Forecast) -> list[str]:
    """Accuracy and macro F1, and how far they lie above persistence."""
    true, runs, count = np.concatenate(walked.truth), walked.runs(), len(one.label.classes)
    called = {
        name: Called(true, np.eye(count)[np.concatenate(parts)[:, 0].astype(int)], runs)
        for name, parts in walked.given.items()
    }
    last, lines = called["what came last"], []
    for name, made in called.items():
        low, high = runs.bounds(made.accuracy, made.accuracies)
        lines.append(
            f"{name}: accuracy {made.accuracy:.4f} ({low:.4f} to {high:.4f}), macro F1 "
            f"{made.macro_f1:.4f}; above what came last: {accuracies(made, last, runs)}, macro F1 "
            f"{macro_f1s(made, last, runs)}"
        )
    return lines


TOLD = {"value": of_values, "classes": of_classes}

if __name__ == "__main__":
    typer.run(main)
