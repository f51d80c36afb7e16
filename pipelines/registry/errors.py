"""What can go wrong with MLflow, as errors of Bullion with a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.core.errors import BullionError, InvalidRequest

UNUSABLE = "do not use it; train again, or roll back: `bullion rollback`"


class RegistryError(BullionError):
    """The registry cannot be reached, or has another file than was registered."""


class UnsoundModel(RegistryError):
    """The registry answers, but a version's file is missing or is not what was registered."""


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Raise MLflow's failures as RegistryError, or as InvalidRequest where nothing is found."""
    from mlflow.exceptions import MlflowException, RestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RestException as error:
        raise RegistryError(f"MLflow at {uri} refuses: {error}", "see its own log") from error
    except MlflowException as error:
        missing = error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        if missing:
            raise InvalidRequest(str(error), "`bullion models` lists what there is") from error
        raise RegistryError(
            f"MLflow at {uri} cannot be used: {_without_sql(error)}",
            "check MLFLOW_TRACKING_URI, that its server runs, and the space left on its disk",
        ) from error
    except (OSError, SQLAlchemyError) as error:
        raise RegistryError(
            f"MLflow at {uri} cannot be used: {_without_sql(error)}",
            "check MLFLOW_TRACKING_URI, that its server runs, and the space left on its disk",
        ) from error


def _without_sql(error: Exception) -> str:
    """The message of an error, without the statement and the address that SQLAlchemy adds to it."""
    return re.split(r"\n\[SQL: |\n\(Background on this error", str(error), maxsplit=1)[0]
