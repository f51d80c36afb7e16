"""One thread follows the lake: it holds the newest state in memory, and calls the listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from pipelines.core.errors import BullionError
from pipelines.forecasts import FORECASTS, Forecast
from serving.schemas.errors import NotYet
from serving.settings import Settings
from serving.state.cache import SignalCache, load
from serving.state.reader import READ_ERRORS, Reader, as_lake_error

log = logging.getLogger(__name__)


class Follower:
    """Looks at the snapshot number a few times a second, and loads each new state as one object.

    It is the only thread of the API that polls the lake. `state_listeners` get each new state;
    `lake_listeners` are called when there is another snapshot or catalog, and when the lake
    became readable or no longer is.
    """

    def __init__(
        self, settings: Settings, reader: Reader, forecasts: Sequence[Forecast] = FORECASTS
    ) -> None:
        self.state: SignalCache | None = None
        self.trouble: BullionError | None = NotYet("the lake is being read", "ask again", 1)
        self.state_listeners: list[Callable[[SignalCache], None]] = []
        self.lake_listeners: list[Callable[[], None]] = []
        self.forecasts = tuple(forecasts)
        self.looked, self._stop = Event(), Event()
        self._settings, self._reader = settings, reader
        # The catalog's file counts too: one that was restored may have the number it had before.
        self._announced: tuple[object, int] | None = None
        self._loaded: tuple[object, int] | None = None
        self._thread = Thread(target=self._run, name="follow the lake", daemon=True)

    def start(self, wait: float = 5.0) -> None:
        """Begin, and give the first look a moment so that the first answer has something."""
        self._thread.start()
        self.looked.wait(wait)

    def stop(self) -> None:
        """End the thread once it has finished what it does."""
        self._stop.set()
        if self._thread.is_alive():
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
        """Load the newest snapshot if it is not the one in memory, and call the listeners."""
        trouble_before, announced_before = self.trouble, self._announced
        try:
            self._load_newest()
            self.trouble = None
        except BullionError as error:
            self._note_failure(error)
        except READ_ERRORS as error:
            log.exception("the newest state could not be loaded")
            self._note_failure(as_lake_error(error))
        readable_changed = (trouble_before is None) != (self.trouble is None)
        if readable_changed or self._announced != announced_before:
            for listener in self.lake_listeners:
                listener()

    def _load_newest(self) -> None:
        lake = self._reader.lake()
        newest = self._announced = (self._reader.catalog_file, lake.snapshot)
        if newest == self._loaded:
            return
        with lake.view(checked=not lake.store.remote) as view:  # see Reader.view
            state = load(
                view,
                self.forecasts,
                self._settings.data_source,
                timedelta(seconds=self._settings.grace),
                datetime.now(UTC),
            )
        self.state, self._loaded = state, newest
        for listener in self.state_listeners:
            listener(state)

    def _note_failure(self, error: BullionError) -> None:
        if self.trouble is None or self.trouble.message != error.message:
            log.warning("%s", error)
        self.trouble = error
        self._reader.close()  # the next look opens it anew, with whatever layout it has then
