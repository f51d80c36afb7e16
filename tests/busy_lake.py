"""A lake with files and rows of every kind, and what verifying it finds."""

from __future__ import annotations

from pathlib import Path

from pipelines.lake import Lake
from pipelines.lake.catalog import FILES
from pipelines.lake.verification import verify
from tests.lake_rows import list_symbols, replace_series, series


def files(lake: Lake) -> dict[str, Path]:
    """Every file that the lake names."""
    with lake.view() as view:
        named = view.rows(f"SELECT DISTINCT path FROM ({FILES}) ORDER BY 1")
    return {path: Path(lake.config.lake_data) / path for (path,) in named}


def find_damage(lake: Lake) -> list[tuple[str, str]]:
    """What verifying finds: paths, and what is wrong."""
    return [(problem.path, problem.what) for problem in verify(lake).problems]


def fill_with_deletes(lake: Lake) -> None:
    """Files with holes of both kinds (in files, in the catalog), small files, inlined rows."""
    replace_series(lake, list_symbols("A"), source="a")
    for number in range(6):
        with lake.write() as writer:
            writer.append(
                "silver.series", series(list_symbols(f"B{number}", 1100), source=f"b{number}")
            )
    with lake.write() as writer:
        writer.delete("silver.series", "symbol BETWEEN 'A00100' AND 'A01899'")
    with lake.write() as writer:
        writer.delete("silver.series", "symbol LIKE 'B0%' AND symbol < 'B000010'")
    replace_series(lake, list_symbols("C", 30), source="c")
    replace_series(lake, list_symbols("C", 20), "2", source="c")
