"""Perplexity of answers under another model, against transformers one text at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit import UsageError, evaluate

ANSWERS = {"a": "the quick brown fox", "b": "a film review is positive", "c": "  "}


def test_perplexity_of_answers(tmp_path: Path, tiny_model: Any, tiny_tokenizer: Any) -> None:
    import torch

    suite = {
        "suite": "s",
        "task": "generation",
        "data": {"rows": [{"q": name} for name in ANSWERS]},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["distinct_1", {"perplexity": {"model": "ref"}},
                    {"bits_per_byte": {"model": "ref"}}],
        "gates": ["perplexity <= 1000000"],
    }  # fmt: skip
    run = evaluate(
        suite,
        {"m": lambda prompt: ANSWERS[prompt[-1]["content"]]},
        loaded={"ref": (tiny_model, tiny_tokenizer)},
        root=tmp_path,
    )
    total = tokens = size = 0.0
    for text in (ANSWERS["a"], ANSWERS["b"]):
        ids = tiny_tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            logprobs = tiny_model(ids).logits[0, :-1].log_softmax(-1)
        total += float(logprobs.gather(1, ids[0, 1:, None]).sum())
        tokens += ids.shape[1] - 1
        size += len(text.encode())
    scores = run.scores.set_index("score")
    assert scores.loc["perplexity", "value"] == pytest.approx(math.exp(-total / tokens), rel=1e-4)
    assert scores.loc["bits_per_byte", "value"] == pytest.approx(
        -total / size / math.log(2), rel=1e-4
    )
    assert (scores.loc["perplexity", "n"], scores.loc["perplexity", "lost"]) == (2, 1)
    assert run.passed
    assert set(run.record.models) == {"m", "ref"}


def test_repeated_answers_are_not_independent_texts(
    tmp_path: Path, tiny_model: Any, tiny_tokenizer: Any
) -> None:
    """Repeating equal answers four times adds no information; groups have their own scores."""
    text = "the quick brown fox is a positive film review by some other people"
    words = text.split()
    rows = [{"q": " ".join(words[i : i + 4]), "kind": "odd" if i % 2 else "even"} for i in range(8)]

    def run(repeats: int) -> Any:
        suite = {
            "task": "generation",
            "data": {"rows": rows, "group": "kind"},
            "prompts": {"p": "{{ q }}"},
            "repeats": repeats,
            "generation": {"temperature": 1.0},
            "metrics": [{"perplexity": {"model": "ref"}}],
            "gates": ["perplexity[kind=odd] <= 1000000"],
        }
        done = evaluate(
            suite,
            {"m": lambda prompt: prompt[-1]["content"]},
            loaded={"ref": (tiny_model, tiny_tokenizer)},
            root=tmp_path,
        )
        assert done.passed
        return done.scores.set_index("score").loc

    once, often = run(1), run(4)
    whole = ("perplexity", ["value", "low", "high", "n"])
    assert often[whole].tolist() == pytest.approx(once[whole].tolist(), rel=0.05)
    odd, even = once["perplexity[kind=odd]"], once["perplexity[kind=even]"]
    assert (odd.n, even.n, odd.lost) == (4, 4, 0)
    assert min(odd.value, even.value) < once["perplexity"].value < max(odd.value, even.value)


def test_a_model_without_likelihoods_is_rejected_before_the_run(tmp_path: Path) -> None:
    suite = {
        "task": "generation",
        "data": {"rows": [{"q": "a"}]},
        "prompts": {"p": "{{ q }}"},
        "metrics": [{"perplexity": {"model": "ref"}}],
    }
    known = {"m": lambda prompt: "x", "ref": lambda prompt: "y"}
    with pytest.raises(
        UsageError, match=r"'ref' cannot score the likelihood of a text.*perplexity"
    ):
        evaluate(suite, ["m"], loaded=known, root=tmp_path)


def test_a_judge_may_share_a_models_name(
    tmp_path: Path, tiny_model: Any, tiny_tokenizer: Any
) -> None:
    (tmp_path / "evalkit.yaml").write_text("judges: {ref: {model: grader, method: text}}\n")
    suite = {
        "task": "generation",
        "data": {"rows": [{"q": "the quick brown fox"}]},
        "prompts": {"p": "{{ q }}"},
        "metrics": [{"perplexity": {"model": "ref"}}],
        "judges": [{"rubric": "relevance", "by": "ref"}],
    }
    known = {"grader": lambda prompt: "Rating: 4", "ref": (tiny_model, tiny_tokenizer)}
    run = evaluate(suite, {"m": lambda prompt: prompt[-1]["content"]}, loaded=known, root=tmp_path)
    scores = run.scores.set_index("score")
    assert scores.loc["relevance", "value"] == 4
    assert scores.loc["perplexity", "n"] == 1
