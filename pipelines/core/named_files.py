"""Files that are named by their stem: shipped ones, and those of a user's folder.

A file of the user's takes the place of a shipped one of the same name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import InvalidRequest

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class NamedFiles:
    """One kind of such files: universes, topics."""

    kind: str  # in the plural
    shipped: Path
    setting: str  # names the user's folder
    suffix: str

    @property
    def folder(self) -> str:
        """The user's folder; empty where none is set."""
        return os.environ.get(self.setting, "")

    def list_files(self, folder: str) -> dict[str, Path]:
        """Return the file of each name, shipped ones first. A file of any other name is skipped."""
        if folder and not Path(folder).is_dir():
            raise InvalidRequest(
                f"there is no folder {folder}",
                f"set {self.setting} to the folder of your {self.kind}",
            )
        folders = (self.shipped, Path(folder)) if folder else (self.shipped,)
        paths = [path for place in folders for path in sorted(place.glob(f"*{self.suffix}"))]
        return {path.stem: path for path in paths if NAME.fullmatch(path.stem)}

    def place_for(self, name: str, folder: str) -> Path:
        """Return where a file of that name would be looked for."""
        return Path(folder or self.shipped) / f"{name}{self.suffix}"
