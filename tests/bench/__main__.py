"""Run every benchmark, or those named: python -m tests.bench [load] [append] ..."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from pipelines.core.errors import unknown
from tests.bench import (
    api,
    append,
    backup,
    checks,
    dashboard,
    feature_store,
    features,
    history,
    hostile,
    load,
    minutes,
    news,
    predict,
    refresh,
    scoring,
    sentiment,
    training,
    wide,
)
from tests.bench.measure import Figure

BENCHES = {
    "load": load.figures,
    "append": append.figures,
    "backup": backup.figures,
    "news": news.figures,
    "features": features.figures,
    "refresh": refresh.figures,
    "minutes": minutes.figures,
    "checks": checks.figures,
    "predict": predict.figures,
    "scoring": scoring.figures,
    "sentiment": sentiment.figures,
    "training": training.figures,
    "whole": training.figures_of_a_training,
    "wide": wide.figures,
    "history": history.figures,
    "api": api.figures,
    "feature_store": feature_store.figures,
    "dashboard": dashboard.figures,
    "hostile": hostile.figures,
}


def main(names: list[str]) -> None:
    for name in names:
        if name not in BENCHES:
            raise SystemExit(str(unknown("benchmark", name, BENCHES)))
    table = Table("what", "ours", "floor or peer", "ratio", "of which", title="make bench")
    figures: list[Figure] = []
    for name in names or BENCHES:
        for figure in BENCHES[name]():
            figures.append(figure)
            table.add_row(*figure.cells())
    Console(width=150).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
