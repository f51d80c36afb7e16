"""What is wrong with bars that a caller sent."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError

from pipelines.core.errors import InvalidRequest


class Refused(InvalidRequest):
    """A request that cannot be scored, and the field at fault."""

    def __init__(self, message: str, hint: str, field: str) -> None:
        super().__init__(message, hint)
        self.field = field

    def at(self, place: str) -> RequestValidationError:
        """The same as a failed validation, which the API answers with the field's name."""
        told = {"type": "invalid_request", "loc": (place, self.field), "msg": self.message}
        return RequestValidationError([told | {"ctx": {"hint": self.hint}}])
