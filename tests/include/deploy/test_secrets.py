"""`make secrets`: random, private, and never over what is there."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.fernet import Fernet

from include.deploy.secrets import FERNET, NAMES, write


def values(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_every_secret_is_made_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file, other = tmp_path / ".env", tmp_path / "other"
    assert write(file) == list(NAMES)
    assert file.stat().st_mode & 0o777 == 0o600
    secrets = values(file)
    assert secrets.keys() == set(NAMES)
    assert len(set(secrets.values())) == len(NAMES)
    assert all(re.fullmatch(r"[0-9a-f]{64}", v) for n, v in secrets.items() if n != FERNET)
    Fernet(secrets[FERNET])
    write(other)
    assert not set(secrets.values()) & set(values(other).values())


def test_what_is_there_stays_and_what_is_missing_is_added(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nREDIS_PASSWORD=mine\nBULLION_SOURCE=yahoo")
    file.chmod(0o644)
    assert set(write(file)) == set(NAMES) - {"REDIS_PASSWORD"}
    text = file.read_text()
    assert text.startswith("# mine\nREDIS_PASSWORD=mine\nBULLION_SOURCE=yahoo\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert write(file) == []
    assert file.read_text() == text
