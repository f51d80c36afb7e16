"""Contents are stored once, and go when no backup names them any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.backup.objects import Objects
from pipelines.core.errors import InvalidRequest

DAY = timedelta(days=1)
NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)


def store_backup(objects: Objects, at: datetime, *contents: bytes) -> Manifest:
    """Write a backup of these contents, whose snapshots reach a day back."""
    files = {f"f{n}": StoredFile(objects.put(c)[0], len(c)) for n, c in enumerate(contents)}
    catalog = StoredFile(objects.put(b"catalog")[0], 7)
    manifest = Manifest(at, "0", "l", "sqlite", catalog, 1, at - DAY, files)
    objects.write_manifest(manifest)
    return manifest


def test_a_content_is_stored_once(objects: Objects) -> None:
    digest, is_new = objects.put(b"one")
    assert is_new
    assert objects.put(b"one") == (digest, False)
    assert objects.read(digest) == b"one"
    assert Objects(objects.store).has(digest)


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
    assert all(objects.read(digest) for digest in newest.digests())
    assert objects.forget_before(timedelta(0)) == (0, 0), "the newest one stays"
