"""The data files of a lake: listed and hashed in a folder, or in an S3 bucket."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlparse

import pyarrow as pa

from pipelines.core.errors import InvalidRequest, LakeError

RACY = 1_000_000_000  # ns after a write in which the next one may go unseen
OWNER = "check who owns the lake's folder, and its permissions"
MOUNTED_READ_ONLY = (
    "the disk is mounted read-only: mount it for writing (in Docker without :ro), or use a copy; "
    "SQLite writes beside the catalog even to read it"
)
FRESH = 60.0  # seconds for which what a bucket said of an object stands


class Store(Protocol):
    root: str  # as DuckLake is told, with a slash at the end
    remote: bool

    def listing(self, folder: str) -> set[str]:
        """Paths of all files below a folder, relative to the root."""
        ...

    def checksum(self, path: str) -> tuple[int, str]:
        """Size and SHA-256 of a file. FileNotFoundError when it is gone."""
        ...

    def checksums(self, paths: Iterable[str]) -> pa.Table: ...

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        """What changes with each file; none for one that is gone, '' for one just written."""
        ...

    def read(self, path: str) -> bytes:
        """A small file. FileNotFoundError when it is not there."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a small file, all of it or nothing."""
        ...

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; one that is gone already is no error."""
        ...

    def secrets(self) -> list[str]:
        """SQL that lets DuckDB reach the files."""
        ...


def _table(store: Store, paths: Iterable[str]) -> pa.Table:
    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        sums = list(pool.map(store.checksum, paths))
    return pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "bytes": pa.array([size for size, _ in sums], pa.int64()),
            "sha256": pa.array([digest for _, digest in sums], pa.string()),
        }
    )


class Folder:
    """Files in a local folder."""

    remote = False

    def __init__(self, root: str) -> None:
        self._path = local_path(root, f"BULLION_LAKE_DATA={root!r}").resolve()
        for path in (self._path, *self._path.parents):
            if path.exists() and not path.is_dir():
                raise InvalidRequest(
                    f"BULLION_LAKE_DATA={root!r}: {path} is a file",
                    "name a folder, or one that is not there yet",
                )
        self.root = f"{self._path}/"

    def listing(self, folder: str) -> set[str]:
        found: set[str] = set()
        for base, _, names in os.walk(self._path / folder):
            inside = os.path.relpath(base, self._path)
            found.update(f"{inside}/{name}" for name in names)
        return found

    def checksum(self, path: str) -> tuple[int, str]:
        with (self._path / path).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            return handle.tell(), digest

    def checksums(self, paths: Iterable[str]) -> pa.Table:
        return _table(self, paths)

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        marks = {}
        for path in paths:
            with suppress(FileNotFoundError):
                s = (self._path / path).stat()
                # The clock of a file system is coarse: a second write could look like the first.
                young = time.time_ns() - s.st_ctime_ns < RACY
                mark = f"{s.st_ino} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}"
                marks[path] = "" if young else mark
        return marks

    def read(self, path: str) -> bytes:
        try:
            return (self._path / path).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LakeError(
                f"the files cannot be read: {error}",
                "check BULLION_LAKE_DATA, and who owns the folder",
            ) from error

    def write(self, path: str, content: bytes) -> None:
        part = self._path / f"{path}.{os.getpid()}.part"
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(self._path / path)
        except OSError as error:
            raise LakeError(
                f"the files cannot lie there: {error}",
                "set BULLION_LAKE_DATA, or check who owns the folder and that the disk has space",
            ) from error

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self._path / path).unlink(missing_ok=True)

    def secrets(self) -> list[str]:
        return []


class Bucket:
    """Objects below an s3:// prefix. Credentials come from the usual AWS_ variables."""

    remote = True

    def __init__(self, root: str) -> None:
        self.root = root if root.endswith("/") else root + "/"
        url = urlparse(self.root)
        self._bucket, self._prefix = url.netloc, url.path.lstrip("/")
        if not self._bucket:
            raise InvalidRequest(
                f"BULLION_LAKE_DATA={root!r} names no bucket", "write s3://bucket/prefix"
            )
        self._client: Any = None
        self._marks: dict[str, tuple[float, str]] = {}  # by path: when it was asked, and the mark

    def _s3(self) -> Any:
        if self._client is None:
            import boto3

            self._client = boto3.client("s3", endpoint_url=_endpoint())
        return self._client

    @contextmanager
    def _reached(self, path: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in ("NoSuchKey", "404"):
                raise FileNotFoundError(path) from error
            raise LakeError(
                f"cannot reach {self.root}{path}: {error}",
                "check BULLION_LAKE_DATA, the AWS_ variables and that the server runs",
            ) from error

    def listing(self, folder: str) -> set[str]:
        with self._reached(folder):
            pages = (
                self._s3()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{folder}/")
            )
            return {
                item["Key"][len(self._prefix) :]
                for page in pages
                for item in page.get("Contents", ())
            }

    def checksum(self, path: str) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with self._reached(path):
            body = self._s3().get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"]
            for chunk in body.iter_chunks(1 << 20):
                digest.update(chunk)
                size += len(chunk)
        return size, digest.hexdigest()

    def checksums(self, paths: Iterable[str]) -> pa.Table:
        return _table(self, paths)

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        paths = list(paths)
        # By asking for each, since whoever may only read files may not list them.
        now = time.monotonic()
        stale = [p for p in paths if now - self._marks.get(p, (-FRESH, ""))[0] > FRESH]
        with ThreadPoolExecutor(8) as pool:
            for path, mark in zip(stale, pool.map(self._mark, stale), strict=True):
                self._marks[path] = (now, mark)
        return {path: mark for path in paths if (mark := self._marks[path][1])}

    def _mark(self, path: str) -> str:
        with suppress(FileNotFoundError), self._reached(path):
            head = self._s3().head_object(Bucket=self._bucket, Key=self._prefix + path)
            return f"{head['ETag']} {head['ContentLength']} {head['LastModified'].isoformat()}"
        return ""

    def read(self, path: str) -> bytes:
        with self._reached(path):
            content: bytes = (
                self._s3().get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()
            )
            return content

    def write(self, path: str, content: bytes) -> None:
        with self._reached(path):
            self._s3().put_object(Bucket=self._bucket, Key=self._prefix + path, Body=content)

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            with self._reached(path):
                self._s3().delete_object(Bucket=self._bucket, Key=self._prefix + path)

    def secrets(self) -> list[str]:
        values = {
            "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
            "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
            "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        }
        if endpoint := _endpoint():
            url = urlparse(endpoint)
            values |= {"ENDPOINT": url.netloc, "URL_STYLE": "path"}
            values["USE_SSL"] = str(url.scheme == "https").lower()
        parts = ["TYPE s3", *(f"{k} {text(v)}" for k, v in values.items() if v)]
        return [f"CREATE OR REPLACE SECRET lake_files ({', '.join(parts)})"]


def _endpoint() -> str | None:
    """Another server than Amazon's, where one is named."""
    named = os.environ.get("AWS_ENDPOINT_URL")
    if named and not re.fullmatch(r"https?://[^/\s]+/?", named):
        raise InvalidRequest(
            f"AWS_ENDPOINT_URL={named!r} is no address", "write http://host:port, or unset it"
        )
    return named or None


def text(value: str) -> str:
    """A value as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def permission_hint(path: Path) -> str:
    """What to do about a path of this machine that cannot be written, or not be opened."""
    for place in (path, *path.parents):
        with suppress(OSError):
            read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            return MOUNTED_READ_ONLY if read_only else OWNER
    return OWNER


def local_path(written: str, setting: str) -> Path:
    """A path of this machine, ~ written out. The setting that named it is for the error."""
    try:
        path = Path(written).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidRequest(
            f"{setting} cannot be used: {error}",
            "write another path, or check its permissions",
        ) from None
    return path


def store(setting: str) -> Store:
    """Where BULLION_LAKE_DATA says that the files lie."""
    if setting.startswith("s3://"):
        return Bucket(setting)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", setting):
        raise InvalidRequest(
            f"BULLION_LAKE_DATA={setting!r}: the files cannot lie there",
            "name a folder, or s3://bucket/prefix; other stores often speak S3 too: "
            "set AWS_ENDPOINT_URL",
        )
    return Folder(setting)
