"""What importing costs: names are loaded on first use."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import evalkit

ROOT = Path(__file__).resolve().parent.parent


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_no_other_module() -> None:
    added = modules_after("import evalkit") - modules_after("")
    assert {m for m in added if m.startswith("evalkit")} == {"evalkit"}
    assert not added & {"numpy", "pydantic", "yaml", "jinja2", "pandas", "torch"}


def test_the_vocabulary_of_suites_needs_no_numpy() -> None:
    loaded = modules_after("import evalkit.metrics.catalogue, evalkit.spec.load, evalkit.gates")
    assert not loaded & {"numpy", "scipy", "sklearn", "pandas", "torch", "transformers"}


def test_errors_and_scores_need_no_torch() -> None:
    loaded = modules_after("import evalkit.api, evalkit.models.transformers")
    assert not loaded & {"torch", "transformers", "pandas", "sacrebleu"}


def test_scikit_learn_is_imported_only_for_its_scores() -> None:
    score = "from evalkit.metrics import compute; compute('{}', ['a', 'b'], ['a', 'c'])"
    for name in ("accuracy", "exact_match", "token_f1"):
        assert "sklearn" not in modules_after(score.format(name))
    assert "sklearn.metrics" in modules_after(score.format("macro_f1"))


def test_every_public_name_exists() -> None:
    for name in evalkit.__all__:
        assert getattr(evalkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = evalkit.evaluat


def test_the_wheel_contains_the_content(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("pytest_evalkit-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "evalkit/py.typed" in names
    for folder in ("suites", "reports"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"evalkit/_content/{path.relative_to(ROOT)}" in names
    assert not any(name.startswith("tests/") for name in names)
    entry_points = next(n for n in names if n.endswith("entry_points.txt"))
    written = zipfile.ZipFile(wheel).read(entry_points).decode()
    assert "evalkit = evalkit.pytest_plugin" in written


def test_the_plugin_knows_suites_by_the_same_names() -> None:
    """The file repeats them because it imports nothing of evalkit."""
    from evalkit import pytest_plugin
    from evalkit.spec import files

    assert pytest_plugin.SUFFIXES == files.SUFFIXES
    assert pytest_plugin.ON_REQUEST == files.ON_REQUEST
