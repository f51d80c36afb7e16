"""Make what the services of a deployment need: python -m include.deploy.prepare.

Roles and databases in PostgreSQL, buckets, the lake, Airflow's tables and its first user. It may
be run again at any time: what is there stays, and the passwords become those of the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import InvalidRequest

# Each owns the database of its name. The reader sees the lake's catalog, and changes nothing.
OWNERS = ("airflow", "mlflow", "lake")
READER = "reader"
ADMIN = "admin"


def needed(name: str) -> str:
    """A setting without which nothing can be made."""
    if not (value := os.environ.get(name, "")):
        raise InvalidRequest(f"{name} is not set", "write the secrets: make secrets")
    return value


@contextmanager
def database(name: str) -> Iterator[Any]:
    """A cursor of the server's superuser."""
    import psycopg2

    with closing(psycopg2.connect(needed("POSTGRES_SERVER"), dbname=name)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def databases() -> None:
    """A role and a database for each of the services, and the reader of the lake."""
    from psycopg2.sql import SQL, Identifier, Literal

    with database("postgres") as cursor:
        for role in (*OWNERS, READER):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            verb = "ALTER" if cursor.fetchone() else "CREATE"
            password = Literal(needed(f"{role.upper()}_DB_PASSWORD"))
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
        for what in ("TABLES", "SEQUENCES"):
            cursor.execute(f"GRANT SELECT ON ALL {what} IN SCHEMA public TO {READER}")
            cursor.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE lake IN SCHEMA public "
                f"GRANT SELECT ON {what} TO {READER}"
            )


def buckets() -> None:
    """The buckets of the lake and of the models."""
    import boto3

    client = boto3.client("s3")
    there = {one["Name"] for one in client.list_buckets()["Buckets"]}
    places = (needed("BULLION_LAKE_DATA"), needed("MLFLOW_ARTIFACTS_DESTINATION"))
    for name in sorted({urlsplit(place).netloc for place in places} - there):
        client.create_bucket(Bucket=name)


def lake() -> None:
    """An empty lake, so that the API starts well; one of an older layout is brought up to date."""
    from pipelines.lake import Lake

    with Lake():
        pass


def airflow() -> None:
    """Airflow's tables, and its first user with the password of the environment."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    password = needed("AIRFLOW_ADMIN_PASSWORD")
    with get_application_builder() as builder:
        users = builder.sm
        found = users.find_user(username=ADMIN)
        if found:
            users.reset_password(found.id, password)
        elif not users.add_user(
            ADMIN, "Bullion", "Operator", "admin@localhost", users.find_role("Admin"), password
        ):
            raise InvalidRequest("Airflow's first user could not be made", "see the lines above")


def main() -> None:
    """Everything, in an order that each part can stand on."""
    for part in (databases, buckets, lake, airflow):
        print(f"{part.__name__} ...", flush=True)
        part()
    print("ready", flush=True)


if __name__ == "__main__":
    main()
