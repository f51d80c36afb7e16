"""The place of backups: contents by their SHA-256, and a manifest for each backup.

A content that is there already is not copied again, whichever backup brought it. The place is a
folder or a bucket: `objects/ab/abcd...` and `backups/20261130T091500.000000Z.json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.lake.file_store import CHUNK, FileStore, Readable

OBJECTS, BACKUPS = "objects", "backups"
STAMP = "%Y%m%dT%H%M%S.%fZ"


class DamagedContent(Exception):
    """What was read is not what its SHA-256 says."""


class _CheckedReader:
    """Reads a file on, and raises where it ends as another than was recorded: nothing is written.

    Whoever reads may stop at the last byte without asking for more, so the end is known by size;
    and may take a short answer for the end, so each answer is as long as was asked for.
    """

    def __init__(self, source: Readable, file: StoredFile) -> None:
        self._source, self._file = source, file
        self._hash, self._bytes = hashlib.sha256(), 0

    def read(self, size: int = -1, /) -> bytes:
        content = self._source.read(size)
        while 0 < len(content) < size and (more := self._source.read(size - len(content))):
            content += more
        self._hash.update(content)
        self._bytes += len(content)
        has_ended = not content or self._bytes >= self._file.bytes
        is_whole = self._bytes == self._file.bytes and self._hash.hexdigest() == self._file.digest
        if has_ended and not is_whole:
            raise DamagedContent(self._file.digest)
        return content


class Objects:
    """Contents and manifests of backups in a folder or a bucket."""

    def __init__(self, store: FileStore) -> None:
        self.store = store
        self._stored = {path.rpartition("/")[2] for path in store.listing(OBJECTS)}

    def has(self, digest: str) -> bool:
        """Whether a content is there already."""
        return digest in self._stored

    def put(self, content: bytes) -> tuple[StoredFile, bool]:
        """Store a content; return it as a file of a manifest, and whether it was new."""
        file = StoredFile(hashlib.sha256(content).hexdigest(), len(content))
        is_new = file.digest not in self._stored
        if is_new:
            self.store.copy_from(BytesIO(content), _place_of(file.digest))
            self._stored.add(file.digest)
        return file, is_new

    def copy_from(self, store: FileStore, path: str, file: StoredFile) -> None:
        """Store a file of any size that is known; DamagedContent where it is another."""
        with store.open(path) as source:
            self.store.copy_from(_CheckedReader(source, file), _place_of(file.digest))
        self._stored.add(file.digest)

    def copy_to(self, file: StoredFile, store: FileStore, path: str) -> None:
        """Write a content to a file; LakeError where it is not there, or is not what it was."""
        with self._open(file) as source:
            store.copy_from(source, path)

    def read(self, file: StoredFile) -> bytes:
        """Return a content of a small file; LakeError as for `copy_to`."""
        with self._open(file) as source:
            return source.read()

    def check(self, file: StoredFile) -> None:
        """Read a content to its end; LakeError as for `copy_to`."""
        with self._open(file) as source:
            while source.read(CHUNK):
                pass

    @contextmanager
    def _open(self, file: StoredFile) -> Iterator[Readable]:
        try:
            with self.store.open(_place_of(file.digest)) as source:
                yield _CheckedReader(source, file)
        except FileNotFoundError:
            raise LakeError(
                f"the backup in {self.store.root} lacks the content {file.digest}",
                "take another backup of this place: `bullion backups` lists them",
            ) from None
        except DamagedContent:
            raise LakeError(
                f"the content {file.digest} of the backup in {self.store.root} is damaged",
                "take another backup of this place, or another place",
            ) from None

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, after everything that it names: until then there is no backup.

        LakeError where a content is gone, as another process has removed old backups meanwhile.
        """
        stored = {path.rpartition("/")[2] for path in self.store.listing(OBJECTS)}
        gone = manifest.digests() - stored
        if gone:
            raise LakeError(
                f"{len(gone)} contents were removed from {self.store.root} while it was backed up",
                "one command at a time may remove old backups; run the backup again",
            )
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

    def contents(self) -> list[StoredFile]:
        """Return each content that some backup needs."""
        files = (file for time in self.manifest_times() for file in self.manifest(time).all_files())
        return list({file.digest: file for file in files}.values())

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
