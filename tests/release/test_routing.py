"""The two files that nginx looks for, and that no state between two of them is a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.release.records import Release, Releases
from pipelines.release.routing import SECOND, TRIAL, apply_routes


def releases(*rows: tuple[str, str]) -> Releases:
    return Releases(
        [
            Release(number, place, "here", "", state, 1.0)  # type: ignore[arg-type]
            for number, (place, state) in enumerate(rows)
        ]
    )


@pytest.mark.parametrize(
    ("rows", "flags"),
    [
        ((("first", "serving"),), set()),
        ((("second", "serving"),), {SECOND}),
        ((("first", "serving"), ("second", "starting")), set()),
        ((("first", "serving"), ("second", "trial")), {TRIAL}),
        ((("second", "serving"), ("first", "trial")), {SECOND, TRIAL}),
        ((("first", "replaced"), ("second", "serving")), {SECOND}),
        ((("first", "serving"), ("second", "withdrawn")), set()),
    ],
    ids=str,
)
def test_the_flags_follow_from_the_releases(
    tmp_path: Path, rows: tuple[tuple[str, str], ...], flags: set[str]
) -> None:
    for before in (set(), {SECOND}, {TRIAL}, {SECOND, TRIAL}):
        for name in (SECOND, TRIAL):
            (tmp_path / name).unlink(missing_ok=True)
        for name in before:
            (tmp_path / name).touch()
        apply_routes(tmp_path, releases(*rows))
        assert {path.name for path in tmp_path.iterdir()} == flags


def test_nothing_changes_while_nothing_serves(tmp_path: Path) -> None:
    (tmp_path / SECOND).touch()
    apply_routes(tmp_path, releases(("first", "starting")))
    assert (tmp_path / SECOND).exists()


def test_a_promotion_moves_blue_before_it_ends_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In between a tenth meets the release before; the other way round none would be wrong, but
    all would jump to the old one and back."""
    apply_routes(tmp_path, releases(("first", "serving"), ("second", "trial")))
    order = []
    monkeypatch.setattr(Path, "touch", lambda path: order.append(path.name))
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: order.append(path.name))
    apply_routes(tmp_path, releases(("first", "replaced"), ("second", "serving")))
    assert order == [SECOND, TRIAL]
