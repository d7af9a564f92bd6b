"""The JSON Schema of rubric files."""

from __future__ import annotations

import pytest

from evalkit.judging.schema import rubric_schema
from tests.judging.test_load import SHIPPED
from tests.spec.loading import read_yaml


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_fits_the_shipped_rubrics(name: str) -> None:
    import jsonschema

    value = read_yaml(SHIPPED[name]).value
    if "scale" in value:  # JSON has only texts as keys
        value["scale"] = {str(step): text for step, text in value["scale"].items()}
    jsonschema.validate(value, rubric_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "promt": "x"}, rubric_schema())
