"""MLflow's failures are errors of Bullion, with a hint that says what to do."""

from __future__ import annotations

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from pipelines.core.errors import InvalidRequest
from pipelines.registry.errors import RegistryError, mlflow_errors

URI = "http://mlflow.example"
OPERATIONAL = OperationalError("SELECT 1", {}, Exception("locked"))


@pytest.mark.parametrize(
    "failure", [OSError("no space left"), MlflowException("broken"), OPERATIONAL]
)
def test_a_failure_names_the_address_and_what_to_check(failure: Exception) -> None:
    with pytest.raises(RegistryError, match=URI) as error, mlflow_errors(URI):
        raise failure
    assert "MLFLOW_TRACKING_URI" in error.value.hint
    assert "SELECT 1" not in error.value.message


def test_what_mlflow_does_not_know_is_an_error_of_the_request() -> None:
    with pytest.raises(InvalidRequest, match="no such model"), mlflow_errors(URI):
        raise MlflowException("no such model", error_code=5)


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), mlflow_errors(URI):
        raise ZeroDivisionError
