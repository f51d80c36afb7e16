"""Contents are stored once, and go when no backup names them any more."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.backup.objects import DamagedContent, Objects
from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.lake.file_store import FolderStore, open_store

DAY = timedelta(days=1)
NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)


def store_backup(objects: Objects, at: datetime, *contents: bytes) -> Manifest:
    """Write a backup of these contents, whose snapshots reach a day back."""
    files = {f"f{n}": objects.put(c)[0] for n, c in enumerate(contents)}
    catalog = objects.put(b"catalog")[0]
    manifest = Manifest(at, "0", "l", "sqlite", catalog, 1, at - DAY, files)
    objects.write_manifest(manifest)
    return manifest


def test_a_content_is_stored_once(objects: Objects) -> None:
    file, is_new = objects.put(b"one")
    assert is_new
    assert objects.put(b"one") == (file, False)
    assert objects.read(file) == b"one"
    assert Objects(objects.store).has(file.digest)


class Trickle:
    """A file that gives a few bytes at a time, as a network may."""

    def __init__(self, content: bytes) -> None:
        self._file = BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(3)


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("damage", [b"", b"12345678X", b"1234567890+"])
def test_what_is_not_the_known_content_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: bool, damage: bytes
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    sound = b"1234567890"
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="backups")
        place = "s3://backups/here" if remote else str(tmp_path / "backups")
        objects, source = Objects(open_store(place)), FolderStore(str(tmp_path / "files"))
        file = StoredFile(hashlib.sha256(sound).hexdigest(), len(sound))
        source.write("file", damage)
        with pytest.raises(DamagedContent):
            objects.copy_from(source, "file", file)
        assert Objects(objects.store).store.listing("") == set()
        with monkeypatch.context() as patch:
            patch.setattr(FolderStore, "open", lambda self, path: nullcontext(Trickle(sound)))
            objects.copy_from(source, "file", file)
        assert objects.read(file) == sound


def test_a_backup_whose_contents_were_removed_meanwhile_is_none(objects: Objects) -> None:
    file, _ = objects.put(b"one")
    objects.store.remove(objects.store.listing("objects"))
    manifest = Manifest(NOW, "0", "l", "sqlite", file, 1, NOW - DAY, {})
    with pytest.raises(LakeError, match="1 contents were removed"):
        objects.write_manifest(manifest)
    assert objects.manifest_times() == []


@pytest.mark.parametrize(
    ("hours", "place"),
    [(None, 2), (1, 2), (-1, 2), (-23, 2), (-30, 1), (-48, 1), (-60, 1), (-80, 0), (-100, 0)],
)
def test_a_time_is_in_the_first_backup_since_that_reaches_it(
    objects: Objects, hours: int | None, place: int
) -> None:
    times = [NOW - 4 * DAY, NOW - 2 * DAY, NOW]
    for time in times:
        store_backup(objects, time, str(time).encode())
    at = None if hours is None else NOW + timedelta(hours=hours)
    assert objects.select(at).created_at == times[place]


def test_without_a_backup_there_is_nothing_to_restore(objects: Objects) -> None:
    with pytest.raises(InvalidRequest, match="no backup"):
        objects.select()


def test_old_backups_go_with_what_no_other_names(objects: Objects) -> None:
    store_backup(objects, NOW - 9 * DAY, b"old", b"both")
    newest = store_backup(objects, NOW, b"both", b"new")
    assert objects.forget_before(7 * DAY) == (1, 1)
    assert objects.manifest_times() == [NOW]
    assert all(objects.read(file) for file in newest.all_files())
    assert objects.forget_before(timedelta(0)) == (0, 0), "the newest one stays"
