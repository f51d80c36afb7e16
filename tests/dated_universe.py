"""A universe of a test, in a folder that the setting names."""

from __future__ import annotations

from pathlib import Path

import pytest

HEAD = "symbol,name,sector,from,to"


def write_universe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, *lines: str, remarks: str = ""
) -> Path:
    """Write a universe of lines such as `AAPL,,2020-01-02,`: symbol, sector, from and to."""
    folder.mkdir(exist_ok=True)
    rows = [line.replace(",", f",{line.partition(',')[0]},", 1) for line in lines]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([*remarks.splitlines(), HEAD, *rows, ""]))
    monkeypatch.setenv("BULLION_UNIVERSES", str(folder))
    return path
