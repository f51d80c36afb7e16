"""WebSockets: everybody who listens gets each signal, and who does not read is let go."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from statistics import median

import pytest
from fastapi.testclient import TestClient

from pipelines.steps.lake import open_lake
from serving.routes import stream
from tests.servers.ports import free_port
from tests.serving.in_process import serving_folder
from tests.serving.listening import PATH, UPGRADE, Listener, allow_files, listen
from tests.serving.process import WAIT, environment_of, run_server, wait_for_answer
from tests.serving.served import STREAM, api_at, wait_until

TOPIC = ("nasdaq100_hourly", "qqq")
# Some of these are more than the kernel keeps for a client.
LARGE = f'{{"large":"{"x" * 500_000}"}}'
NEWEST = "live AND universe = 'qqq'"


def all_hear(folder: Path, copy: Path, sockets: int, rounds: int) -> list[list[float]]:
    """Whether all of them get a signal that is committed while they listen."""
    shutil.copytree(folder, copy)
    allow_files(2 * sockets)
    port = free_port()
    env = environment_of(copy, port)
    with pytest.MonkeyPatch.context() as patch, run_server("-m", "serving", env=env):
        for name, value in env.items():
            patch.setenv(name, value)
        wait_for_answer(port)
        with open_lake() as lake:

            def publish(count: int) -> None:
                again = lake.sql(
                    f"SELECT * EXCLUDE (batch) REPLACE (now() AS scored_at) "
                    f"FROM gold.index_signals WHERE {NEWEST}"
                )
                with lake.write("again") as writer:
                    writer.replace("gold.index_signals", again, NEWEST)

            return asyncio.run(listen(port, sockets, publish, rounds))


def test_everybody_who_listens_gets_a_new_signal(scored_folder: Path, tmp_path: Path) -> None:
    assert [len(one) for one in all_hear(scored_folder, tmp_path / "copy", 200, 2)] == [200, 200]


@pytest.mark.torture
def test_two_thousand_get_a_new_signal(scored_folder: Path, tmp_path: Path) -> None:
    found = all_hear(scored_folder, tmp_path / "copy", 2000, 5)
    assert [len(one) for one in found] == [2000] * 5
    last = [one[-1] for one in found]
    print(f"2,000 sockets: the last had it {median(last):.2f} s after the commit, {max(last):.2f} "
          "at worst")  # fmt: skip


def test_who_does_not_read_is_let_go_and_the_others_get_theirs(scored_folder: Path) -> None:
    with serving_folder(scored_folder) as (port, app, server), socket.socket() as slow:
        hub, measures = app.state.hub, app.state.metrics.registry
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(UPGRADE.format(PATH).encode())
        wait_until(lambda: hub.count == 1)

        async def others() -> int:
            came: asyncio.Queue[bytes] = asyncio.Queue()
            loop, given = asyncio.get_running_loop(), 0
            for _ in range(3):
                await loop.create_connection(
                    lambda: Listener(PATH, came.put_nowait), "127.0.0.1", port
                )
                await asyncio.wait_for(came.get(), WAIT)  # the newest state
            while hub.count == 4:
                hub._loop.call_soon_threadsafe(hub.give, TOPIC, LARGE)
                for _ in range(3):
                    assert await asyncio.wait_for(came.get(), WAIT) == LARGE.encode()
                given += 1
                assert given < 1000, "it was never let go"
            await asyncio.to_thread(wait_until, lambda: len(server.server_state.connections) == 3)
            assert hub.count == 3
            return given

        assert asyncio.run(others()) > stream.WAITING
        assert measures.get_sample_value("bullion_sockets_dropped_total") == 1


def test_a_listener_that_is_too_many_or_asks_for_nothing_known_is_refused(
    scored_folder: Path,
) -> None:
    with api_at(scored_folder, sockets="1") as client:
        with client.websocket_connect(STREAM) as first:
            assert first.receive_json()["type"] == "state"
            assert refused(client, STREAM) == stream.TRY_AGAIN
        for query in ("universe=qqqq", "forecast=nasdaq"):
            assert refused(client, f"{STREAM}?{query}") == stream.POLICY


def refused(client: TestClient, address: str) -> int:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as told, client.websocket_connect(address):
        pass
    return told.value.code


def test_a_heartbeat_comes_while_nothing_is_published(
    scored_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    with api_at(scored_folder) as client, client.websocket_connect(STREAM) as listener:
        kinds = [listener.receive_json()["type"] for _ in range(3)]
    assert kinds == ["state", "heartbeat", "heartbeat"]
