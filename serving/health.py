"""Health: whether the API can answer at all."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from serving.lake import Newest

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The API answers, and this is what it reads."""

    status: Literal["ok"] = "ok"
    snapshot: int = Field(description="number of the lake's newest snapshot")


@router.get("/health")
def health(view: Newest) -> Health:
    """Ok when the lake can be read; otherwise an error says why not."""
    return Health(snapshot=view.snapshot)
