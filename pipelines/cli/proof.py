"""The commands that prove published numbers: reproduce one, audit many."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.tree import Tree

from pipelines.cli.app import SourceOption, app, chosen_source, out, progress_bar
from pipelines.core.errors import InvalidRequest
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.proof.lineage import Lineage
from pipelines.steps.proof.published import FORMS, Kind, parse_reference
from pipelines.steps.proof.reproduce import reproduce as reproduce_row

DIFFERS = 1  # the exit code of a number that is not reproduced


@app.command()
def reproduce(
    signal: Annotated[str | None, typer.Option(help=FORMS["signal"])] = None,
    prediction: Annotated[str | None, typer.Option(help=FORMS["prediction"])] = None,
    outcome: Annotated[str | None, typer.Option(help=FORMS["outcome"])] = None,
    source: SourceOption = None,
) -> None:
    """Derive a published number again from the raw answers, and compare it to the last bit.

    TS is the open of its bar, in UTC; without it the newest is taken. Ends with 0 where all is the
    same, with 1 where a value differs, which is named, and with 2 where it cannot be asked.
    """
    rows: dict[Kind, str | None] = {
        "signal": signal, "prediction": prediction, "outcome": outcome
    }  # fmt: skip
    named = [(kind, text) for kind, text in rows.items() if text is not None]
    if len(named) != 1:
        raise InvalidRequest(
            f"{len(named)} things to reproduce were named", "name one, such as --signal qqq"
        )
    reference = parse_reference(*named[0])
    with open_lake(create=False) as lake, progress_bar() as progress:
        result = reproduce_row(lake, Registry(), reference, chosen_source(source).name, progress)
    out.print(_tree(result.lineage), soft_wrap=True, highlight=False)
    out.print(result.verdict, soft_wrap=True, highlight=False)
    if result.difference:
        sys.exit(DIFFERS)


def _tree(lineage: Lineage, tree: Tree | None = None) -> Tree:
    """Draw a lineage; its texts are no markup."""
    from rich.text import Text

    branch = Tree(Text(lineage.text)) if tree is None else tree.add(Text(lineage.text))
    for part in lineage.parts:
        _tree(part, branch)
    return branch
