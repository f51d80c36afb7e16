"""nginx in front of the API: the same limits, WebSockets, and an ETag that stays what it was."""

from __future__ import annotations

import re

import pytest

from pipelines.release.routing import LOG, SECOND, TRIAL
from serving.settings import Settings
from tests.servers.compose import ROOT, read_compose

TEXT = (ROOT / "include/nginx/nginx.conf").read_text()
SERVING = "".join((ROOT / "serving" / f"{n}.py").read_text() for n in ("__main__", "http/protocol"))


def directive(name: str, text: str = TEXT) -> str:
    """The value of a directive that stands there once."""
    [value] = re.findall(rf"^\s*{name} (.+?);", text, re.MULTILINE)
    return str(value)


def location(path: str) -> str:
    return TEXT.partition(f"location {path} {{")[2].partition("}")[0]


def test_bodies_and_headers_are_limited_as_the_api_limits_them() -> None:
    settings = Settings()
    assert directive("client_max_body_size") == f"{settings.body_bytes // 1024**2}m"
    assert directive("large_client_header_buffers") == f"4 {settings.header_bytes // 1024}k"
    assert directive("client_header_timeout") == f"{settings.header_seconds:g}s"


def test_it_lets_go_of_a_connection_before_the_api_does() -> None:
    upstreams = [part.partition("}")[0] for part in TEXT.split("    upstream ")[1:]]
    [api_seconds] = re.findall(r"timeout_keep_alive\W+(\d+)", SERVING)
    assert len(upstreams) == 4
    for upstream in upstreams:
        seconds = int(directive("keepalive_timeout", upstream).removesuffix("s"))
        assert seconds < int(api_seconds)


@pytest.mark.parametrize(
    ("name", "servers"),
    [
        ("first", ["api:8000 resolve"]),
        ("second", ["api-second:8000 resolve"]),
        (
            "second_or_first",
            ["api-second:8000 resolve max_fails=0", "api:8000 resolve backup"],
        ),
        (
            "first_or_second",
            ["api:8000 resolve max_fails=0", "api-second:8000 resolve backup"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_blue_answers_what_green_fails_to_and_never_the_other_way_round(
    name: str, servers: list[str]
) -> None:
    upstream = TEXT.partition(f"upstream {name} {{")[2].partition("}")[0]
    assert re.findall(r"server (.+);", upstream) == servers
    assert f"zone {name} " in upstream


def test_what_it_looks_for_and_writes_is_what_a_release_sets_and_reads() -> None:
    assert set(re.findall(r"-f /srv/release/(\w+)", TEXT)) == {SECOND, TRIAL}
    assert f"access_log /srv/release/{LOG} release if=$on_trial;" in TEXT
    assert "$caller" not in TEXT.partition("log_format")[2].partition(";")[0], "no keys"


def test_no_page_can_be_framed_by_another() -> None:
    servers = TEXT.split("    server {")[1:]
    assert len(servers) == 3
    assert all("add_header X-Frame-Options DENY always;" in server for server in servers)
    # A location with a header of its own would lose those of its server.
    assert "add_header" not in "".join(
        part.partition("}")[0] for part in TEXT.split("location ")[1:]
    )


def test_sockets_pass_and_stay() -> None:
    socket = location("/ws/")
    assert "proxy_set_header Upgrade $http_upgrade;" in socket
    assert 'proxy_set_header Connection "upgrade";' in socket
    assert "proxy_set_header Host $http_host;" in socket, "a location with one header inherits none"
    assert directive("proxy_read_timeout", socket).endswith("h")


def test_answers_pass_as_they_are() -> None:
    assert directive("gzip") == "off"
    assert "proxy_cache" not in TEXT
    assert not re.search(r"proxy_hide_header|proxy_ignore_headers", TEXT)


def test_it_listens_and_asks_where_the_compose_file_says() -> None:
    services = read_compose()["services"]
    inside = {port.rpartition(":")[2] for port in services["nginx"]["ports"]}
    assert set(re.findall(r"listen (\d+);", TEXT)) == inside
    for name in ("api", "api-second"):
        port = services[name]["environment"]["BULLION_API_PORT"]
        assert f"server {name}:{port} resolve;" in TEXT


def test_only_reports_and_docs_are_pages() -> None:
    pages = TEXT.partition("listen 8081;")[2]
    assert re.findall(r"location (?:= )?(\S+) \{", pages) == ["/", "/reports/", "/docs/", "/"]
    assert pages.partition("location / {")[2].split()[:2] == ["return", "404;"]
