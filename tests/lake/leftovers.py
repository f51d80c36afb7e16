"""Files that a killed writer left, and the mark that says since when a folder is the lake's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.lake import Lake
from pipelines.lake.folder_owner import MARK
from tests.lake_rows import file_name

HOUR = timedelta(hours=1)


def leave_file(lake: Lake, age: timedelta) -> Path:
    """Write a file that no commit recorded; return its path."""
    path = Path(lake.config.lake_data, "silver", "series", file_name(datetime.now(UTC) - age))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    return path


def mark_earlier(lake: Lake, age: timedelta = timedelta(days=1)) -> None:
    """Let the folder be marked since longer ago."""
    path = Path(lake.config.lake_data, MARK)
    fields = json.loads(path.read_text())
    fields["since"] = (datetime.now(UTC) - age).isoformat()
    path.write_text(json.dumps(fields))
