"""The pages, in the order of the navigation.

Each is a module with a TITLE, an ICON and a function `draw` that reads the API and shows what it
answered. The module's name is the page's address.
"""

from __future__ import annotations

from types import ModuleType

from dashboard.views import health, market, models, news, now, performance, predictions

PAGES: tuple[ModuleType, ...] = (now, market, predictions, performance, models, news, health)
