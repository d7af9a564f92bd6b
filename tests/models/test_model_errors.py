"""An exception of a library fails one model."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import ModelError, UsageError
from evalkit.models.in_memory import as_model
from evalkit.models.model_errors import model_errors


@pytest.fixture
def model() -> Any:
    return as_model("m", lambda prompt: "x")


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), GeneratorExit("gone")])
def test_whatever_a_library_raises_names_the_model_and_the_line(
    model: Any, error: BaseException
) -> None:
    where = r"\(test_model_errors\.py:\d+\)"
    with pytest.raises(ModelError, match=rf"'m' failed: \w+: .* {where}"), model_errors(model):
        raise error


def test_errors_of_evalkit_and_ctrl_c_pass(model: Any) -> None:
    with pytest.raises(UsageError, match="own"), model_errors(model):
        raise UsageError("own")
    with pytest.raises(KeyboardInterrupt), model_errors(model):
        raise KeyboardInterrupt
