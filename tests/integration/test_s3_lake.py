"""The lake with its files in an S3-speaking server, under either catalog."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings, settings
from pipelines.lake import Lake
from pipelines.lake.catalog import FILES
from pipelines.lake.compaction import compact
from pipelines.lake.file_store import BucketStore
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.job_server import Jobs
from tests.kill_rounds import find_torn, read_content, run_undisturbed
from tests.lake_rows import count_versions, file_name, keep_snapshot, list_symbols, replace_series
from tests.servers import postgres
from tests.servers.s3 import BUCKET, S3, s3

pytestmark = pytest.mark.integration
NOW = timedelta(0)


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3() as running:
        yield running


@pytest.fixture(scope="module")
def catalog_server() -> Iterator[str]:
    if postgres.missing():
        pytest.skip(postgres.missing())
    with postgres.postgres() as target:
        yield target


@pytest.fixture(params=["sqlite", "postgres"])
def lake_settings(
    lake_settings: Settings,
    request: pytest.FixtureRequest,
    server: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    # Where it is remembered what was verified.
    monkeypatch.setattr("pipelines.lake.door.ROOT", tmp_path)
    monkeypatch.setenv("BULLION_LAKE_DATA", f"s3://{BUCKET}/{tmp_path.name}/lake")
    if request.param == "postgres":
        catalog_server = request.getfixturevalue("catalog_server")
        target = postgres.create_database(catalog_server, f"d{abs(hash(tmp_path))}")
        monkeypatch.setenv("BULLION_LAKE_CATALOG", f"postgres:{target}")
    return settings()


def key(lake: Lake, path: str) -> str:
    return (lake.store.root + path).removeprefix(f"s3://{BUCKET}/")


def test_ingest_compact_and_verify(
    lake_settings: Settings, jobs: Jobs, tmp_path: Path, server: S3
) -> None:
    jobs.run("ingest")
    local = Settings(lake_catalog=f"sqlite:{tmp_path}/o/c.sqlite", lake_data=f"{tmp_path}/o/files")
    foreign = "mine/a.parquet"
    with open_lake() as lake:
        expected = run_undisturbed(local)
        assert read_content(lake) == expected
        assert find_torn(lake) == []
        assert verify(lake).problems == []
        orphan = f"silver/bars/{file_name(datetime.now(UTC))}"
        for path in (foreign, orphan):
            server.client().put_object(Bucket=BUCKET, Key=key(lake, path), Body=b"PAR1")
        report = compact(lake, keep=NOW, readers=timedelta(0))
        assert min(report.flushed, report.rewritten, report.removed) > 0
        assert read_content(lake) == expected
        assert verify(lake).problems == []
        known_paths = {path for (path,) in lake.rows(f"SELECT path FROM ({FILES})")}
        stored_paths = set().union(
            *(lake.store.listing(s) for s in ("bronze", "silver", "gold", "meta"))
        )
        assert stored_paths == known_paths
        assert lake.store.listing("mine") == {foreign}


def test_another_catalog_is_refused_and_removes_nothing(lake: Lake, tmp_path: Path) -> None:
    replace_series(lake, list_symbols())
    paths = lake.store.listing("silver/series")
    config = Settings(lake_catalog=f"sqlite:{tmp_path}/o/c.sqlite", lake_data=lake.config.lake_data)
    with pytest.raises(LakeError, match="does not know"):
        open_lake(config)
    with open_lake(config, adopt=True) as other_lake:
        assert compact(other_lake, keep=NOW, readers=NOW).unproven == len(paths) == 1
        assert lake.store.listing("silver/series") == paths
    with pytest.raises(LakeError, match="belong to another lake"):
        replace_series(lake, list_symbols(), "2")
    with open_lake(adopt=True) as own_lake:
        # What the other catalog wrote meanwhile stays, too.
        assert compact(own_lake, keep=NOW, readers=NOW).unproven == 1
        assert verify(own_lake).problems == []


def test_a_named_snapshot_survives(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(), "1")
    replace_series(lake, list_symbols(), "2")
    keep_snapshot(lake, first, "model 1")
    compact(lake, keep=NOW, readers=NOW)
    assert count_versions(lake, first) == {"1": len(list_symbols())}
    assert count_versions(lake) == {"2": len(list_symbols())}


def test_a_flipped_and_a_missing_object_are_found(lake: Lake, server: S3) -> None:
    replace_series(lake, list_symbols("A"), source="a")
    replace_series(lake, list_symbols("B"), source="b")
    flipped, missing = sorted(lake.store.listing("silver/series"))
    client = server.client()
    whole = client.get_object(Bucket=BUCKET, Key=key(lake, flipped))["Body"].read()
    damaged = whole[:100] + bytes([whole[100] ^ 4]) + whole[101:]
    client.put_object(Bucket=BUCKET, Key=key(lake, flipped), Body=damaged)
    client.delete_object(Bucket=BUCKET, Key=key(lake, missing))
    problems = {problem.path: problem.what for problem in verify(lake).problems}
    assert problems == {flipped: "is damaged: it is not what was committed", missing: "is missing"}
    with open_lake() as anew, pytest.raises(LakeError, match="missing"):
        anew.rows("SELECT max(symbol) FROM silver.series WHERE source = 'b'")


def test_a_server_that_is_gone_is_a_clear_error(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_series(lake, list_symbols(), "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with open_lake() as cut_off:
        with pytest.raises(LakeError, match=BUCKET) as error:
            replace_series(cut_off, list_symbols(), "2")
        assert "BULLION_LAKE_DATA" in error.value.hint
        with pytest.raises(LakeError):
            cut_off.rows("SELECT max(symbol) FROM silver.series")
        with pytest.raises(LakeError):
            verify(cut_off)
    assert count_versions(lake) == {"1": len(list_symbols())}


def test_a_bucket_that_is_not_there_is_a_clear_error(
    lake_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_LAKE_DATA", "s3://no-such-bucket/lake")
    with pytest.raises(LakeError, match="no-such-bucket"), open_lake() as lake:
        replace_series(lake, list_symbols(), "1")


def test_an_object_is_downloaded_once_to_be_checked_and_a_damaged_one_is_not_read(
    lake: Lake, server: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_series(lake, list_symbols())
    (path,) = lake.store.listing("silver/series")
    downloads: list[str] = []
    checksum = BucketStore.checksum

    def count_download(self: BucketStore, path: str) -> tuple[int, str]:
        downloads.append(path)
        return checksum(self, path)

    monkeypatch.setattr(BucketStore, "checksum", count_download)
    for _ in range(2):
        with open_lake() as anew:
            assert count_versions(anew) == {"1": len(list_symbols())}
    assert downloads == [path]

    client = server.client()
    body = bytearray(client.get_object(Bucket=BUCKET, Key=key(lake, path))["Body"].read())
    body[200] ^= 1
    client.put_object(Bucket=BUCKET, Key=key(lake, path), Body=bytes(body))
    with open_lake() as anew, pytest.raises(LakeError, match=f"{path} is damaged"):
        count_versions(anew)
