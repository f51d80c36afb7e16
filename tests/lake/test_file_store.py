"""A store of files lists, hashes, marks and replaces them, in a folder as in a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pytest
from moto import mock_aws

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.lake import file_store
from pipelines.lake.catalog import extension_file
from pipelines.lake.file_store import FileStore, open_store

PATH = "silver/bars/one.parquet"


@pytest.fixture(params=["folder", "bucket"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileStore]:
    """An empty store of each kind; no mark is too young, and none is remembered."""
    monkeypatch.setattr(file_store, "YOUNG_NS", 0)
    monkeypatch.setattr(file_store, "MARK_SECONDS", -1.0)
    if request.param == "folder":
        yield open_store(str(tmp_path / "files"))
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bullion")
        yield open_store("s3://bullion/lake")


def test_a_file_is_written_listed_hashed_and_removed(store: FileStore) -> None:
    store.write(PATH, b"first")
    store.write(PATH, b"second")
    store.write("silver/gaps/two.parquet", b"")
    assert store.listing("silver/bars") == {PATH}
    assert store.listing("silver") == {PATH, "silver/gaps/two.parquet"}
    store.write("mark.json", b"{}")
    assert store.listing("") == {PATH, "silver/gaps/two.parquet", "mark.json"}
    assert store.read(PATH) == b"second"
    digest = hashlib.sha256(b"second").hexdigest()
    assert store.checksum(PATH) == (6, digest)
    sums = {"path": PATH, "bytes": 6, "sha256": digest}
    assert store.checksums([PATH]).to_pylist() == [sums]
    store.remove([PATH, PATH])
    assert store.listing("silver/bars") == set()


def test_a_file_that_is_gone_has_no_content_and_no_mark(store: FileStore) -> None:
    for read in (store.read, store.checksum):
        with pytest.raises(FileNotFoundError):
            read(PATH)
    assert store.marks([PATH]) == {}


def test_a_mark_changes_with_its_file_and_else_stays(store: FileStore) -> None:
    store.write(PATH, b"first")
    marks = store.marks([PATH])
    assert marks[PATH]
    assert store.marks([PATH]) == marks
    store.write(PATH, b"other")
    assert store.marks([PATH]) != marks


def test_a_file_written_a_moment_ago_has_no_mark_to_trust(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write(PATH, b"young")
    assert store.marks([PATH]) == {PATH: ""}
    written_at = (tmp_path / PATH).stat().st_ctime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", lambda: written_at + 2 * file_store.YOUNG_NS)
        assert store.marks([PATH])[PATH]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "silver").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match="the files cannot lie there") as caught:
        open_store(str(tmp_path)).write(PATH, b"")
    assert "BULLION_LAKE_DATA" in caught.value.hint


@pytest.mark.parametrize("setting", ["gs://bucket/lake", "s3://", f"{__file__}/lake"])
def test_a_setting_that_names_no_store_is_refused(setting: str) -> None:
    with pytest.raises(InvalidRequest, match="BULLION_LAKE_DATA") as caught:
        open_store(setting)
    assert "name a folder" in caught.value.hint or "s3://bucket/prefix" in caught.value.hint


def test_duckdb_gets_the_keys_and_the_address_of_the_bucket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "it's me")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
        connection.execute(f"LOAD '{extension_file('httpfs')}'")
        for statement in open_store("s3://bullion/lake").secrets():
            connection.execute(statement)
        [(text,)] = connection.execute("SELECT secret_string FROM duckdb_secrets()").fetchall()
    fields = dict(field.partition("=")[::2] for field in text.split(";"))
    assert fields["key_id"] == "it's me"
    assert (fields["endpoint"], fields["url_style"]) == ("127.0.0.1:9000", "path")
    assert fields["use_ssl"] == "false"


def test_an_endpoint_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(InvalidRequest, match="is no address"):
        open_store("s3://bullion/lake").secrets()
