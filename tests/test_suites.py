"""The shipped suites match their descriptions and docs/shipped-suites.md."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from evalkit import content
from evalkit.answers.claims import claims_in
from evalkit.answers.entities import entities_in
from evalkit.answers.tagging import tokens_of
from evalkit.judging.calibration_labels import read_labels
from evalkit.judging.load import load_rubric
from evalkit.runner.validate import vocabulary
from evalkit.spec.data import Sample, make_samples
from evalkit.spec.load import LoadedSuite, load_checked
from evalkit.spec.project import find_project
from evalkit.spec.sources import rows_of_file

FOLDER = content.folder("suites")
SHIPPED = sorted(FOLDER.glob("*.eval.yaml"))
PAGE = (Path(__file__).parent.parent / "docs" / "shipped-suites.md").read_text(encoding="utf-8")


@cache
def load(name: str) -> LoadedSuite:
    path = FOLDER / f"{name}.eval.yaml"
    return load_checked(path, vocabulary(find_project(path)))


def name_of(path: Path) -> str:
    return path.name.removesuffix(".eval.yaml")


@pytest.fixture(params=[name_of(path) for path in SHIPPED])
def loaded(request: pytest.FixtureRequest) -> LoadedSuite:
    """Every shipped suite in turn. Loading it checks ids, targets, columns, metrics and gates."""
    return load(request.param)


def counts(name: str, column: str) -> Counter[str]:
    return Counter(str(sample.fields[column]) for sample in load(name).dataset)


def columns(name: str, *wanted: str) -> list[tuple[str, ...]]:
    return [tuple(str(s.fields[column]) for column in wanted) for s in load(name).dataset]


def words(text: str) -> int:
    return len(text.split())


def folded(text: object) -> str:
    return " ".join(re.findall(r"\w+", str(text).casefold()))


def test_every_suite_has_a_description(loaded: LoadedSuite) -> None:
    suite = loaded.suite
    assert suite.licence == "CC0-1.0"
    assert words(suite.description) >= 15
    assert suite.gates
    assert suite.name == name_of(suite.path)


def test_every_prompt_renders_and_no_question_is_repeated(loaded: LoadedSuite) -> None:
    for variant in loaded.variants.values():
        asked = Counter(folded(variant.render(sample)) for sample in loaded.dataset)
        assert [prompt for prompt, times in asked.items() if times > 1] == []


def test_no_worked_example_is_in_the_data(loaded: LoadedSuite) -> None:
    """Not even in part: no text of four words or more is in both."""
    own = {folded(value) for sample in loaded.dataset for value in texts(sample)}
    for name, spec in loaded.suite.prompts.items():
        if spec.shots is None or spec.shots.file is None:
            continue
        path = ("prompts", name, "shots", "file")
        examples = make_samples(loaded.suite, rows_of_file(loaded.suite, path, spec.shots.file))
        assert len(examples) >= (spec.shots.count or 1)
        assert own.isdisjoint(folded(text) for shot in examples for text in texts(shot))


def texts(sample: Sample) -> list[str]:
    return [v for v in sample.fields.values() if isinstance(v, str) and words(v) > 3]


def test_the_page_of_shipped_suites_describes_every_suite(loaded: LoadedSuite) -> None:
    name = loaded.suite.name
    row = next((line for line in PAGE.splitlines() if f"[{name}](../suites/{name}." in line), "")
    assert f"| {loaded.dataset.total} |" in row
    assert all(prompt in row for prompt in loaded.variants)


def test_topics_are_balanced() -> None:
    assert set(counts("topics", "label").values()) == {25}
    assert counts("topics", "kind") == {"plain": 75, "crossover": 50}
    both = Counter(columns("topics", "label", "kind"))
    assert {number for (_, kind), number in both.items() if kind == "crossover"} == {10}
    assert all(6 <= words(text) <= 30 for (text,) in columns("topics", "text"))


def test_inference_is_balanced_and_the_claim_does_not_reveal_the_label() -> None:
    assert counts("inference", "label") == {"entailment": 32, "contradiction": 32, "neutral": 32}
    assert all(number >= 5 for number in counts("inference", "phenomenon").values())
    denying = Counter(
        label
        for label, claim in columns("inference", "label", "hypothesis")
        if re.search(r"\b(not|no|nobody|never)\b", claim, re.IGNORECASE)
    )
    assert max(denying.values()) <= 10
    assert len(denying) == 3


def test_grounding_is_balanced_over_the_texts_of_reading() -> None:
    verdicts = {"supported": 80, "contradicted": 80, "not_found": 80}
    assert counts("grounding", "verdict") == verdicts
    texts = dict(columns("reading", "title", "passage"))
    assert dict(columns("grounding", "title", "contexts")) == texts
    each = Counter(columns("grounding", "title", "verdict"))
    assert set(each.values()) == {3, 4}
    made = set(columns("grounding", "kind", "verdict"))
    assert len(made) == len(counts("grounding", "kind")), "each kind has one verdict"
    for claim, text in columns("grounding", "claim", "contexts"):
        assert words(claim) <= 22, claim
        assert claims_in(claim), claim
        assert folded(text)
    denying = Counter(
        verdict
        for verdict, claim in columns("grounding", "verdict", "claim")
        if re.search(r"\b(not|no|nobody|never|cannot)\b", claim, re.IGNORECASE)
    )
    assert max(denying.values()) <= 20, "a negation must not reveal the verdict"


def test_the_data_of_grounding_are_labels_of_claims() -> None:
    rubric = load_rubric(content.folder("judges") / "grounded.judge.yaml")
    labels = read_labels(FOLDER / "data" / "grounding.csv", rubric, ["verdict"])
    assert len(labels.cases) == 240
    assert {case.human() for case in labels.cases} == {0.0, 0.5, 1.0}


def test_every_answer_is_a_span_of_its_text_or_missing() -> None:
    for sample in load("reading").dataset:
        answers = [answer for answer in sample.targets if answer]
        assert bool(answers) != (sample.fields["kind"] == "unanswerable")
        for answer in answers:
            assert re.search(rf"\b{re.escape(answer)}\b", sample.fields["passage"])
            assert words(answer) <= 10
    kinds = counts("reading", "kind")
    assert kinds["unanswerable"] * 4 >= kinds.total()
    assert min(kinds.values()) >= 20
    texts = dict(columns("reading", "title", "passage"))
    assert len(texts) == len(set(texts.values())) == 26
    assert all(70 <= words(text) <= 115 for text in texts.values())


def test_every_entity_is_at_its_position() -> None:
    labels: Counter[str] = Counter()
    for sample in load("entities").dataset:
        text, entities = sample.fields["text"], sample.fields["entities"]
        assert bool(entities) != (sample.fields["kind"] == "none")
        for entity in entities:
            labels[entity["label"]] += 1
            start, end = entity["start"], entity["end"]
            assert text[start:end] == entity["text"] == entity["text"].strip()
            assert not text[start - 1 : start].isalnum()
            assert not text[end : end + 1].isalnum()
    assert set(labels) == set(load("entities").suite.label_names)
    assert min(labels.values()) >= 12
    assert f"with {labels.total()} names" in load("entities").suite.description


def test_a_perfect_answer_finds_every_entity() -> None:
    """Naming the entities in their order gives the tags of the data, wherever names repeat."""
    loaded = load("entities")
    for sample in loaded.dataset:
        tokens = tokens_of(sample.fields["text"])
        assert tokens is not None
        named = [{"text": e["text"], "label": e["label"]} for e in sample.fields["entities"]]
        taken = entities_in(json.dumps(named), tokens, loaded.suite.labels)
        assert taken.prediction == sample.targets[0]


COMMON = {
    "English": "the is she he my we was to and but how they have been this our of if you did it",
    "Dutch": "de het een mijn heeft hij ze kunt u we wie geen al niet is op deze wordt hun te als",
    "French": "le les une il elle nous des est ce si du que à ne pas ici de lui leurs hier depuis",
    "German": "der die das ein einen wir es wie wenn er sie hat mit nicht ihr du zu bitte aber",
    "Spanish": "el los mi lleva ayer esta ella si de aunque por su pero aquí habría la que o con",
}


def language(text: str) -> str:
    """The language whose frequent words a sentence has most of."""
    found = set(folded(text).split())
    return max(COMMON, key=lambda name: len(found & set(COMMON[name].split())) / len(found))


def test_translations_go_both_ways() -> None:
    assert len(counts("translation", "direction")) == 8
    assert set(counts("translation", "direction").values()) == {27}
    assert set(counts("translation", "difficulty").values()) == {72}
    sources = {(s.fields["source_language"], s.fields["sentence"]): s for s in translated()}
    for sample in translated():
        row = sample.fields
        assert len(set(sample.targets)) == len(sample.targets)
        back = sources[row["target_language"], row["sentence"]]
        assert back.fields["source"] in sample.targets
        ends = {text.rstrip()[-1] for text in (row["source"], *sample.targets)}
        assert len(ends) == 1


def test_translations_are_in_their_languages() -> None:
    """By frequent words, which tell the language of nearly every sentence."""
    right: dict[str, list[bool]] = {name: [] for name in COMMON}
    for sample in translated():
        wanted = sample.fields["target_language"]
        right[wanted] += [language(text) == wanted for text in sample.targets]
    assert all(sum(found) / len(found) >= 0.8 for found in right.values())


def translated() -> tuple[Sample, ...]:
    return load("translation").dataset.samples
