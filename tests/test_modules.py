"""Functions of the user are imported by name, from the project first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.errors import ModelError
from evalkit.modules import import_function, source_file


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_module.py").write_text(
        "import own_neighbour\n"
        "class Model:\n    @staticmethod\n    def answer(prompt): return 'yes'\n"
        "def late():\n    import own_late\n    return own_late.VALUE\nNUMBER = 3\n"
    )
    (tmp_path / "own_neighbour.py").write_text("")
    (tmp_path / "own_late.py").write_text("VALUE = 5")
    (tmp_path / "own_exit.py").write_text("raise SystemExit(2)")
    return tmp_path


def test_a_function_is_found_with_its_neighbours_and_later_imports(root: Path) -> None:
    assert import_function("own_module:Model.answer", root)("?") == "yes"
    assert import_function("own_module:late", root)() == 5
    assert source_file("own_module", root) == root / "own_module.py"
    assert source_file("os", root) is not None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("own_modul:answer", "no module 'own_modul' in"),
        ("own_module:Model.anwser", "did you mean 'answer'"),
        ("own_module:NUMBER", "is not a function but of type int"),
        ("own_exit:answer", "importing 'own_exit' failed: SystemExit: 2"),
    ],
)
def test_what_cannot_be_imported_says_why(root: Path, target: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_function(target, root)


def test_a_module_of_another_folder_is_not_taken_for_the_projects(root: Path) -> None:
    import_function("own_module:late", root)
    other = root / "other"
    other.mkdir()
    (other / "own_module.py").write_text("def late(): return 1\n")
    with pytest.raises(ModelError, match="a module 'own_module' is already loaded from"):
        import_function("own_module:late", other)
