"""The commands on sentiment: which model speaks, and FinBERT's folder made and checked."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import app, named_folder, out, print_table
from pipelines.sentiment.choice import chosen_model
from pipelines.sentiment.headlines import headline_description

commands = typer.Typer(help="Which sentiment model speaks; make and check FinBERT's folder.")
app.add_typer(commands, name="sentiment")

FolderArgument = Annotated[str, typer.Argument(metavar="FOLDER", help="of the exported model")]
FIGURES = (
    ("headlines", "headlines, the model that ships"),
    ("dictionary", "the dictionary's financial tone"),
    ("textblob", "TextBlob's polarity"),
    ("most_frequent", "the most frequent label"),
)


@commands.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """Print which model speaks, and the figures of the one that ships."""
    if context.invoked_subcommand is not None:
        return
    out.print(chosen_model().summary(), highlight=False, soft_wrap=True)
    description = headline_description()
    data, counts, held_out = (
        description[name] for name in ("training_data", "headlines", "held_out")
    )
    rows: list[tuple[object, ...]] = [
        (name, f"{held_out[key]['accuracy']:.1%}", f"{held_out[key]['macro_f1']:.3f}")
        for key, name in FIGURES
    ]
    print_table(
        f"on {counts['held_out']:,} headlines that training never saw",
        rows,
        ("model", "accuracy", "macro F1"),
    )
    out.print(
        f"calibration error of headlines: {held_out['headlines']['calibration_error']:.3f}\n"
        f"trained on {counts['training']:,} headlines of {data['name']} ({data['licence']}),"
        f" {data['url']}",
        highlight=False,
        soft_wrap=True,
    )


@commands.command()
def export(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="folder of a model of transformers")
    ],
    folder: FolderArgument,
    int8: Annotated[
        bool, typer.Option("--int8", help="weights of eight bits: a quarter of the size")
    ] = False,
) -> None:
    """Make a folder for BULLION_FINBERT of a local checkpoint, such as ProsusAI/finbert's."""
    from pipelines.sentiment.finbert_export import export_folder

    manifest = export_folder(named_folder(checkpoint), named_folder(folder), int8=int8)
    out.print(
        f"{folder} has finbert {manifest.version} ({manifest.sha256['model.onnx'][:12]})\n"
        f"  next: bullion sentiment check {folder}",
        highlight=False,
        soft_wrap=True,
    )


@commands.command()
def check(folder: FolderArgument) -> None:
    """Compare a folder with its checkpoint, and measure how many titles it scores in a second."""
    from pipelines.sentiment.finbert_check import check_folder

    report = check_folder(named_folder(folder))
    report.enforce()
    out.print(report.summary(), highlight=False, soft_wrap=True)
