"""A throwaway S3 on the loopback: moto's server in a process of its own.

with s3() as store:
    store.environment  # what BULLION_LAKE_DATA and the AWS_ variables have to be
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.servers.ports import free_port, stop

BUCKET = "bullion"


@dataclass(frozen=True)
class S3:
    """A running server with one bucket."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "BULLION_LAKE_DATA": f"s3://{BUCKET}/lake",
        }

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@contextmanager
def s3(port: int = 0) -> Iterator[S3]:
    port = port or free_port()
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
        try:
            store = S3(f"http://127.0.0.1:{port}")
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"{store.url}/moto-api/", timeout=5).close()
                    break
                except (urllib.error.URLError, OSError):
                    if server.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        raise RuntimeError(f"moto did not start:\n{log.read().decode()}") from None
                    time.sleep(0.05)
            store.client().create_bucket(Bucket=BUCKET)
            yield store
        finally:
            stop(server)
