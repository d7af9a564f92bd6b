from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from evalkit.errors import ModelError, SpecError, UsageError
from evalkit.models import registry
from evalkit.models.base import Model
from evalkit.models.registry import builtin_declaration, resolve

Declare = Callable[..., Any]


@pytest.mark.parametrize(
    ("backend", "options"),
    [("transformers", {"model": "./x"}), ("callable", {"model": "app:answer"})],
)
def test_every_backend_satisfies_the_protocol(
    declare: Declare, backend: str, options: dict[str, str]
) -> None:
    model = resolve(declare(backend, **options))
    assert isinstance(model, Model)
    assert model.name == "mine"
    model.close()
    model.close()


def test_an_unknown_backend_suggests_the_nearest(declare: Declare) -> None:
    with pytest.raises(SpecError) as caught:
        resolve(declare("transformer", model="x"))
    assert "evalkit.yaml:3: models.mine: unknown backend 'transformer'" in str(caught.value)
    assert "did you mean 'transformers'" in str(caught.value)


def test_every_wrong_option_is_reported_with_its_line(declare: Declare) -> None:
    with pytest.raises(SpecError) as caught:
        resolve(declare("transformers", modell="x", dtype="float23", batch_rows=0))
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert all(p.line == 3 and p.file == "evalkit.yaml" for p in caught.value.problems)
    assert "unknown option 'modell'; did you mean 'model'" in text
    assert "option 'model' is missing" in text
    assert "float23" in text
    assert "models.mine.batch_rows" in text


def test_numbers_and_switches_may_come_as_text(declare: Declare) -> None:
    model: Any = resolve(declare("transformers", model="x", batch_tokens="512", device="cpu"))
    assert model.options.batch_tokens == 512


def test_a_backend_of_another_package_is_found(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        EntryPoint("elsewhere", "evalkit.models.callable:CallableModel", "evalkit.models"),
        EntryPoint("broken", "no_such_module_at_all:Model", "evalkit.models"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    assert resolve(declare("elsewhere", model="app:answer")).name == "mine"
    assert registry.backends() == [*registry.BACKENDS, "broken", "elsewhere"]
    with pytest.raises(ModelError, match="no_such_module_at_all"):
        resolve(declare("broken"))


def test_the_built_in_model_needs_no_declaration() -> None:
    assert builtin_declaration("smollm2").backend == "transformers"
    with pytest.raises(UsageError, match="smollm2"):
        builtin_declaration("smolm2")


def test_declaring_and_fingerprinting_import_nothing_heavy(declare: Declare) -> None:
    code = (
        "import sys\n"
        "from evalkit.models.registry import resolve, builtin_declaration\n"
        "m = resolve(builtin_declaration('smollm2'))\n"
        "m.fingerprint(); m.describe()\n"
        "print([n for n in ('torch', 'transformers', 'numpy', 'pandas', 'huggingface_hub')"
        " if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
