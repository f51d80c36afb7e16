"""Small folders of files for the tests of the files source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core.calendar import interval_of, utc
from pipelines.sources.base import Parsed, Request
from pipelines.sources.files import Files
from pipelines.sources.files.mapping import NAME


def request(interval: str = "1h", symbols: tuple[str, ...] = (), **span: str) -> Request:
    start, end = span.get("start", "1970-01-01"), span.get("end", "2100-01-01")
    return Request(symbols, interval_of(interval), utc(start), utc(end), utc(end))


def folder(tmp_path: Path, files: dict[str, str | bytes], *series: dict[str, Any]) -> Files:
    """A folder with these files and a mapping with these series."""
    for name, body in files.items():
        (tmp_path / name).write_bytes(body.encode() if isinstance(body, str) else body)
    (tmp_path / "bars.yaml").write_text(yaml.safe_dump({"series": list(series)}))
    return Files(tmp_path)


def news_folder(tmp_path: Path, files: dict[str, str | bytes], *news: dict[str, Any]) -> Files:
    """A folder with these files and a mapping of their news."""
    for name, body in files.items():
        (tmp_path / name).write_bytes(body.encode() if isinstance(body, str) else body)
    (tmp_path / "news.yaml").write_text(yaml.safe_dump({"news": list(news)}))
    return Files(tmp_path)


def create_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **declaration: list[dict[str, Any]]
) -> Path:
    """The folder that the settings name as source of files, with this mapping and no file."""
    inbox_folder = tmp_path / "inbox"
    inbox_folder.mkdir()
    (inbox_folder / NAME).write_text(yaml.safe_dump(declaration))
    monkeypatch.setenv("BULLION_FILES", str(inbox_folder))
    return inbox_folder


def read(files: Files, bars_request: Request) -> list[Parsed]:
    return [files.parse(answer) for answer in files.fetch(bars_request)]


def parse_file(
    tmp_path: Path, body: str | bytes, bars_request: Request | None = None, **series: Any
) -> Parsed:
    """The only file of a folder, read by a mapping with these keys."""
    entry = {"files": "a.*", "symbol": "AAPL", "interval": "1h", "timezone": "UTC", **series}
    name = "a.parquet" if isinstance(body, bytes) and body.startswith(b"PAR1") else "a.csv"
    bars_request = bars_request or request(entry["interval"])
    (parsed,) = read(folder(tmp_path, {name: body}, entry), bars_request)
    return parsed


def opens(parsed: Parsed) -> list[str]:
    return [ts.strftime("%Y-%m-%d %H:%M") for ts in parsed.bars["ts"].to_pylist()]
