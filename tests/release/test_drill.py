"""The drill to its end: ten releases under 100,000 requests, of which none fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build_once import build_once
from tests.release.__main__ import REQUESTS, drill
from tests.release.stand import open_stand
from tests.servers.nginx import PROGRAM
from tests.serving.scored_api import build_folder


@pytest.mark.torture
@pytest.mark.timeout(5400)
@pytest.mark.skipif(PROGRAM is None, reason="apt-get install nginx-light")
def test_ten_releases_under_load_end_as_they_should_and_no_request_fails(tmp_path: Path) -> None:
    with open_stand(build_once("scored", build_folder), tmp_path) as stand:
        assert drill(stand, REQUESTS)
