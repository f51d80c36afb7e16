"""Copies of models' files beside the lake, each verified by its SHA-256 whenever it is read."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipelines.registry.errors import UNUSABLE, UnsoundModel
from pipelines.registry.model_files import LARGEST

MOST_FILES = 50  # copies at most: those that were used last


class VerifiedFiles:
    """A folder of models' files, so that scoring neither waits for MLflow nor stops without it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, sha256: str, fetch: Callable[[], bytes]) -> bytes:
        """Read the file with that SHA-256; where it is not there, fetch it, verify and keep it."""
        file = self.folder / f"{sha256}.onnx"
        if file.is_file() and file.stat().st_size <= LARGEST:
            body = file.read_bytes()
            if hashlib.sha256(body).hexdigest() == sha256:
                file.touch()  # what is used is not pruned
                return body
        body = fetch()
        if hashlib.sha256(body).hexdigest() != sha256:
            raise UnsoundModel(
                f"the registry's model is not the one decided on: its SHA-256 is not {sha256[:12]}",
                UNUSABLE,
            )
        self._write(file, body)
        self._prune()
        return body

    def _write(self, file: Path, body: bytes) -> None:
        """Write the file whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False)  # noqa: SIM115
        try:
            with part:
                part.write(body)
            Path(part.name).replace(file)
        finally:
            Path(part.name).unlink(missing_ok=True)

    def _prune(self) -> None:
        """Delete all but the files that were used last; another process may be pruning too."""
        files: list[tuple[float, Path]] = []
        for file in self.folder.glob("*.onnx"):
            with suppress(FileNotFoundError):
                files.append((file.stat().st_mtime, file))
        for _, file in sorted(files, reverse=True)[MOST_FILES:]:
            file.unlink(missing_ok=True)
