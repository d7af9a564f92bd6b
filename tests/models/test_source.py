from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.models import source
from evalkit.models.source import locate_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with one model, and no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "hub" / "models--org--name"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps({"torch_dtype": "bfloat16"}))
    return snapshot


def find(model: str, root: Path, gguf: str | None = None, revision: str | None = None) -> Any:
    return locate_model(model, root, gguf=gguf, revision=revision)


def test_a_folder_is_identified_by_its_content(tmp_path: Path) -> None:
    for name, weights in (("one", b"w"), ("same", b"w"), ("other", b"v")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text('{"dtype": "float16"}')
        (folder / "model.safetensors").write_bytes(weights)
    one, same, other = (find(f"./{n}", tmp_path) for n in ("one", "same", "other"))
    assert one.identity == same.identity != other.identity
    assert one.stored_dtype == "float16"
    assert find(str(tmp_path / "one"), Path("/")).identity == one.identity


def test_a_gguf_file_is_identified_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF...{{ strftime_now('%Y') }}...")
    (tmp_path / "n.gguf").write_bytes(b"GGUF")
    dated, plain = find("m.gguf", tmp_path), find(str(tmp_path), tmp_path, gguf="n.gguf")
    assert (dated.path, dated.gguf) == (str(tmp_path), "m.gguf")
    assert dated.identity != plain.identity
    assert dated.stored_dtype is None
    assert (dated.template_uses_date, plain.template_uses_date) == (True, False)


def test_a_hub_model_is_identified_by_its_commit(hub: Path, tmp_path: Path) -> None:
    found = find("org/name", tmp_path)
    assert found.revision == COMMIT
    assert found.identity == {"hub": "org/name", "commit": COMMIT}
    assert found.stored_dtype == "bfloat16"
    assert not found.template_uses_date
    (hub / "chat_template.jinja").write_text("{{ strftime_now('%d') }}")
    assert found.template_uses_date
    assert find("org/name", tmp_path, revision="f" * 40).revision == "f" * 40


def test_unreachable_models_give_advice(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        find("org/absent", tmp_path)
    with pytest.raises(ModelError, match="no model folder"):
        find("./absent/folder/deep", tmp_path)
    with pytest.raises(ModelError, match="no file"):
        find("absent.gguf", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        find("empty", tmp_path)


def test_an_unreachable_hub_is_a_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "model_info", refuse)
    source._ask_hub.cache_clear()
    with pytest.raises(ModelError, match="no route to host"):
        find("org/unreachable", tmp_path)
