"""The deployment, natively: every service by the command that docker-compose.yaml gives it.

PostgreSQL, Redis, two Celery workers, an S3-speaking server, MLflow and the API behind nginx bring
bars in and a signal out, with the catalog in PostgreSQL and the files on S3; one worker is killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg2
import pytest

from include.deploy.prepare import reading
from pipelines.registry.mlflow import FILE
from tests.integration.airflow_home import wait_for
from tests.integration.topology import (
    WORKERS,
    Topology,
    command,
    missing,
    objects,
    topology,
)
from tests.recent import HOURLY, INGEST, SCORE, SESSIONS, TRAIN, WEEKS, format_time

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
FIRST, THEN, NEWEST = SESSIONS[-1][0] - WEEKS, SESSIONS[-2][1], SESSIONS[-1][1]
SAMPLE = {"source": "sample", "universe": "qqq"}
RETRIED_WITHIN = 120.0  # seconds: the heartbeat's time-out, its detection, a first wait, a start


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    # SIGTERM counts as Ctrl-C, so that it leaves no service behind.
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with topology(tmp_path_factory.mktemp("topology")) as running:
        yield running
    signal.signal(signal.SIGTERM, handler)
    assert running.running_pids() == []


@pytest.fixture(scope="module")
def api(deployed: Topology) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": deployed.key}
    with httpx.Client(base_url=deployed.api, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def trained(deployed: Topology) -> dict[str, Any]:
    """A run of the training, whose worker is killed together with its children."""
    ingest = deployed.run(INGEST, SAMPLE | {"start": format_time(FIRST), "end": format_time(THEN)})
    assert ingest["state"] == "success", deployed.log(ingest)
    run = deployed.trigger(
        TRAIN, SAMPLE | {"start": format_time(FIRST), "end": format_time(THEN)}
    ).json()

    def at_work() -> str:
        task = deployed.tasks(run).get("train", {})
        return deployed.worker_of(task) if task.get("state") == "running" else ""

    worker = wait_for(at_work, 120, "the training at work", lambda: deployed.log(run))
    time.sleep(2)  # so that it is in the middle of the training
    deployed.vanish(worker)
    since = time.monotonic()
    wait_for(
        lambda: (
            deployed.tasks(run)["train"]["try_number"] == 2
            and deployed.tasks(run)["train"]["state"] == "running"
        ),
        RETRIED_WITHIN,
        "the second try",
        lambda: deployed.log(run),
    )
    print(f"\ntried again {time.monotonic() - since:.0f} s after {worker} was killed")
    return deployed.wait_for_end(run) | {"killed": worker}


@pytest.fixture(scope="module")
def scored(deployed: Topology, trained: dict[str, Any]) -> dict[str, Any]:
    span = {"start": format_time(THEN), "end": format_time(NEWEST)}
    run = deployed.run(SCORE, SAMPLE | span)
    assert run["state"] == "success", deployed.log(run)
    return run


def test_the_run_of_a_killed_worker_ends_well(deployed: Topology, trained: dict[str, Any]) -> None:
    assert trained["state"] == "success", deployed.log(trained)
    task = deployed.tasks(trained)["train"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    [other] = {*WORKERS} - {trained["killed"]}
    assert deployed.worker_of(task) == other


def test_the_newest_signal_comes_through_nginx(
    deployed: Topology, scored: dict[str, Any], api: httpx.Client
) -> None:
    def newest_signal() -> httpx.Response | None:
        answer = api.get("/signal/index", params={"universe": "qqq"})
        return answer if answer.is_success else None

    answer = wait_for(newest_signal, 30, "the signal", lambda: api.get("/health").text)
    assert answer.json()["closes_at"] == format_time(NEWEST)
    unchanged = api.get(
        "/signal/index",
        params={"universe": "qqq"},
        headers={"If-None-Match": answer.headers["ETag"]},
    )
    assert unchanged.status_code == 304
    direct = httpx.get(
        f"{deployed.native.url('api', 8000)}/signal/index",
        params={"universe": "qqq"},
        headers={"X-API-Key": deployed.key},
    )
    assert direct.headers["ETag"] == answer.headers["ETag"]


def test_the_api_scores_with_the_model_that_mlflow_gives_it(
    scored: dict[str, Any], api: httpx.Client
) -> None:
    def loaded() -> list[dict[str, Any]]:
        return api.get("/health").json()["models"]

    [model] = wait_for(loaded, 60, "a model", lambda: api.get("/health").text)
    assert model["forecast"] == HOURLY.name
    answer = api.get("/predict/component", params={"symbol": HOURLY.symbols[0]})
    assert answer.is_success, answer.text


def test_the_market_stream_passes_nginx(deployed: Topology, scored: dict[str, Any]) -> None:
    from websockets.asyncio.client import connect

    async def first() -> str | bytes:
        where = f"{deployed.api.replace('http', 'ws')}/ws/market-stream"
        async with connect(where, additional_headers={"X-API-Key": deployed.key}) as listening:
            return await asyncio.wait_for(listening.recv(), 20)

    assert format_time(NEWEST)[:16] in str(asyncio.run(first()))


def test_nothing_is_answered_without_a_key(deployed: Topology) -> None:
    assert httpx.get(f"{deployed.api}/signal/index").status_code == 401
    assert httpx.get(f"{deployed.url}/api/v2/dags").status_code == 401


def test_nginx_refuses_a_body_that_is_too_large(api: httpx.Client) -> None:
    answer = api.post("/predict", content=b"x" * (9 * 1024 * 1024))
    assert answer.status_code == 413
    assert "nginx" in answer.text


def test_files_and_models_are_on_s3(deployed: Topology, scored: dict[str, Any]) -> None:
    assert any(key.endswith(".parquet") for key in objects(deployed.store, "lake/"))
    [model] = [k for k in objects(deployed.store, "artifacts/") if k.endswith(f"/model/{FILE}")][
        -1:
    ]
    body = deployed.store.client().get_object(Bucket="bullion", Key=model)["Body"].read()
    sql = "SELECT sha256 FROM gold.model_decisions ORDER BY decided_at DESC LIMIT 1"
    decision = command(deployed, "bullion", "sql", sql)
    assert hashlib.sha256(body).hexdigest() in decision.stdout, decision.stderr
    verification = command(deployed, "bullion", "verify")
    assert verification.returncode == 0, verification.stdout + verification.stderr


def test_the_reader_of_the_catalog_cannot_change_it(
    deployed: Topology, scored: dict[str, Any]
) -> None:
    catalog = deployed.environment("api")["BULLION_LAKE_CATALOG"].removeprefix("postgres:")
    reader = psycopg2.connect(catalog)
    with reader.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("DELETE FROM ducklake_snapshot")
    reader.close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(catalog.replace("dbname=lake", "dbname=airflow"))


def test_the_api_has_a_user_of_the_store_that_can_only_read(
    deployed: Topology, scored: dict[str, Any]
) -> None:
    environment = deployed.environment("api")
    secret, role = deployed.users.users[environment["AWS_ACCESS_KEY_ID"]]
    assert (secret, role) == (environment["AWS_SECRET_ACCESS_KEY"], "user")
    policy = json.loads(deployed.store.client().get_bucket_policy(Bucket="bullion")["Policy"])
    assert policy == reading(environment["BULLION_LAKE_DATA"], environment["AWS_ACCESS_KEY_ID"])


@pytest.mark.parametrize("door", ["airflow", "mlflow", "pages", "api"])
def test_no_page_can_be_framed_by_another(deployed: Topology, door: str) -> None:
    native = deployed.native
    pages = {
        "airflow": f"{deployed.url}/", "mlflow": native.url("mlflow", 5000),
        "pages": native.url("nginx", 8081) + "/docs/", "api": f"{deployed.api}/docs",
    }  # fmt: skip
    own = (
        "SAMEORIGIN" if door in ("airflow", "mlflow") else "DENY"
    )  # these two frame their own pages
    assert httpx.get(pages[door]).headers.get_list("X-Frame-Options") == [own]


def test_the_pages_are_served_and_nothing_beside_them(
    deployed: Topology, scored: dict[str, Any]
) -> None:
    pages = deployed.native.url("nginx", 8081)
    assert "index_signals" in httpx.get(f"{pages}/docs/").text
    assert list((deployed.home / "airflow/data_lake").rglob("*.onnx"))
    for path in ("/", "/mlflow/", "/docs/../mlflow/", "/docs/%2e%2e/mlflow/verified/"):
        assert httpx.get(f"{pages}{path}").status_code in (302, 404)


def test_init_may_run_again(deployed: Topology, scored: dict[str, Any]) -> None:
    deployed.prepare()


def test_nothing_listens_beyond_loopback(deployed: Topology) -> None:
    assert deployed.listening() == {"127.0.0.1"}
