"""One thread follows the lake's snapshot number and holds the newest state in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from pipelines.core.errors import BullionError
from pipelines.forecasts import FORECASTS, Forecast
from serving.schemas.errors import NotYet
from serving.settings import Settings
from serving.state import cache as newest
from serving.state.cache import State
from serving.state.reader import BROKEN, Reader, broken

log = logging.getLogger(__name__)


class Follower:
    """Looks at the snapshot number a few times a second, and loads what is new as one object."""

    def __init__(
        self, settings: Settings, reader: Reader, forecasts: Sequence[Forecast] = FORECASTS
    ) -> None:
        self.state: State | None = None
        self.trouble: BullionError | None = NotYet("the lake is being read", "ask again", 1)
        self.looked_at = 0.0  # monotonic, the last time all went well
        self.listeners: list[Callable[[State], None]] = []
        self._settings = settings
        self.forecasts = tuple(forecasts)
        self._reader = reader
        self.looked, self._stop = Event(), Event()
        self._thread = Thread(target=self._run, name="follow the lake", daemon=True)

    def start(self, wait: float = 5.0) -> None:
        """Begin, and give the first look a moment so that the first answer has something."""
        self._thread.start()
        self.looked.wait(wait)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self.looked.set()
            self._stop.wait(self._settings.poll_seconds)

    def look(self) -> None:
        """Load the newest snapshot if it is another one than is held."""
        try:
            self._renew()
            self.trouble = None
            self.looked_at = time.monotonic()
        except BullionError as error:
            self._failed(error)
        except BROKEN as error:
            log.exception("the newest state could not be loaded")
            self._failed(broken(error))

    def _renew(self) -> None:
        lake = self._reader.lake()
        if self.state is not None and lake.snapshot == self.state.snapshot:
            return
        with lake.view() as view:
            made = newest.load(
                view,
                self.forecasts,
                self._settings.data_source,
                timedelta(seconds=self._settings.grace),
                datetime.now(UTC),
            )
        self.state = made
        for tell in self.listeners:
            tell(made)

    def _failed(self, error: BullionError) -> None:
        if self.trouble is None or self.trouble.message != error.message:
            log.warning("%s", error)
        self.trouble = error
        self._reader.close()  # the next look opens it anew, with whatever layout it has then
