"""Judgments beside the answers they grade."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from evalkit import Run
from tests.judging.judged import PAIRS, always, prefers, suite


def test_the_document_contains_the_judgments(run: Callable[..., Run], tmp_path: Path) -> None:
    import jsonschema

    done = run(suite(**PAIRS), {"j": prefers("x")}, models={"x": always("x"), "y": always("y")})
    done.to_json(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    schema = Path(__file__).parents[2] / "docs" / "results.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text(encoding="utf-8")))
    kinds = {analysis["kind"] for cell in document["cells"] for analysis in cell["analyses"]}
    assert {"judged", "pairwise"} <= kinds
