"""The location of the files that a suite names, and which it may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import SpecError
from evalkit.spec.load import load_suite
from tests.spec.conftest import Write
from tests.spec.reading import problems, read

from .loading import load_data


def test_suites_cannot_read_files_outside_the_project(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("q,a\n1,1\n")
    (project / "link.csv").symlink_to(outside)
    for name in ("../secret.csv", str(outside), "link.csv", "x/../../secret.csv"):
        [message] = problems({"file": name})
        assert "is outside the project" in message
    suite = {"task": "qa", "data": {"file": "../secret.csv", "target": "a"}, "prompt": "{{ q }}"}
    assert len(load_data(load_suite(suite, allow_outside=True))) == 1
    with pytest.raises(SpecError, match=r"no such file 'd\.csv' in "):
        read({"file": "d.csv"}, root=tmp_path)
    assert len(read({"file": "secret.csv"}, root=tmp_path)) == 1


def test_a_missing_file_suggests_the_nearest(write: Write) -> None:
    write("data/reviews.csv", "q,a\n1,1\n")
    assert "did you mean 'data/reviews.csv'?" in problems({"file": "data/review.csv"})[0]
    assert "the folder 'dta' does not exist" in problems({"file": "dta/reviews.csv"})[0]
    assert "'data' is a folder" in problems({"file": "data"})[0]
