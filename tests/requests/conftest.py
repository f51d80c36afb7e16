"""A lake of four symbols for models that a decision of the lake lets serve."""

from tests.serving.conftest import folder, lake

__all__ = ["folder", "lake"]
