"""WebSockets: every listener gets each signal, and a client that does not read is dropped."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from statistics import median

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pipelines.steps.lake import open_lake
from serving.routes import stream
from tests import empty_lake
from tests.servers.ports import free_port
from tests.serving.in_process import serving_folder
from tests.serving.process import WAIT, environment_of, run_server, wait_for_answer
from tests.serving.scored_api import STREAM, api_at, wait_until
from tests.serving.socket_listener import PATH, UPGRADE, Listener, allow_files, listen

CHANNEL = stream.Channel("signals", "nasdaq100_hourly", "qqq")
# A few of these are more than the kernel buffers for a client.
LARGE = f'{{"large":"{"x" * 500_000}"}}'
NEWEST = "live AND universe = 'qqq'"


def publish_to_listeners(port: int, sockets: int, rounds: int) -> list[list[float]]:
    """Commit signals while many sockets listen; return the delays of each round."""
    wait_for_answer(port)
    with open_lake() as lake:

        def publish(count: int) -> None:
            signal = lake.sql(
                f"SELECT * EXCLUDE (batch) REPLACE (now() AS scored_at) "
                f"FROM gold.index_signals WHERE {NEWEST}"
            )
            with lake.write("again") as writer:
                writer.replace("gold.index_signals", signal, NEWEST)

        return asyncio.run(listen(port, sockets, publish, rounds))


def test_every_listener_gets_a_new_signal(scored_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(scored_folder, tmp_path / "copy")
    allow_files(400)
    with serving_folder(tmp_path / "copy") as (port, _, _):
        rounds = publish_to_listeners(port, 200, 2)
    assert [len(delays) for delays in rounds] == [200, 200]


@pytest.mark.torture
def test_two_thousand_get_a_new_signal(scored_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(scored_folder, tmp_path / "copy")
    allow_files(4000)
    port = free_port()
    env = environment_of(tmp_path / "copy", port)
    with pytest.MonkeyPatch.context() as patch, run_server("-m", "serving", env=env):
        for name, value in env.items():
            patch.setenv(name, value)
        rounds = publish_to_listeners(port, 2000, 5)
    assert [len(delays) for delays in rounds] == [2000] * 5
    slowest = [delays[-1] for delays in rounds]
    print(
        f"2,000 sockets: the last had it {median(slowest):.2f} s after the commit, "
        f"{max(slowest):.2f} at worst"
    )


def test_a_client_that_does_not_read_is_dropped_and_the_others_get_their_messages(
    scored_folder: Path,
) -> None:
    with serving_folder(scored_folder) as (port, app, server), socket.socket() as connection:
        hub, measures = app.state.hub, app.state.metrics.registry
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(UPGRADE.format(PATH).encode())
        wait_until(lambda: hub.count == 1)

        async def count_messages() -> int:
            messages: asyncio.Queue[bytes] = asyncio.Queue()
            loop, count = asyncio.get_running_loop(), 0
            for _ in range(3):
                await loop.create_connection(
                    lambda: Listener(PATH, messages.put_nowait), "127.0.0.1", port
                )
                await asyncio.wait_for(messages.get(), WAIT)  # the newest state
            while hub.count == 4:
                hub._loop.call_soon_threadsafe(hub.send, CHANNEL, LARGE)
                for _ in range(3):
                    assert await asyncio.wait_for(messages.get(), WAIT) == LARGE.encode()
                count += 1
                assert count < 1000, "the slow client was never dropped"
            await asyncio.to_thread(wait_until, lambda: len(server.server_state.connections) == 3)
            assert hub.count == 3
            return count

        assert asyncio.run(count_messages()) > stream.WAITING
        assert measures.get_sample_value("bullion_sockets_dropped_total") == 1


def test_a_socket_beyond_the_limit_or_for_an_unknown_topic_is_refused(
    scored_folder: Path,
) -> None:
    with api_at(scored_folder, sockets="1") as client:
        with client.websocket_connect(STREAM) as first:
            state = first.receive_json()
            assert (state["type"], state["signal"]["delay_seconds"]) == ("state", 60)
            assert close_code(client, STREAM) == stream.TRY_AGAIN
        for query in ("universe=qqqq", "forecast=nasdaq", "kind=gossip", "kind=news&topic=sp501"):
            assert close_code(client, f"{STREAM}?{query}") == stream.POLICY


def close_code(client: TestClient, address: str) -> int:
    with pytest.raises(WebSocketDisconnect) as error, client.websocket_connect(address):
        pass
    return error.value.code


def test_a_heartbeat_comes_while_nothing_is_published(
    scored_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    with api_at(scored_folder) as client, client.websocket_connect(STREAM) as listener:
        kinds = [listener.receive_json()["type"] for _ in range(3)]
    assert kinds == ["state", "heartbeat", "heartbeat"]


def test_the_news_of_a_topic_are_sent_where_they_are_asked_for(
    scored_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(scored_folder, tmp_path / "copy")
    with api_at(tmp_path / "copy") as client:
        with client.websocket_connect(f"{STREAM}?kind=news&topic=sp500") as listener:
            state = listener.receive_json()
            assert (state["type"], state["topic"], state["stale"]) == ("state", "sp500", False)
            newest = client.get("/news/signals/newest?topic=sp500").json()
            assert state["news"] == newest
            with open_lake(empty_lake.at(tmp_path / "copy")) as lake, lake.write("next") as writer:
                row = writer.sql(
                    """SELECT * EXCLUDE (batch) REPLACE (
                           window_end + INTERVAL 15 MINUTE AS window_end,
                           known_at + INTERVAL 15 MINUTE AS known_at)
                       FROM gold.news_signals ORDER BY window_end DESC LIMIT 1"""
                )
                writer.append("gold.news_signals", row)
            messages = iter(listener.receive_json, None)
            news = next(message for message in messages if message["type"] != "heartbeat")
            assert (news["type"], news["topic"]) == ("news", "sp500")
            assert news["news"]["window_end"] > newest["window_end"]
        with client.websocket_connect(STREAM) as other:
            assert "news" not in other.receive_json()
