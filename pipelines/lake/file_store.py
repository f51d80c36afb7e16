"""The data files of a lake: listed and hashed in a folder, or in an S3 bucket."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from io import BytesIO
from shutil import copyfileobj
from typing import Any, Protocol
from urllib.parse import urlparse

import pyarrow as pa

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.sql import text_literal
from pipelines.lake.local_paths import local_path

YOUNG_NS = 1_000_000_000  # after a write a second one may leave no trace for this long
SETTING = "BULLION_LAKE_DATA"
CHUNK = 1 << 20  # bytes that are copied at once
MARK_SECONDS = 60.0  # for which a mark that a bucket gave is used again


class Readable(Protocol):
    """What can be read in parts."""

    def read(self, size: int = -1, /) -> bytes: ...


class FileStore(Protocol):
    """Where the data files of a lake lie."""

    root: str  # the data path for DuckLake, with a slash at the end
    remote: bool

    def listing(self, folder: str) -> set[str]:
        """Return the paths of all files below a folder, relative to the root; '' is the root."""
        ...

    def checksum(self, path: str) -> tuple[int, str]:
        """Return size and SHA-256 of a file. FileNotFoundError when it is gone."""
        ...

    def checksums(self, paths: Iterable[str]) -> pa.Table:
        """Return path, size and SHA-256 of each file, as rows of meta.checksums."""
        ...

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        """Return a mark of each file that changes with it: '' if just written, none if gone."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a small file. FileNotFoundError when it is not there."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a small file, all of it or nothing."""
        ...

    def open(self, path: str) -> AbstractContextManager[Readable]:
        """Open a file of any size to be read in parts. FileNotFoundError when it is not there."""
        ...

    def copy_from(self, source: Readable, path: str) -> None:
        """Write a file of any size from what is read, all of it or nothing, also if power fails."""
        ...

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; one that is gone already is no error."""
        ...

    def secrets(self) -> list[str]:
        """Return the SQL that lets DuckDB reach the files."""
        ...


def _checksum_table(store: FileStore, paths: Iterable[str]) -> pa.Table:
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


class FolderStore:
    """Files in a local folder."""

    remote = False

    def __init__(self, root: str, label: str = SETTING) -> None:
        self._label = label
        self._path = local_path(root, f"{label}={root!r}").resolve()
        for path in (self._path, *self._path.parents):
            if path.exists() and not path.is_dir():
                raise InvalidRequest(
                    f"{label}={root!r}: {path} is a file",
                    "name a folder, or one that is not there yet",
                )
        self.root = f"{self._path}/"

    def listing(self, folder: str) -> set[str]:
        paths: set[str] = set()
        for base, _, names in os.walk(self._path / folder):
            inside = os.path.relpath(base, self._path)
            paths.update(name if inside == "." else f"{inside}/{name}" for name in names)
        return paths

    def checksum(self, path: str) -> tuple[int, str]:
        with (self._path / path).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            return handle.tell(), digest

    def checksums(self, paths: Iterable[str]) -> pa.Table:
        return _checksum_table(self, paths)

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        marks = {}
        for path in paths:
            with suppress(FileNotFoundError):
                status = (self._path / path).stat()
                # The clock of a file system is coarse: a second write could look like the first.
                young = time.time_ns() - status.st_ctime_ns < YOUNG_NS
                times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
                mark = f"{status.st_ino} {status.st_size} {times}"
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
                f"check {self._label}, and who owns the folder",
            ) from error

    def open(self, path: str) -> AbstractContextManager[Readable]:
        return (self._path / path).open("rb")

    def write(self, path: str, content: bytes) -> None:
        self._write(BytesIO(content), path)

    def copy_from(self, source: Readable, path: str) -> None:
        self._write(source, path, durable=True)

    def _write(self, source: Readable, path: str, *, durable: bool = False) -> None:
        part = self._path / f"{path}.{os.getpid()}.part"
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("wb") as file:
                    copyfileobj(source, file, CHUNK)
                    if durable:
                        file.flush()
                        os.fsync(file.fileno())
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            part.replace(self._path / path)
        except OSError as error:
            raise LakeError(
                f"the files cannot lie there: {error}",
                f"set {self._label}, or check who owns the folder and that the disk has space",
            ) from error

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self._path / path).unlink(missing_ok=True)

    def secrets(self) -> list[str]:
        return []


