"""Five years of OANDA, killed half-way: a second run asks only for what was not stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pipelines.core.calendar import calendar, interval_of
from pipelines.core.settings import ROOT
from pipelines.lake import Lake
from pipelines.sources.oanda import Oanda
from pipelines.steps import ingest
from tests.servers.oanda import TOKEN, OandaServer
from tests.servers.provider import Fault
from tests.sources.news_requests import NOW, QUICK, at
from tests.sources.oanda.requests import build_source, request

FIRST, LAST = "2021-11-20", "2026-11-20"
KILLED_AT = 6  # requests


def start_worker() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.sources.oanda.ingest_worker", FIRST, LAST]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_is_continued_where_it_was(server: OandaServer, lake: Lake) -> None:
    lake.close()
    server.now = lambda: at("2026-11-21")
    server.make_up("EUR_USD", "H1", at(FIRST), at(LAST))
    bars = calendar("FX").bars(interval_of("1h"), at(FIRST), at(LAST))
    pieces = len(list(build_source().pieces(request(FIRST, LAST, "1h"))))
    server.fail(Fault(), times=KILLED_AT - 1)
    server.fail(Fault(delay=60), times=None)
    worker = start_worker()
    while len(server.questions) < KILLED_AT and worker.poll() is None:
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    first_spans = server.spans()
    assert len(first_spans) == KILLED_AT
    server.fail(Fault(), times=None)
    server.questions.clear()
    output, _ = start_worker().communicate(timeout=120)
    resumed, accepted, *progress = map(int, output.split())
    # The newest answer waits for the next one, with which it would have been committed.
    assert resumed == KILLED_AT - 2
    assert server.spans()[0] == first_spans[resumed]
    assert len(server.spans()) == pieces - resumed
    assert progress == [pieces, pieces]
    with Lake() as written:
        assert written.rows("SELECT count(*), count(DISTINCT ts) FROM silver.bars") == [
            (len(bars), len(bars))
        ]
    assert 0 < accepted < len(bars)


def test_a_wrong_token_or_instrument_is_asked_for_once(
    server: OandaServer, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ingest_year(*symbols: str) -> list[str]:
        start, end = at("2026-10-20"), at("2026-11-20")
        source = Oanda(QUICK)
        server.questions.clear()
        return ingest(lake, source, symbols, interval_of("1m"), start, end, as_of=NOW).failures

    (failure,) = ingest_year("EUR_USX", "EUR_USD")
    assert "knows no instrument 'EUR_USX'" in failure
    assert len([q for q in server.questions if "EUR_USX" in q.path]) == 1
    assert lake.rows("SELECT DISTINCT symbol FROM silver.bars") == [("EUR_USD",)]
    monkeypatch.setenv("BULLION_OANDA_TOKEN", "x" + TOKEN)
    failures = ingest_year("USD_SGD", "EUR_USD")
    assert "401" in failures[0]
    assert "more pieces were not requested" in failures[1]
    assert len(server.questions) == 1
