"""Forms of one text are equal to every metric, whichever form either side is in."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from evalkit.checks import run_check
from evalkit.metrics import Columns, compute, run_metric
from evalkit.metrics.analyses import confusion_matrix
from evalkit.metrics.writing import characters, composed, folded, spaced
from evalkit.spec.fields import Check

TEXTS = ["Tiếng Việt", "café à la crème", "Åse", "각하", "Ελλάδα ΰ", "क़लम", "ガギグ", "Ǘber naïve"]


def apart(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    "name",
    [
        *("exact_match", "token_f1", "contains", "accuracy", "rouge1", "rougeL", "rougeLsum"),
        *("bleu", "chrf", "ter", "meteor", "edit_similarity", "top1"),
    ],
)
def test_composed_and_decomposed_texts_are_equal(name: str) -> None:
    whole = compute(name, TEXTS, TEXTS)
    assert compute(name, [apart(text) for text in TEXTS], TEXTS).value == whole.value
    assert compute(name, TEXTS, [apart(text) for text in TEXTS]).value == whole.value
    one = compute(name, ["tiếng Anh"], [apart("Tiếng Việt")])
    assert one.value == compute(name, [apart("tiếng Anh")], ["Tiếng Việt"]).value


@pytest.mark.parametrize("name", ["length", "characters", "distinct_1", "distinct_2"])
def test_metrics_of_answers_ignore_composition(name: str) -> None:
    one, other = compute(name, TEXTS, TEXTS), compute(name, list(map(apart, TEXTS)), TEXTS)
    assert one.value == other.value


@pytest.mark.parametrize("name", ["compression_ratio", "coverage", "density"])
def test_sources_are_composed_too(name: str) -> None:
    made = [
        compute(name, TEXTS, TEXTS, sources=[form(text) for text in TEXTS]).value
        for form in (str, apart)
    ]
    assert made[0] == made[1]


def test_a_vietnamese_word_is_not_an_english_article() -> None:
    """In NFD ``á`` begins with an ``a`` that SQuAD's rules would remove."""
    assert compute("exact_match", [apart("á")], ["á"]).value == 1
    assert compute("exact_match", [apart("á")], [""]).value == 0


@pytest.mark.parametrize("form", [str, apart])
def test_labels_are_found_in_either_form(form: Any) -> None:
    labels = ("négatif", apart("modéré"))
    predictions = [form(text) for text in ("négatif", "modéré", "négatif", "autre")]
    columns = Columns(
        predictions, [("négatif",), ("modéré",), (apart("modéré"),), ("négatif",)], labels
    )
    assert run_metric("accuracy", columns)["accuracy"].value == 2 / 4
    recall = run_metric("recall", columns)
    assert {name: score.value for name, score in recall.items()} == {
        "recall[négatif]": 1 / 2,
        f"recall[{apart('modéré')}]": 1 / 2,
    }
    assert confusion_matrix(columns).counts[0] == (1, 0, 1)
    assert compute("macro_f1", predictions, ["négatif", "modéré", "modéré", "autre"]).value > 0.7


def test_choices_pairs_and_sides_are_compared_in_either_form() -> None:
    chosen = compute(
        "accuracy_norm", ["é"], ["é"], choices=[(apart("é"), "b")], choice_logprobs=[(-1.0, -2.0)]
    )
    assert chosen.value == 1
    same = compute("pair_difference", ["é", apart("É")], ["", ""], pairs=[("p", 0), ("p", 1)])
    assert same.value == 0
    side = compute(
        "bias_score", ["é"], [""], fields=[{"one": apart("é"), "other": "b"}],
        settings={"toward": "one", "away": "other"},
    )  # fmt: skip
    assert side.value == 1
    tags = Columns([apart("B-é")], [("B-é",)], (apart("é"),))
    assert run_metric("entity_f1", tags)[f"entity_f1[{apart('é')}]"].value == 1


@pytest.mark.parametrize("form", [str, apart])
def test_checks_find_either_form(form: Any) -> None:
    text, part = apart("le café crème"), form("café")
    assert run_check(Check(name="contains", value=part), {"text": text}).passed
    assert not run_check(Check(name="not_contains", value=part), {"text": text}).passed
    assert run_check(Check(name="regex", value=f"{part} cr.me$"), {"text": text}).passed
    assert run_check(Check(name="equals", value=form("le café crème")), {"text": text}).passed
    assert run_check(Check(name="max_chars", value=13), {"text": text}).passed


def test_forms_of_a_text() -> None:
    assert composed(apart("Việt")) == "Việt"
    assert folded("ＡＢＣ　１２３ ﾀﾞ Straße ΟΔΟΣ") == "abc 123 ダ strasse οδοσ"
    assert folded("x²½ﬁ") == "x²½fi"  # no compatibility forms but those of width; ﬁ folds as case
    assert characters("e\u0301 กำ 👩‍👩‍👧\n한") == ["e\u0301", "กำ", "👩‍👩‍👧", "한"]
    assert spaced("iPhone手机2024年").split() == ["iPhone", "手", "机", "2024", "年"]
