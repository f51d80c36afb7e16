"""The versions that the lake has serve now, in the words of a pin."""

from __future__ import annotations

from pathlib import Path

from pipelines.lake import Lake
from pipelines.release.champions import newest_models
from serving.state.pinned_versions import parse_versions
from tests.serving.conftest import folder, lake  # noqa: F401  (a lake with bars and no model)
from tests.serving.serving_models import LATER, serve_model


def test_each_target_with_a_model_is_named_with_its_version(lake: Lake, folder: Path) -> None:  # noqa: F811
    assert newest_models() == ""
    serve_model(lake, folder)
    assert newest_models() == "nasdaq100_hourly.action=1"
    serve_model(lake, folder, seed=1, version=2, as_of=LATER)
    assert parse_versions(newest_models()) == {"nasdaq100_hourly.action": 2}