class BucketStore:
    """Objects below an s3:// prefix. Credentials come from the usual AWS_ variables."""

    remote = True

    def __init__(self, root: str, label: str = SETTING) -> None:
        self._label = label
        self.root = root if root.endswith("/") else root + "/"
        url = urlparse(self.root)
        self._bucket, self._prefix = url.netloc, url.path.lstrip("/")
        if not self._bucket:
            raise InvalidRequest(f"{label}={root!r} names no bucket", "write s3://bucket/prefix")
        self._client: Any = None
        self._marks: dict[str, tuple[float, str]] = {}  # by path: when it was read, and the mark

    def _s3(self) -> Any:
        if self._client is None:
            import boto3

            self._client = boto3.client("s3", endpoint_url=_endpoint())
        return self._client

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Raise the errors of S3 as FileNotFoundError or LakeError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in ("NoSuchKey", "404"):
                raise FileNotFoundError(path) from error
            raise LakeError(
                f"cannot reach {self.root}{path}: {error}",
                f"check {self._label}, the AWS_ variables and that the server runs",
            ) from error

    def listing(self, folder: str) -> set[str]:
        with self._translated(folder):
            pages = (
                self._s3()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self._bucket, Prefix=self._prefix + (folder and f"{folder}/"))
            )
            return {
                item["Key"][len(self._prefix) :]
                for page in pages
                for item in page.get("Contents", ())
            }

    def checksum(self, path: str) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with self._translated(path):
            body = self._s3().get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"]
            for chunk in body.iter_chunks(1 << 20):
                digest.update(chunk)
                size += len(chunk)
        return size, digest.hexdigest()

    def checksums(self, paths: Iterable[str]) -> pa.Table:
        return _checksum_table(self, paths)

    def marks(self, paths: Iterable[str]) -> dict[str, str]:
        paths = list(paths)
        # Each by a request of its own: a user who may only read files may not list them.
        now = time.monotonic()
        expired = [
            p for p in paths if now - self._marks.get(p, (-MARK_SECONDS, ""))[0] > MARK_SECONDS
        ]
        with ThreadPoolExecutor(8) as pool:
            for path, mark in zip(expired, pool.map(self._mark, expired), strict=True):
                self._marks[path] = (now, mark)
        return {path: mark for path in paths if (mark := self._marks[path][1])}

    def _mark(self, path: str) -> str:
        with suppress(FileNotFoundError), self._translated(path):
            head = self._s3().head_object(Bucket=self._bucket, Key=self._prefix + path)
            return f"{head['ETag']} {head['ContentLength']} {head['LastModified'].isoformat()}"
        return ""

    def read(self, path: str) -> bytes:
        with self._translated(path):
            content: bytes = (
                self._s3().get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()
            )
            return content

    @contextmanager
    def open(self, path: str) -> Iterator[Readable]:
        with self._translated(path):
            answer = self._s3().get_object(Bucket=self._bucket, Key=self._prefix + path)
            with closing(answer["Body"]) as body:
                yield body

    def copy_from(self, source: Readable, path: str) -> None:
        with self._translated(path):
            self._s3().upload_fileobj(source, self._bucket, self._prefix + path)

    def write(self, path: str, content: bytes) -> None:
        with self._translated(path):
            self._s3().put_object(Bucket=self._bucket, Key=self._prefix + path, Body=content)

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            with self._translated(path):
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
        parts = ["TYPE s3", *(f"{k} {text_literal(v)}" for k, v in values.items() if v)]
        return [f"CREATE OR REPLACE SECRET lake_files ({', '.join(parts)})"]


def _endpoint() -> str | None:
    """Return the address of another S3 server than Amazon's, where AWS_ENDPOINT_URL has one."""
    address = os.environ.get("AWS_ENDPOINT_URL")
    if address and not re.fullmatch(r"https?://[^/\s]+/?", address):
        raise InvalidRequest(
            f"AWS_ENDPOINT_URL={address!r} is no address", "write http://host:port, or unset it"
        )
    return address or None


def open_store(setting: str, label: str = SETTING) -> FileStore:
    """Return the folder or the bucket that is named; `label` says in errors what names it."""
    if setting.startswith("s3://"):
        return BucketStore(setting, label)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", setting):
        raise InvalidRequest(
            f"{label}={setting!r}: the files cannot lie there",
            "name a folder, or s3://bucket/prefix; other stores often speak S3 too: "
            "set AWS_ENDPOINT_URL",
        )
    return FolderStore(setting, label)
