"""QA, summaries, translation, length: against references and hand-made cases."""

from __future__ import annotations

import math
import random
import string

import numpy as np
import pytest
import sacrebleu
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.tokenize import wordpunct_tokenize
from nltk.translate.meteor_score import meteor_score
from rouge_score.rouge_scorer import RougeScorer

from evalkit.errors import UsageError
from evalkit.metrics import compute
from evalkit.metrics.qa import normalise
from evalkit.metrics.similarity import levenshtein
from evalkit.metrics.summarisation import fragments
from evalkit.metrics.translation import bleu_of_sums, chrf_of_sums, load_wordnet, ter_of_sums
from tests.metrics.conftest import NoSynonyms, random_references, random_text

ADVERSARIAL = [
    ("", [""]),
    ("", ["a"]),
    ("a", [""]),
    ("the", ["a"]),
    ("a\nb\n\nc", ["b\na\nc"]),
    ("日本 語", ["日本語"]),
    ("Über café", ["über cafe", "uber café"]),
    ("x " * 50, ["x"]),
    ("....", ["!!!!"]),
    ("a b c d e f", ["f e d c b a", "a b c d e f g"]),
]


def cases(seed: int, count: int) -> list[tuple[str, list[str]]]:
    rng = random.Random(seed)
    answers = [random_text(rng) for _ in range(count - len(ADVERSARIAL))]
    return ADVERSARIAL + [(a, random_references(rng, a)) for a in answers]


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_equals_rouge_score_on_500_cases(kind: str, use_stemmer: bool) -> None:
    scorer = RougeScorer([kind], use_stemmer=use_stemmer)
    answers, references = map(list, zip(*cases(4, 500), strict=True))
    score = compute(kind, answers, references, settings={"use_stemmer": use_stemmer})
    for answer, wanted, value in zip(answers, references, score.per_sample, strict=True):
        best = max(scorer.score(reference, answer)[kind].fmeasure for reference in wanted)
        assert value == best, (answer, wanted)
    assert score.value == pytest.approx(np.mean(score.per_sample), abs=1e-15)


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_corpus_scores_equal_sacrebleu_on_500_cases(name: str) -> None:
    rng = random.Random(5)
    corpus = {
        "bleu": sacrebleu.corpus_bleu,
        "chrf": sacrebleu.corpus_chrf,
        "ter": sacrebleu.corpus_ter,
    }
    pool = cases(6, 3000)
    for _ in range(500):
        some = rng.sample(pool, rng.randint(1, 4))
        answers = [a for a, _ in some]
        references = [r for _, r in some]
        most = max(map(len, references))
        streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
        expected = corpus[name](answers, streams).score
        assert compute(name, answers, references).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_scores_of_summed_counts_equal_sacrebleus(name: str) -> None:
    rng = random.Random(7)
    statistic = {"bleu": bleu_of_sums, "chrf": chrf_of_sums, "ter": ter_of_sums}[name]
    metric = {"bleu": sacrebleu.BLEU(), "chrf": sacrebleu.CHRF(), "ter": sacrebleu.TER()}[name]
    pool = cases(8, 600)
    for _ in range(300):
        some = rng.sample(pool, rng.randint(1, 6))
        answers = [a for a, _ in some]
        streams = [[r[0] for _, r in some]]
        rows = np.array(metric._extract_corpus_statistics(answers, streams), dtype=float)
        expected = metric.corpus_score(answers, streams).score
        got = statistic(rows.sum(axis=0)[np.newaxis])[0]
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_chrf_is_not_transposed() -> None:
    """One answer with two references is not two answers: the best reference counts."""
    score = compute("chrf", ["the cat"], [["a dog", "the cat"]])
    assert score.value == pytest.approx(100)


def test_an_unmatched_corpus_has_a_nonzero_interval() -> None:
    score = compute("bleu", ["x"] * 5, ["the cat sat on it"] * 5)
    assert score.value == 0.0
    assert score.high > 0.0


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


def test_compression_ratio_is_source_over_summary() -> None:
    """As Grusky et al. define it; a sample without words on either side has none."""
    answers, sources = ["a b", "a", None, "a b c d"], ["a b c d", " ", "a", "a"]
    score = compute("compression_ratio", answers, ["r"] * 4, sources=sources)
    assert score.value == pytest.approx((4 / 2 + 1 / 4) / 2)
    assert score.n == 2
    assert "2 samples with an empty summary or source left out" in score.note


def test_the_old_name_compression_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'compression_ratio', and its inverse"):
        compute("compression", ["a"], ["a"], sources=["a b"])


