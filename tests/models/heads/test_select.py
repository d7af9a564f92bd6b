"""Suites from end to end with tiny models of every head, numbers against transformers directly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sklearn.metrics
import xdist.plugin  # noqa: F401

# pytester forgets modules that a run inside this process imports: they are here before
from evalkit import evaluate
from evalkit.errors import SpecError
from tests.models.conftest import CORPUS, make_tokenizer

from .conftest import LABELS, Make, direct

ROWS = [
    {"id": f"s{i}", "text": text, "label": LABELS[i % 3], "topic": "a" if i % 2 else "b"}
    for i, text in enumerate(CORPUS)
]
SENTIMENT: dict[str, Any] = {
    "suite": "sentiment",
    "task": "classification",
    "data": {"rows": ROWS, "target": "label", "group": "topic"},
    "labels": LABELS,
    "prompts": {"plain": "{{ text }}", "polite": "Please: {{ text }}"},
    "answer": "choice",
    "metrics": ["accuracy", "log_loss"],
    "gates": ["accuracy >= 0.0"],
}


@pytest.fixture(scope="module")
def classifier(checkpoint: Make) -> Path:
    return checkpoint("BertForSequenceClassification", id2label=dict(enumerate(LABELS)))


@pytest.fixture(scope="module")
def encoder_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(1)
    tokenizer = make_tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        initializer_factor=1.7,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=3,
    )
    folder = tmp_path_factory.mktemp("t5")
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_classifier_beside_an_llm_in_one_report(
    pytester: pytest.Pytester, classifier: Path, encoder_decoder: Path
) -> None:
    pytester.makefile(
        ".yaml",
        evalkit=json.dumps(
            {
                "models": {
                    "bert": {"backend": "transformers", "model": str(classifier)},
                    "t5": {"backend": "transformers", "model": str(encoder_decoder)},
                }
            }
        ),
    )
    pytester.path.joinpath("sentiment.eval.yaml").write_text(json.dumps(SENTIMENT))
    found = pytester.runpytest(
        "--eval-model=bert", "--eval-model=t5", "--eval-report=r.html", "--eval-json=r.json", "-v"
    )
    found.assert_outcomes(passed=3)
    found.stdout.fnmatch_lines(["*sentiment.eval.yaml::bert/input::accuracy >= 0.0 PASSED*"])
    run = json.loads(pytester.path.joinpath("r.json").read_text())
    assert [(c["model"], c["prompt"]) for c in run["cells"]] == [
        ("bert", "input"),
        ("t5", "plain"),
        ("t5", "polite"),
    ]
    own, tokenizer = direct(classifier, "AutoModelForSequenceClassification")
    rows = [own(**tokenizer(r["text"], return_tensors="pt")).logits[0] for r in ROWS]
    probabilities = [row.softmax(-1).tolist() for row in rows]
    targets = [r["label"] for r in ROWS]
    scores = run["cells"][0]["scores"]
    predicted = [LABELS[p.index(max(p))] for p in probabilities]
    assert scores["accuracy"]["value"] == sklearn.metrics.accuracy_score(targets, predicted)
    expected = sklearn.metrics.log_loss(targets, probabilities, labels=LABELS)
    assert scores["log_loss"]["value"] == pytest.approx(expected, abs=1e-4)
    assert "{{ text }}" in run["suites"]["sentiment"]["prompts"]["input"]
    assert "bert/input" in pytester.path.joinpath("r.html").read_text()
    both = ("--eval-model=bert", "--eval-model=t5", "-q")
    chosen = pytester.runpytest(*both, "--eval-prompt=polite")
    chosen.assert_outcomes(passed=1)
    only = pytester.runpytest(*both, "--eval-prompt=input")
    only.assert_outcomes(passed=1)


def test_every_head_runs_its_suite(tmp_path: Path, checkpoint: Make) -> None:
    import torch

    names = ["O", "B-PER", "I-PER"]
    tagger = checkpoint("BertForTokenClassification", id2label=dict(enumerate(names)))
    own, tokenizer = direct(tagger, "AutoModelForTokenClassification")
    words = CORPUS[2].split()
    best = own(**tokenizer(" ".join(words), return_tensors="pt")).logits[0].argmax(-1).tolist()
    tags, place = [], 1
    for word in words:
        tags.append(names[best[place]])
        place += len(tokenizer.tokenize(word))
    entities: dict[str, Any] = {
        "suite": "entities",
        "task": "token-classification",
        "data": {"rows": [{"tokens": words, "tags": tags}], "tokens": "tokens", "target": "tags"},
        "labels": ["PER", "LOC"],
        "prompt": "{{ tokens }}",
    }
    run = evaluate(entities, {"m": _model(tagger)}, store=tmp_path / "a")
    assert "B-PER" in tags or "I-PER" in tags, "nothing to find would test nothing"
    (row,) = run.samples.to_dict("records")
    assert run.record.cells[0].scores["entity_f1"].value == 1
    assert row["prompt"] == "input"
    (sample,) = run.record.cells[0].samples
    assert sample.prompt == " ".join(words)

    filler = checkpoint("BertForMaskedLM")
    own, tokenizer = direct(filler, "AutoModelForMaskedLM")
    text = "the [MASK] brown fox"
    with torch.no_grad():
        logits = own(**tokenizer(text, return_tensors="pt")).logits[0, 2]
    first, _, third = (tokenizer.decode([i]).strip() for i in logits.topk(3).indices.tolist())
    masks: dict[str, Any] = {
        "suite": "masks",
        "task": "fill-mask",
        "data": {
            "rows": [{"text": text, "word": first}, {"text": text, "word": third.upper()}],
            "target": "word",
        },
        "prompt": "Fill in [MASK]: {{ text }}",
        "metrics": ["top1", "top5", {"top_k_accuracy": {"k": 2}}],
    }
    cell = evaluate(masks, {"m": _model(filler)}, store=tmp_path / "b").record.cells[0]
    assert {n: s.value for n, s in cell.scores.items()} == {
        "top1": 0.5,
        "top5": 1.0,
        "top_k_accuracy": 0.5,
    }


def test_a_span_or_none_of_a_context(tmp_path: Path, checkpoint: Make) -> None:
    import torch

    folder = checkpoint("BertForQuestionAnswering")
    own, tokenizer = direct(folder, "AutoModelForQuestionAnswering")
    question, context = "who was born ?", CORPUS[2]
    encoded = tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        out = own(**encoded)
    inside = [i for i, t in enumerate(encoded["token_type_ids"][0].tolist()) if t][:-1]
    start, end = out.start_logits[0].tolist(), out.end_logits[0].tolist()
    pairs = [(i, j) for i in inside for j in inside if i <= j]
    i, j = max(pairs, key=lambda pair: start[pair[0]] + end[pair[1]])
    answer = context[offsets[i][0] : offsets[j][1]]
    suite: dict[str, Any] = {
        "suite": "spans",
        "task": "extractive-qa",
        "data": {
            "rows": [
                {
                    "question": question,
                    "context": context,
                    "answer": answer,
                }
            ],
            "target": "answer",
        },
        "prompt": "{{ question }} {{ context }}",
    }
    one = _model(folder, no_answer=False)
    cell = evaluate(suite, {"m": one}, store=tmp_path).record.cells[0]
    assert cell.scores["exact_match"].value == 1
    none = _model(folder, no_answer_threshold=-1000.0)
    cell = evaluate(suite, {"m": none}, store=tmp_path).record.cells[0]
    assert cell.scores["exact_match"].value == 0
    assert cell.statuses == {"ok": 1}


def test_an_answer_as_text_has_no_probabilities(tmp_path: Path, classifier: Path) -> None:
    suite = {**SENTIMENT, "answer": "text", "metrics": ["accuracy"]}
    run = evaluate(suite, {"m": _model(classifier)}, store=tmp_path)
    assert run.record.cells[0].statuses == {"ok": len(ROWS)}


def test_answers_are_cached_by_the_heads_input(tmp_path: Path, classifier: Path) -> None:
    first = evaluate(SENTIMENT, {"m": _model(classifier)}, store=tmp_path)
    again = evaluate(SENTIMENT, {"m": _model(classifier)}, store=tmp_path)
    renamed = {**SENTIMENT, "labels": [*LABELS, "other"]}
    assert first.record.cells[0].cached == 0
    assert again.record.cells[0].cached == len(ROWS)
    lost = evaluate(renamed, {"m": _model(classifier)}, store=tmp_path).record.cells[0]
    assert "the suite has" in lost.error
    assert [gate.verdict for gate in lost.gates] == ["error"]


def test_ambiguous_columns_are_errors_before_anything_loads(
    tmp_path: Path, classifier: Path
) -> None:
    rows = [{**row, "title": "x"} for row in ROWS]
    suite = {**SENTIMENT, "data": {**SENTIMENT["data"], "rows": rows}}
    with pytest.raises(SpecError, match=r"data.input.*columns: text, title.*'input: text'"):
        evaluate(suite, {"m": _model(classifier)}, store=tmp_path)
    clear = {**suite, "data": {**suite["data"], "input": "text"}}
    assert evaluate(clear, {"m": _model(classifier)}, store=tmp_path).record.cells[0].error == ""
    wrong = {**suite, "data": {**suite["data"], "input": "txt"}}
    with pytest.raises(SpecError, match="did you mean 'text'"):
        evaluate(wrong, {"m": _model(classifier)}, store=tmp_path)
    taken = {**SENTIMENT, "prompts": {"input": "{{ text }}"}}
    with pytest.raises(SpecError, match="a prompt cannot be named 'input'"):
        evaluate(taken, {"m": _model(classifier)}, store=tmp_path)


def test_a_head_that_does_not_fit_the_task_fails_only_its_cell(
    tmp_path: Path, classifier: Path
) -> None:
    suite = {
        "suite": "capitals",
        "task": "qa",
        "data": {"rows": [{"question": "France?", "answer": "Paris"}], "target": "answer"},
        "prompt": "{{ question }}",
    }
    cells = evaluate(
        suite, {"m": _model(classifier), "app": lambda prompt: "Paris"}, store=tmp_path
    ).record.cells
    assert "has a head for classification; it cannot do the task qa" in cells[0].error
    assert cells[1].scores["exact_match"].value == 1


def _model(folder: Path, **options: Any) -> Any:
    from evalkit.models.registry import Declared, resolve

    declared = {"model": str(folder), "device": "cpu", **options}
    return resolve(Declared("m", "transformers", declared))
