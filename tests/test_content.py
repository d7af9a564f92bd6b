"""The content that evalkit ships."""

from __future__ import annotations

import pytest

from evalkit import content


@pytest.mark.parametrize(
    ("name", "files"),
    [("suites", "*.eval.yaml"), ("judges", "*.judge.yaml"), ("reports", "*.j2")],
)
def test_each_folder_has_its_files(name: str, files: str) -> None:
    assert list(content.folder(name).rglob(files))
