"""Write the secrets of a deployment: python -m include.deploy.secrets [FILE].

Every secret is random, and none that exists is ever changed. Only the owner can read the file.
Secrets that an older file lacks are added at its end. Any Python runs it.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Hexadecimal, as a password stands in addresses, in connection strings and in redis' settings.
HEX = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_DB_PASSWORD",
    "MLFLOW_DB_PASSWORD",
    "LAKE_DB_PASSWORD",
    "READER_DB_PASSWORD",
    "REDIS_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "READER_S3_ACCESS_KEY",
    "READER_S3_SECRET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_API_SECRET",
    "AIRFLOW_JWT_SECRET",
    "BULLION_API_KEYS",
    "BULLION_DASHBOARD_KEY",
)
FERNET = "AIRFLOW_FERNET_KEY"
NAMES = (*HEX, FERNET)


def random_secrets() -> dict[str, str]:
    """Return a random value for every secret."""
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {name: secrets.token_hex(32) for name in HEX} | {FERNET: fernet}


def write(file: Path) -> list[str]:
    """Add the secrets that are missing; return their names."""
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as out:
        os.fchmod(out.fileno(), 0o600)
        text = out.read()
        known = set(re.findall(r"^\s*(?:export\s+)?(\w+)=", text, re.MULTILINE))
        missing = {name: value for name, value in random_secrets().items() if name not in known}
        if missing and text and not text.endswith("\n"):
            out.write("\n")
        out.write("".join(f"{name}={value}\n" for name, value in missing.items()))
    return list(missing)


def main(arguments: list[str]) -> None:
    file = Path(arguments[0]) if arguments else ROOT / ".env"
    names = write(file)
    print(f"{file}: {len(names)} secrets written" if names else f"{file} has every secret already")


if __name__ == "__main__":
    main(sys.argv[1:])
