"""The store's user of the read API: it reads the lake, and can do nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from include.deploy import prepare
from pipelines.core.errors import BullionError, LakeError
from pipelines.steps.lake import open_lake
from tests.lake_rows import count_versions, list_symbols, replace_series
from tests.servers.s3 import BUCKET, S3, s3
from tests.servers.store_admin import StoreAdmin, store_admin

PLACE = f"s3://{BUCKET}/lake"
USER = {"READER_S3_ACCESS_KEY": "reader", "READER_S3_SECRET_KEY": "first & <only>"}


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3() as server:
        yield server


@pytest.fixture
def store(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server with one empty bucket, and no check of keys as yet."""
    for path, body in (("reset", ""), ("reset-auth", "inf")):
        httpx.post(f"{server.url}/moto-api/{path}", content=body).raise_for_status()
    server.client().create_bucket(Bucket=BUCKET)
    for name, value in (server.environment | USER).items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def admin(store: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreAdmin]:
    with store_admin("testing", "testing") as server:
        monkeypatch.setenv("S3_ADMIN_URL", server.url)
        yield server


def test_the_user_is_made_once_and_gets_the_secret_of_today(
    store: S3, admin: StoreAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("first & <only>", "second"):
        monkeypatch.setenv("READER_S3_SECRET_KEY", secret)
        prepare.reader()
        assert admin.users == {"reader": (secret, "user")}
    policy = json.loads(store.client().get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy == prepare.reading(PLACE, "reader")


def test_a_store_that_makes_no_user_is_reported(
    admin: StoreAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(BullionError, match="the store makes no user: 403"):
        prepare.reader()
    assert admin.users == {}


def test_another_store_is_left_alone(store: S3, capsys: pytest.CaptureFixture[str]) -> None:
    prepare.reader()
    assert "S3_ADMIN_URL is not set" in capsys.readouterr().out
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        store.client().get_bucket_policy(Bucket=BUCKET)


@pytest.fixture
def as_reader(store: S3, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lake with a file on the store, and from then on the keys of the reader.

    Here the policy is that of a user, as this store enforces no policy of a bucket.
    """
    with open_lake() as lake:
        replace_series(lake, list_symbols())
    iam = boto3.client("iam", endpoint_url=store.url)
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    policy = prepare.reading(PLACE, "reader")
    for statement in policy["Statement"]:
        del statement["Principal"]
    iam.put_user_policy(UserName="reader", PolicyName="reading", PolicyDocument=json.dumps(policy))
    httpx.post(f"{store.url}/moto-api/reset-auth", content="0").raise_for_status()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the keys of before
    return boto3.client("s3", endpoint_url=store.url)


def test_with_its_policy_the_lake_can_be_read_and_not_written(as_reader: Any) -> None:
    with open_lake(read_only=True) as lake:
        assert count_versions(lake) == {"1": len(list_symbols())}
    with open_lake() as lake, pytest.raises(LakeError, match=r"AccessDenied|403"):
        replace_series(lake, list_symbols(), "2")
    for call in (
        lambda: as_reader.put_object(Bucket=BUCKET, Key="lake/x", Body=b"x"),
        lambda: as_reader.delete_object(Bucket=BUCKET, Key="lake/x"),
        lambda: as_reader.get_object(Bucket=BUCKET, Key="artifacts/model.onnx"),
        lambda: as_reader.list_objects_v2(Bucket=BUCKET),
        lambda: as_reader.put_bucket_policy(Bucket=BUCKET, Policy="{}"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_only_the_parts_that_are_named_are_prepared_in_the_order_they_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    parts = {name: lambda name=name: called.append(name) for name in prepare.PARTS}
    for name, part in parts.items():
        part.__name__ = name
    monkeypatch.setattr(prepare, "PARTS", parts)
    prepare.main(["mlflow", "airflow", "lake"])
    assert called == ["lake", "airflow", "mlflow"]
    with pytest.raises(BullionError, match="did you mean lake"):
        prepare.main(["lakes"])


def test_mlflows_tables_are_upgraded_only_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(prepare.subprocess, "run", lambda command, check: commands.append(command))
    address = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", address)
    prepare.mlflow()
    assert commands == []
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR)")
    prepare.mlflow()
    assert [command[-4:] for command in commands] == [["mlflow", "db", "upgrade", address]]
