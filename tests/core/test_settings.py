"""Wrong settings, and a Ctrl-C at any moment: words and an exit code, never a traceback."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import settings
from pipelines.lake import compaction
from pipelines.steps.lake import open_lake
from tests.commands import Bullion, run_here, run_process
from tests.lake_rows import replace_series

CATALOG, DATA = "BULLION_LAKE_CATALOG", "BULLION_LAKE_DATA"
AWS = {
    "AWS_ACCESS_KEY_ID": "o'hara",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_MAX_ATTEMPTS": "1",
}


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return run_here(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("name", "value", "words", "hint"),
    [
        ("BULLION_LAKE_LOCK_TIMEOUT", "abc", "valid number", "unset it"),
        ("BULLION_LAKE_LOCK_TIMEOUT", "-1", "greater than or equal to 0", "unset it"),
        ("BULLION_LAKE_LOCK_TIMEOUT", "nan", "greater than or equal to 0", "unset it"),
        (CATALOG, "", "is no catalog", "sqlite:PATH"),
        (CATALOG, "sqlite:", "is no catalog", "sqlite:PATH"),
        (CATALOG, "sqlite::memory:", "is no catalog", "sqlite:PATH"),
        (CATALOG, "sqlite:/", "/ is a folder", "sqlite:/catalog.sqlite"),
        (CATALOG, "sqlite:.", ". is a folder", "sqlite:catalog.sqlite"),
        (CATALOG, f"sqlite:{'x' * 300}", "too long", "another path"),
        (DATA, "", "at least 1 character", "unset it"),
        (DATA, "s3://", "names no bucket", "s3://bucket/prefix"),
        (DATA, "s3:///prefix", "names no bucket", "s3://bucket/prefix"),
        *[
            (DATA, there, "cannot lie there", "a folder, or s3://bucket/prefix")
            for there in ("gs://b/x", "az://b", "http://h/x", "file:///x", "S3://b/x", "s3:/b")
        ],
        (DATA, "~no-such-user/files", "home directory", "another path"),
        (DATA, "/dev/null", "/dev/null is a file", "name a folder"),
        (DATA, "/dev/null/files", "/dev/null is a file", "name a folder"),
        (DATA, "x" * 300, "too long", "another path"),
    ],
)
@pytest.mark.parametrize("aws", [{}, AWS], ids=["", "aws"])
def test_a_wrong_setting_is_named_and_nothing_is_made(
    bullion: Bullion,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    value: str,
    words: str,
    hint: str,
    aws: dict[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, content in {**aws, name: value}.items():
        monkeypatch.setenv(variable, content)
    code, out, err = bullion("weights")
    assert (code, out) == (2, "")
    assert f"{name}={value!r}" in err
    assert words in err
    assert hint in err
    assert list(tmp_path.iterdir()) == []


def test_no_error_shows_the_password_of_a_catalog(
    bullion: Bullion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CATALOG, "mysql://me:geheim@h/x")
    _, _, err = bullion("status")
    assert "mysql://me:***@h/x" in err


@pytest.mark.parametrize("aws", [{}, AWS], ids=["", "aws"])
def test_a_bucket_that_cannot_be_reached_is_named(
    bullion: Bullion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: dict[str, str]
) -> None:
    for variable, content in {**aws, DATA: "s3://bucket/x", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(variable, content)
    code, _, err = bullion("weights")
    assert code == 1
    assert "cannot reach s3://bucket/x/" in err
    assert "the AWS_ variables" in err


def test_an_address_without_a_scheme_is_told(
    bullion: Bullion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, content in {**AWS, DATA: "s3://b", "AWS_ENDPOINT_URL": "127.0.0.1:9000"}.items():
        monkeypatch.setenv(variable, content)
    code, _, err = bullion("weights")
    assert code == 2
    assert "AWS_ENDPOINT_URL='127.0.0.1:9000' is no address" in err


def test_a_tilde_is_the_home_folder(
    bullion: Bullion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, content in {
        "HOME": f"{tmp_path}/home",
        CATALOG: "sqlite:~/lake/catalog.sqlite",
        DATA: "~/lake/files",
    }.items():
        monkeypatch.setenv(variable, content)
    assert bullion("weights")[0] == 0
    assert (tmp_path / "home" / "lake" / "catalog.sqlite").exists()
    assert list((tmp_path / "home" / "lake" / "files").rglob("*.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_files_that_cannot_be_written_point_to_their_setting(
    bullion: Bullion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA, "/proc/bullion")
    code, _, err = bullion("weights")
    assert code == 1
    assert "the files cannot lie there" in err
    assert DATA in err


def test_a_snapshot_that_is_not_there_or_expired_is_told(bullion: Bullion, tmp_path: Path) -> None:
    with open_lake() as lake:
        old = replace_series(lake, ["A"], "1")
        replace_series(lake, ["A"], "2")
        compaction.compact(lake, keep=timedelta(0))
    for snapshot in (str(old), "999"):
        for command in (["sql", "SELECT 1"], ["export", str(tmp_path / snapshot)]):
            code, _, err = bullion(*command, "--snapshot", snapshot)
            assert code == 1
            assert "that snapshot is gone" in err
            assert "FROM lake.snapshots()" in err
    assert bullion("sql", "FROM lake.snapshots()")[0] == 0


AT_IMPORT = """
import time
from contextlib import suppress
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            with suppress({lost}):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
sys.meta_path.insert(0, Interrupts())
"""


@pytest.mark.parametrize("name", ["typer", "duckdb", "pyarrow", "pipelines.cli.lake"])
@pytest.mark.parametrize(
    "suppressed", ["", "BaseException"]
)  # some modules swallow what meets them
def test_ctrl_c_during_the_imports_ends_them_in_words(name: str, suppressed: str) -> None:
    process = run_process("status", before=AT_IMPORT.format(name=name, lost=suppressed))
    assert process.returncode == 128 + signal.SIGINT
    assert process.stderr.startswith("stopped;")
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.parametrize("snapshot", [[], ["--snapshot", "1"]])
def test_ctrl_c_in_a_query_ends_it_in_words(snapshot: list[str]) -> None:
    open_lake().close()
    ended = run_process(
        "sql",
        "SELECT count(*) FROM range(100000000000) t WHERE hash(range) = 1",
        *snapshot,
        before="threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()",
    )
    assert ended.returncode == 128 + signal.SIGINT
    assert ended.stderr.startswith("stopped;")
    assert len(ended.stderr.splitlines()) == 1


def test_a_wrong_setting_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_SMTP", "smtps://me:hidden@mail.example.com/inbox")
    with pytest.raises(InvalidRequest) as caught:
        settings()
    assert "BULLION_SMTP='smtps://me:***@mail.example.com/inbox'" in caught.value.message
    assert "hidden" not in caught.value.message
