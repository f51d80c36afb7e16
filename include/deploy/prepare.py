"""Create what the services of a deployment need: python -m include.deploy.prepare [PART ...]

Roles and databases in PostgreSQL, buckets, the lake, Airflow's tables and its first user. It may
be run again at any time: what is there stays, and the passwords become those of the environment.
Where a part is named, only those that are named: a database that others manage has its roles
already. `mlflow`, which brings MLflow's tables to its version, is done only where it is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pipelines.core.errors import BullionError, InvalidRequest, unknown

# Each owns the database of its name. The reader sees the lake's catalog, and changes nothing.
OWNERS = ("airflow", "mlflow", "lake")
READER = "reader"
ADMIN = "admin"


def required(name: str) -> str:
    """Return a setting that has to be set."""
    if not (value := os.environ.get(name, "")):
        raise InvalidRequest(f"{name} is not set", "write the secrets: make secrets")
    return value


@contextmanager
def database(name: str) -> Iterator[Any]:
    """Yield a cursor of the server's superuser."""
    import psycopg2

    with closing(psycopg2.connect(required("POSTGRES_SERVER"), dbname=name)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def databases() -> None:
    """Create a role and a database for each service, and the role that only reads the lake."""
    from psycopg2.sql import SQL, Identifier, Literal

    with database("postgres") as cursor:
        for role in (*OWNERS, READER):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            verb = "ALTER" if cursor.fetchone() else "CREATE"
            password = Literal(required(f"{role.upper()}_DB_PASSWORD"))
            cursor.execute(
                SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(Identifier(role), password)
            )
        for owner in OWNERS:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [owner])
            if not cursor.fetchone():
                cursor.execute(SQL("CREATE DATABASE {0} OWNER {0}").format(Identifier(owner)))
            # Whoever has a login may not look into the neighbour's database.
            cursor.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(owner)))
        cursor.execute(f"GRANT CONNECT ON DATABASE lake TO {READER}")
    with database("lake") as cursor:
        for kind in ("TABLES", "SEQUENCES"):
            cursor.execute(f"GRANT SELECT ON ALL {kind} IN SCHEMA public TO {READER}")
            cursor.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE lake IN SCHEMA public "
                f"GRANT SELECT ON {kind} TO {READER}"
            )


def buckets() -> None:
    """Create the buckets of the lake and of the models."""
    import boto3

    client = boto3.client("s3")
    existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    places = (required("BULLION_LAKE_DATA"), required("MLFLOW_ARTIFACTS_DESTINATION"))
    for name in sorted({urlsplit(place).netloc for place in places} - existing):
        client.create_bucket(Bucket=name)


def reader() -> None:
    """Create the store's user of the read API: it may fetch the lake's files, and nothing else.

    Stores other than Versity's make users in other ways: leave S3_ADMIN_URL unset there.
    """
    import boto3

    if not (store := os.environ.get("S3_ADMIN_URL")):
        print("S3_ADMIN_URL is not set: create the user that reads yourself", flush=True)
        return
    key = required("READER_S3_ACCESS_KEY")
    secret = f"<Secret>{escape(required('READER_S3_SECRET_KEY'))}</Secret><Role>user</Role>"
    account = f"<Account><Access>{escape(key)}</Access>{secret}</Account>"
    refusal = administer(f"{store}/create-user", account)
    if refusal and administer(
        f"{store}/update-user?access={key}", f"<MutableProps>{secret}</MutableProps>"
    ):
        raise BullionError(f"the store makes no user: {refusal}", "see the log of `s3`")
    place = required("BULLION_LAKE_DATA")
    boto3.client("s3").put_bucket_policy(
        Bucket=urlsplit(place).netloc, Policy=json.dumps(reading(place, key))
    )


def reading(place: str, user: str) -> dict[str, Any]:
    """Return the policy of a bucket that lets a user fetch the files below s3://bucket/prefix."""
    allowed = {
        "Effect": "Allow",
        "Principal": {"AWS": user},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{place.removeprefix('s3://').rstrip('/')}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [allowed]}


def administer(url: str, body: str) -> str:
    """Call the gateway's own API, signed by the store's root; return why it was refused, or ''."""
    import boto3
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session

    session = boto3.Session()
    request = AWSRequest(method="PATCH", url=url, data=body.encode())
    S3SigV4Auth(session.get_credentials(), "s3", session.region_name).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return "" if answer.status_code < 300 else f"{answer.status_code} {answer.text[:500]}"


def lake() -> None:
    """Create an empty lake, so that the API can start; migrate one of an older layout."""
    from pipelines.steps.lake import open_lake

    with open_lake():
        pass


def airflow() -> None:
    """Create Airflow's tables, and its first user with the password of the environment."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    password = required("AIRFLOW_ADMIN_PASSWORD")
    with get_application_builder() as builder:
        users = builder.sm
        admin = users.find_user(username=ADMIN)
        if admin:
            users.reset_password(admin.id, password)
        elif not users.add_user(
            ADMIN, "Bullion", "Operator", "admin@localhost", users.find_role("Admin"), password
        ):
            raise InvalidRequest("Airflow's first user could not be made", "see the lines above")


def mlflow() -> None:
    """Bring MLflow's tables to its version; an empty database is left to its server."""
    from sqlalchemy import create_engine, inspect

    address = required("MLFLOW_BACKEND_STORE_URI")
    engine = create_engine(address)
    try:
        if not inspect(engine).has_table("alembic_version"):
            return
    finally:
        engine.dispose()
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", address]
    subprocess.run(command, check=True)  # noqa: S603


ALWAYS = (databases, buckets, reader, lake, airflow)  # each after the parts it needs
PARTS = {part.__name__: part for part in (*ALWAYS, mlflow)}


def main(names: Sequence[str] = ()) -> None:
    """Prepare every part, or those that are named, in the order in which they need each other."""
    for name in names:
        if name not in PARTS:
            raise unknown("part", name, PARTS)
    for part in [part for name, part in PARTS.items() if name in names] or ALWAYS:
        print(f"{part.__name__} ...", flush=True)
        part()
    print("ready", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