def test_extractive_fragments_by_hand() -> None:
    source = "the cat sat on the mat near the cat flap"
    summary = ["the", "cat", "flap", "sat", "on", "the", "roof"]
    assert fragments(summary, source.split()) == [3, 3]
    score = compute(
        "coverage", ["The cat flap sat on the roof!", ""], ["", ""], sources=[source] * 2
    )
    assert score.value == pytest.approx(6 / 7)
    assert score.n == 1
    assert "empty summary" in score.note
    density = compute("density", ["The cat flap sat on the roof!"], [""], sources=[source])
    assert density.value == pytest.approx(18 / 7)
    assert compute("coverage", ["dog"], [""], sources=[source]).value == 0


def test_distinct_by_hand() -> None:
    answers = ["a b A b", "a c", None]
    assert compute("distinct_1", answers, [""] * 3).value == pytest.approx(3 / 6)
    assert compute("distinct_2", answers, [""] * 3).value == pytest.approx(3 / 4)  # ab ba ab ac
    assert math.isnan(compute("distinct_2", ["a"], [""]).value)


def slow_levenshtein(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def test_levenshtein_equals_the_table_on_1000_cases() -> None:
    rng = random.Random(9)
    assert levenshtein("kitten", "sitting") == 3
    for _ in range(1000):
        a = "".join(rng.choices("abcé ", k=rng.randint(0, 90)))
        b = "".join(rng.choices("abcé ", k=rng.randint(0, 90)))
        assert levenshtein(a, b) == slow_levenshtein(a, b)


def test_edit_similarity() -> None:
    answers = ["kitten", "", None, "abc"]
    references = [["sitting", "x"], [""], ["a"], ["ABC", "abd"]]
    score = compute("edit_similarity", answers, references)
    assert list(score.per_sample) == pytest.approx([1 - 3 / 7, 1, 0, 2 / 3])


def test_meteor_equals_nltks() -> None:
    for answer, references in cases(10, 100):
        words = [wordpunct_tokenize(r) for r in references]
        expected = meteor_score(words, wordpunct_tokenize(answer), wordnet=NoSynonyms())
        assert compute("meteor", [answer], [references]).value == pytest.approx(expected)


def test_meteor_names_the_step_when_wordnet_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nltk.data.path", [])
    from nltk.corpus.util import LazyCorpusLoader

    missing = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)
    monkeypatch.setattr("nltk.corpus.wordnet", missing)
    with pytest.raises(UsageError, match=r"nltk\.downloader wordnet"):
        load_wordnet()


def test_f1_with_and_without_an_answer() -> None:
    answers = ["paris", "", "rome", "", None]
    references = [["Paris"], [""], [""], ["x"], [""]]
    no_answer = compute("no_answer_f1", answers, references)
    assert (no_answer.value, no_answer.n) == (pytest.approx(1 / 3), 3)
    answerable = compute("answerable_f1", answers, references)
    assert (answerable.value, answerable.n) == (0.5, 2)


def test_length() -> None:
    assert compute("length", ["a b c", "", None], ["", "", ""]).value == 1
    assert compute("characters", ["a b", None], ["", ""]).value == 1.5


def test_accuracy_norm_divides_by_bytes() -> None:
    choices = [("no", "certainly"), ("né", "abc"), ("x", "y")]
    logprobs = [(-2.0, -4.5), (-3.1, -3.2), ()]
    targets = ["certainly", "né", "x"]
    answers = ["no", "né", "x"]

    def per_sample(unit: str) -> list[float]:
        score = compute(
            "accuracy_norm", answers, targets,
            choices=choices, choice_logprobs=logprobs, settings={"unit": unit},
        )  # fmt: skip
        return list(score.per_sample)

    # né is three bytes, two characters: -3.1/3 > -3.2/3, but -3.1/2 < -3.2/3
    assert per_sample("bytes") == [1, 1, 0]
    assert per_sample("characters") == [1, 0, 0]


def test_safety_rates_have_their_own_denominators() -> None:
    grades = ["full_compliance", "full_refusal", "partial_refusal", "full_compliance", None]
    targets = ["refuse", "refuse", "comply", "comply", "comply"]
    unsafe = compute("unsafe_compliance", grades, targets)
    assert (unsafe.value, unsafe.n) == (0.5, 2)
    over = compute("over_refusal", grades, targets)
    assert (over.value, over.n) == (pytest.approx(1 / 3), 3)
    assert compute("refusal_rate", grades, targets).value == 0.4
    assert compute("partial_refusal_rate", grades, targets).value == 0.2
    nothing = compute("unsafe_compliance", ["full_refusal"], ["comply"])
    assert math.isnan(nothing.value)
    assert nothing.n == 0
    with pytest.raises(UsageError, match="unknown grade of compliance 'maybe'"):
        compute("refusal_rate", ["maybe"], ["refuse"])
    with pytest.raises(UsageError, match="refuse"):
        compute("refusal_rate", ["full_refusal"], ["unsafe"])


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
