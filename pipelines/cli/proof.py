"""The commands that prove published numbers: reproduce one, audit many."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text
from rich.tree import Tree

from pipelines.cli.app import SourceOption, app, chosen_source, out, progress_bar
from pipelines.core.errors import InvalidRequest
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.proof.audit import ROWS
from pipelines.steps.proof.audit import audit as audit_lake
from pipelines.steps.proof.lineage import Lineage
from pipelines.steps.proof.published import FORMS, Kind, parse_reference
from pipelines.steps.proof.refit import FORM, parse_model, refit
from pipelines.steps.proof.reproduce import reproduce as reproduce_row

DIFFERS = 1  # the exit code of a number that is not reproduced


@app.command()
def reproduce(
    signal: Annotated[str | None, typer.Option(help=FORMS["signal"])] = None,
    prediction: Annotated[str | None, typer.Option(help=FORMS["prediction"])] = None,
    outcome: Annotated[str | None, typer.Option(help=FORMS["outcome"])] = None,
    model: Annotated[str | None, typer.Option(help=FORM)] = None,
    source: SourceOption = None,
) -> None:
    """Derive a published number again from the raw answers, and compare it to the last bit.

    TS is the open of its bar, in UTC; without it the newest is taken. A model is fitted again from
    the snapshot that it was trained on, and its file compared. Ends with 0 where all is the
    same, with 1 where a value differs, which is named, and with 2 where it cannot be asked.
    """
    rows: dict[Kind, str | None] = {
        "signal": signal, "prediction": prediction, "outcome": outcome
    }  # fmt: skip
    named = [(kind, text) for kind, text in rows.items() if text is not None]
    count = len(named) + (model is not None)
    if count != 1:
        raise InvalidRequest(
            f"{count} things to reproduce were named", "name one, such as --signal qqq"
        )
    name = chosen_source(source).name
    with open_lake(create=False) as lake, progress_bar() as progress:
        if model is not None:
            result = refit(lake, Registry(), parse_model(model), name, progress)
        else:
            result = reproduce_row(lake, Registry(), parse_reference(*named[0]), name, progress)
    tree = _tree(result.lineage)
    # At full width, as a cut line would hide a checksum or a value.
    width = Measurement.get(out, out.options.update(max_width=10_000), tree).maximum
    Console(markup=False, file=out.file, width=max(out.width, width)).print(tree)
    out.print(result.verdict, soft_wrap=True, highlight=False)
    if result.difference:
        sys.exit(DIFFERS)


@app.command()
def audit(
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="published rows to draw")] = ROWS,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**62, help="draws the same rows again; default: the time"),
    ] = None,
) -> None:
    """Draw published rows at random, and prove each of them anew in five ways.

    Their features on a history that ends at their bar's close, the rows from the raw answers, by
    the path of the API, the newest features computed in one go, and every commit of live rows
    against the clock. The results are kept in gold.audits. Ends with 1 where a row differs.
    """
    run = f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    with open_lake(create=False) as lake, progress_bar() as progress:
        report = audit_lake(lake, Registry(), rows=rows, seed=seed, run=run, progress=progress)
    out.print(report.summary(), soft_wrap=True, highlight=False)
    report.enforce()


def _tree(lineage: Lineage, tree: Tree | None = None) -> Tree:
    """Draw a lineage; its texts are no markup."""
    branch = Tree(Text(lineage.text)) if tree is None else tree.add(Text(lineage.text))
    for part in lineage.parts:
        _tree(part, branch)
    return branch
