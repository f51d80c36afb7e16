"""The place of backups: contents by their SHA-256, and a manifest for each backup.

A content that is there already is not copied again, whichever backup brought it. The place is a
folder or a bucket: `objects/ab/abcd...` and `backups/20261130T091500.000000Z.json`.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.backup.manifest import Manifest
from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.lake.file_store import FileStore, FolderStore, Readable

OBJECTS, BACKUPS = "objects", "backups"
STAMP = "%Y%m%dT%H%M%S.%fZ"


class DamagedContent(Exception):
    """What was read is not what its SHA-256 says."""


class _CheckedReader:
    """Reads on, and raises at the end where the SHA-256 is another: then nothing is written."""

    def __init__(self, source: Readable, digest: str) -> None:
        self._source, self._digest = source, digest
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        content = self._source.read(size)
        self._hash.update(content)
        if (size < 0 or len(content) < size) and self._hash.hexdigest() != self._digest:
            raise DamagedContent(self._digest)
        return content


class Objects:
    """Contents and manifests of backups in a folder or a bucket."""

    def __init__(self, store: FileStore) -> None:
        self.store = store
        self._stored = {path.rpartition("/")[2] for path in store.listing(OBJECTS)}

    def has(self, digest: str) -> bool:
        """Whether a content is there already."""
        return digest in self._stored

    def put(self, content: bytes) -> tuple[str, bool]:
        """Store a content; return its SHA-256, and whether it was new."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._stored:
            return digest, False
        self.store.write(_place_of(digest), content)
        self._stored.add(digest)
        return digest, True

    def copy_from(self, store: FileStore, path: str, digest: str) -> None:
        """Store a file of any size whose SHA-256 is known; DamagedContent where it has another."""
        with store.open(path) as file:
            self.store.copy_from(_CheckedReader(file, digest), _place_of(digest))
        self._stored.add(digest)

    def copy_to(self, digest: str, store: FileStore, path: str) -> None:
        """Write a content to a file; LakeError where it is not there, or is not what it was."""
        try:
            with self.store.open(_place_of(digest)) as file:
                store.copy_from(_CheckedReader(file, digest), path)
        except FileNotFoundError:
            raise LakeError(
                f"the backup in {self.store.root} lacks the content {digest}",
                "take another backup of this place: `bullion backups` lists them",
            ) from None
        except DamagedContent:
            raise LakeError(
                f"the content {digest} of the backup in {self.store.root} is damaged",
                "take another backup of this place, or another place",
            ) from None

    def read(self, digest: str) -> bytes:
        """Return a content of a small file; LakeError as for `copy_to`."""
        with TemporaryDirectory(prefix="bullion-restore-") as folder:
            self.copy_to(digest, FolderStore(folder), digest)
            return (Path(folder) / digest).read_bytes()

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, after everything that it names: until then there is no backup."""
        name = f"{manifest.created_at:{STAMP}}"
        self.store.write(f"{BACKUPS}/{name}.json", manifest.to_json())

    def manifest_times(self) -> list[datetime]:
        """Return when each backup was made, the oldest first."""
        names = (path.rpartition("/")[2] for path in self.store.listing(BACKUPS))
        return sorted(
            datetime.strptime(name, f"{STAMP}.json").replace(tzinfo=UTC)
            for name in names
            if name.endswith("Z.json")
        )

    def manifest(self, created_at: datetime) -> Manifest:
        """Return the manifest of a backup."""
        return Manifest.from_json(self.store.read(f"{BACKUPS}/{created_at:{STAMP}}.json"))

    def select(self, at: datetime | None = None) -> Manifest:
        """Return the newest backup, or the one that holds the state at a time.

        That is the first one made since, as it has the snapshots of the days before it; where
        these do not reach back so far, the last one made before.
        """
        times = self.manifest_times()
        if not times:
            raise InvalidRequest(
                f"there is no backup in {self.store.root}", "make one with `bullion backup`"
            )
        if at is None or at > times[-1]:
            return self.manifest(times[-1])
        later = self.manifest(min(time for time in times if time >= at))
        if later.first_snapshot_at <= at:
            return later
        earlier = [time for time in times if time < at]
        if not earlier:
            raise InvalidRequest(
                f"the backups in {self.store.root} reach back to "
                f"{later.first_snapshot_at:%Y-%m-%d %H:%M} UTC",
                "name a later time, or none for the newest state",
            )
        return self.manifest(max(earlier))

    def forget_before(self, age: timedelta) -> tuple[int, int]:
        """Remove backups that are older, and what no other names; return how many of each.

        The newest backup stays, however old it is.
        """
        times = self.manifest_times()
        old = [time for time in times[:-1] if times[-1] - time > age]
        if not old:
            return 0, 0
        self.store.remove(f"{BACKUPS}/{time:{STAMP}}.json" for time in old)
        named = {
            digest for time in times if time not in old for digest in self.manifest(time).digests()
        }
        unnamed = self._stored - named
        self.store.remove(_place_of(digest) for digest in unnamed)
        self._stored -= unnamed
        return len(old), len(unnamed)


def _place_of(digest: str) -> str:
    return f"{OBJECTS}/{digest[:2]}/{digest}"
