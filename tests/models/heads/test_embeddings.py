"""The nearest label by the cosine of vectors."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.exchange import Inputs, Request
from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import Declare, Make, answers, direct, read


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_the_nearest_label_by_cosine(declare: Declare, checkpoint: Make, pooling: str) -> None:
    import torch

    folder = checkpoint("BertModel")
    own, tokenizer = direct(folder, "AutoModel")

    def vector(text: str) -> Any:
        with torch.no_grad():
            states = own(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]

    labels = (("animals", ("the dog",)), ("films", ("film review",)), ("places", ("london",)))
    requests = [Request("", inputs=Inputs("classification", (t,), labels)) for t in CORPUS]
    model = resolve(
        declare(
            "transformers",
            model=str(folder),
            pooling=pooling,
            label_template="about {} ?",
            temperature=0.5,
        )
    )
    for text, response in zip(CORPUS, answers(model, requests), strict=True):
        cosines = [
            torch.cosine_similarity(vector(text), vector(f"about {ways[0]} ?"), dim=0).item()
            for _, ways in labels
        ]
        assert list(response.details["cosines"].values()) == pytest.approx(cosines, abs=1e-5)
        expected = torch.tensor(cosines).div(0.5).log_softmax(0).tolist()
        assert response.logprobs == pytest.approx(expected, abs=1e-4)
        assert response.text == labels[cosines.index(max(cosines))][0]
        assert "nearest label embedding" in response.details["method"]


def test_pooling_follows_sentence_transformers(declare: Declare, checkpoint: Make) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer import modules

    folder = checkpoint("BertModel")
    own = modules.Transformer(str(folder))
    pooling = modules.Pooling(16, pooling_mode="cls")
    whole = sentence_transformers.SentenceTransformer(modules=[own, pooling], device="cpu")
    whole.save_pretrained(str(folder.parent / "sentences"))
    model = resolve(declare("transformers", model=str(folder.parent / "sentences")))
    assert model.fingerprint()["pooling"] == "cls"
    (response,) = answers(model, [read("classification", CORPUS[0], labels=["dog", "film"])])
    text, dog, film = whole.encode([CORPUS[0], "dog", "film"], normalize_embeddings=True)
    expected = [float(text @ dog), float(text @ film)]
    assert list(response.details["cosines"].values()) == pytest.approx(expected, abs=1e-4)
