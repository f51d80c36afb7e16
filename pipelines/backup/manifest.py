"""What a backup holds: each file by its path and the SHA-256 of its content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from pipelines.core.errors import InvalidRequest

FORMAT = 1


@dataclass(frozen=True)
class StoredFile:
    """A file of a backup. `mark` is by what an unchanged one is known again, where it has one."""

    digest: str
    bytes: int
    mark: str = ""


@dataclass(frozen=True)
class Manifest:
    """One backup. Paths are relative to the folder that each group has in its own setting."""

    created_at: datetime
    code: str  # the version of Bullion that made it
    layout: str  # fingerprint of the lake's tables
    catalog_kind: str  # sqlite or postgres
    catalog: StoredFile
    snapshot: int  # the newest of the lake
    first_snapshot_at: datetime  # of the oldest that can be gone back to
    files: Mapping[str, StoredFile]  # of the lake
    models_kind: str = ""  # of MLflow's database; empty: there was none
    models: StoredFile | None = None
    artifacts_root: str = ""  # where MLflow's database says that they lie
    artifacts: Mapping[str, StoredFile] = field(default_factory=dict)
    copies: Mapping[str, StoredFile] = field(default_factory=dict)  # of models, beside the lake
    state: Mapping[str, StoredFile] = field(default_factory=dict)  # quotas, what feeds said last
    settings: Mapping[str, str] = field(default_factory=dict)  # without secrets

    def all_files(self) -> Iterator[StoredFile]:
        """Every file of the backup."""
        yield self.catalog
        yield from self.files.values()
        if self.models:
            yield self.models
        yield from self.artifacts.values()
        yield from self.copies.values()
        yield from self.state.values()

    def digests(self) -> set[str]:
        """Every content that the backup needs."""
        return {file.digest for file in self.all_files()}

    def to_json(self) -> bytes:
        """Write the manifest as JSON."""
        fields = asdict(self) | {
            "format": FORMAT,
            "created_at": self.created_at.isoformat(),
            "first_snapshot_at": self.first_snapshot_at.isoformat(),
        }
        return json.dumps(fields, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read a manifest; InvalidRequest where it is none, or of a later release."""
        try:
            fields = json.loads(text)
            if fields.pop("format") != FORMAT:
                raise InvalidRequest(
                    "this backup was made by a later release of Bullion", "restore it with that one"
                )
            for name in ("files", "artifacts", "copies", "state"):
                fields[name] = {path: StoredFile(**file) for path, file in fields[name].items()}
            for name in ("catalog", "models"):
                fields[name] = fields[name] and StoredFile(**fields[name])
            for name in ("created_at", "first_snapshot_at"):
                fields[name] = datetime.fromisoformat(fields[name])
            return cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRequest(
                f"this is no manifest of a backup: {error}", "take another backup of this place"
            ) from error
