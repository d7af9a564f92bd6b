"""Exact match, F1 and containment as SQuAD defines them."""

from __future__ import annotations

import random
import string

import pytest

from evalkit.metrics import compute
from evalkit.metrics.qa import normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Answer!", "answer"),
        ("a  man, an\tapple", "man apple"),
        ("U.S.A.", "usa"),
        ("theory of the thing", "theory of thing"),
        ("“curly”", "“curly”"),  # SQuAD drops ASCII punctuation only
        ("", ""),
    ],
)
def test_squad_normalisation(text: str, normal: str) -> None:
    assert normalise(text) == normal


def test_squad_scores_by_hand() -> None:
    answers = ["The Eiffel Tower!", "in Paris, France", "London", None, ""]
    references = [["eiffel tower"], ["Paris"], ["Rome", "london town"], ["x"], [""]]
    exact = compute("exact_match", answers, references)
    assert list(exact.per_sample) == [1, 0, 0, 0, 1]
    f1 = compute("token_f1", answers, references)
    # in/paris/france against paris: p 1/3, r 1; london against london/town: p 1, r 1/2
    assert list(f1.per_sample) == pytest.approx([1, 0.5, 2 / 3, 0, 1])
    assert list(compute("contains", answers, references).per_sample) == [1, 1, 0, 0, 1]


def test_contains_requires_whole_words() -> None:
    assert compute("contains", ["18 legs"], ["8"]).value == 0
    assert compute("contains", ["It has 8 legs."], ["8 legs"]).value == 1


@pytest.mark.parametrize(
    ("answer", "reference", "exact", "inside"),
    [
        ("It is 5.", "-5", 0, 0),
        ("5", "-5", 0, 0),
        ("15", "1.5", 0, 0),
        ("10", "1.0", 0, 0),
        ("7", "7.0", 1, 1),
        ("1234.5", "1,234.50", 1, 1),
        ("0.5", ".5", 1, 1),
        ("½", "0.5", 1, 1),
        ("−5", "-5", 1, 1),
        ("1.5 million", "15", 0, 0),
        ("1.5 million", "1500000", 1, 1),
        ("$5.00", "500", 0, 0),
        ("$5.00", "5", 1, 1),
        ("It costs $5.00.", "5", 0, 1),
        ("12-15 days", "1215", 0, 0),
        ("12-15 days", "15", 0, 0),
        ("5kg", "5", 0, 1),
        ("agent 007", "007", 0, 1),
        ("agent 7", "007", 0, 0),
        ("15 km", "1.5 km", 0, 0),
        ("1.5 km long", "1.5 km", 0, 1),
        ("1230", "12:30", 0, 0),
        ("at 12:30", "12:30", 0, 1),
        ("COVID-19", "COVID 19", 0, 0),  # as in the script
        ("COVID-19", "covid19", 1, 1),
    ],
)
def test_numbers_stay_whole(answer: str, reference: str, exact: int, inside: int) -> None:
    assert compute("exact_match", [answer], [reference]).value == exact
    assert compute("contains", [answer], [reference]).value == inside
    assert (compute("token_f1", [answer], [reference]).value == 1) == bool(exact)


def test_a_multiplier_word_is_part_of_an_expected_number() -> None:
    assert compute("token_f1", ["about 5 apples"], ["5"]).value == pytest.approx(1 / 2)
    assert compute("token_f1", ["5 million"], ["5"]).value == 0
    assert compute("contains", ["5 million"], ["5"]).value == 0
    assert compute("token_f1", ["5 million people"], ["about 5 million"]).value > 0.6


def test_a_missing_answer_does_not_match_an_empty_reference() -> None:
    assert compute("exact_match", [None], [[""]]).value == 0
    assert compute("token_f1", [None], [[""]]).value == 0


def test_f1_with_and_without_an_answer() -> None:
    answers = ["paris", "", "rome", "", None]
    references = [["Paris"], [""], [""], ["x"], [""]]
    no_answer = compute("no_answer_f1", answers, references)
    assert (no_answer.value, no_answer.n) == (pytest.approx(1 / 3), 3)
    answerable = compute("answerable_f1", answers, references)
    assert (answerable.value, answerable.n) == (0.5, 2)


def official(kept: dict[str, list[str]], said: dict[str, str]) -> dict[str, float]:
    """The numbers of SQuAD's script v2.0, written from its definition: exact and F1 in all, over
    the questions with an answer and over those without, in percent."""

    def plain(text: str) -> list[str]:
        bare = "".join(c for c in text.lower() if c not in string.punctuation)
        return [word for word in bare.split() if word not in ("a", "an", "the")]

    def f1(wanted: list[str], found: list[str]) -> float:
        if not wanted or not found:
            return float(wanted == found)
        left = list(wanted)
        same = sum(1 for word in found if word in left and not left.remove(word))  # type: ignore[func-returns-value]
        return 2 * same / (len(wanted) + len(found))

    exact, overlap = {}, {}
    for question, answers in kept.items():
        golden = [plain(a) for a in answers if plain(a)] or [[]]
        found = plain(said[question])
        exact[question] = max(float(found == one) for one in golden)
        overlap[question] = max(f1(one, found) for one in golden)
    parts = {
        "": list(kept),
        "HasAns_": [q for q, answers in kept.items() if answers],
        "NoAns_": [q for q, answers in kept.items() if not answers],
    }
    return {
        f"{part}{name}": 100 * sum(of[q] for q in some) / len(some)
        for part, some in parts.items()
        for name, of in (("exact", exact), ("f1", overlap))
    }


def test_squad_v2_numbers_over_all_questions_and_each_kind() -> None:
    rng = random.Random(5)
    words = ["The", "Paris", "a", "river", "(Seine)", "north-east", "1905", "of", "An", "ü"]

    def text() -> str:
        return " ".join(rng.choices(words, k=rng.randint(1, 4)))

    kept = {str(i): [text() + " x" for _ in range(rng.randint(0, 3))] for i in range(300)}
    kept["mixed"] = ["the", "river"]  # a reference that is empty in normal form counts for nothing
    said = {
        q: "" if rng.random() < 0.3 else rng.choice([*answers, text()])
        for q, answers in kept.items()
    }
    said["mixed"] = "a"
    expected = official(kept, said)
    names = {
        "exact": "exact_match", "f1": "token_f1",
        "HasAns_exact": "answerable_exact", "HasAns_f1": "answerable_f1",
        "NoAns_exact": "no_answer_exact", "NoAns_f1": "no_answer_f1",
    }  # fmt: skip
    for theirs, ours in names.items():
        score = compute(ours, list(said.values()), [tuple(a) or ("",) for a in kept.values()])
        assert 100 * score.value == pytest.approx(expected[theirs], abs=1e-9), theirs
    assert expected["HasAns_exact"] != expected["NoAns_exact"]
