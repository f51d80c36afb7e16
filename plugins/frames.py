"""Forbid other sites to show Airflow in a frame, where clicks on its buttons could be stolen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Airflow's own pages may: its UI shows the pages of users and roles in a frame.
HEADERS = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
)


class RefuseFrames:
    """Adds the headers that forbid it to every answer: Airflow 3 has no option for this."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                # An answer may have a policy of its own; a browser obeys each of several.
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


class FramesPlugin(AirflowPlugin):
    """Puts the headers on the UI and the REST API of the api-server."""

    name = "frames"
    fastapi_root_middlewares = [  # noqa: RUF012 (Airflow declares a list)
        {"middleware": RefuseFrames, "name": "No frames"}
    ]
