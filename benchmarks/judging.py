"""Judging by choice against generating each rating one by one, on the same model and prompts.

    python benchmarks/judging.py                 # 60 judgments by SmolLM2-135M, float32
    python benchmarks/judging.py --judgments 20 --dtype bfloat16

Both sides read the same rubric (about 300 tokens) with the same question and answer. One asks
transformers for each rating in turn and lets it write up to ``--tokens`` tokens, as a script
would; the other is what ``method: choice`` sends. Loading is not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from evalkit import content
from evalkit.exchange import Generation, Request
from evalkit.judging.load import load_rubric
from evalkit.judging.prompts import Question, material, questions
from evalkit.judging.reply import read, request
from evalkit.judging.rubric import Example
from evalkit.messages import is_text, to_openai
from evalkit.models.registry import Declared, resolve
from evalkit.records.judgments import Overall

EXAMPLES = (
    Example(output="I do not know.", answer="1", why="no answer is given"),
    Example(output="It was Paris, on the Seine.", answer="5", why="the reference says Paris"),
)
"""With these the shipped rubric has about 300 tokens."""


def main() -> None:
    arguments = _arguments()
    judge_cases = cases(arguments.judgments)
    options = {"model": "builtin:smollm2", "dtype": arguments.dtype}
    judge: Any = resolve(Declared("judge", "transformers", options))
    judge.load()
    model, tokenizer = judge._loaded.model, judge._loaded.tokenizer
    rubric_tokens = len(tokenizer(judge_cases[0].before).input_ids)

    chosen = [request(q, "choice", Generation(), reasoning=False) for q in judge_cases]
    written = [request(q, "text", Generation(), reasoning=False) for q in judge_cases]
    list(judge.respond(chosen[:2]))  # warm
    started = time.perf_counter()
    responses = {i: r for batch in judge.respond(chosen) for i, r in batch}
    own_time = time.perf_counter() - started
    grades = [read(q, "choice", responses[i]) for i, q in enumerate(judge_cases)]

    started = time.perf_counter()
    texts = [one_by_one(model, tokenizer, sent, arguments.tokens) for sent in written]
    plain_time = time.perf_counter() - started
    replies = [read(q, "text", _wrote(text)) for q, text in zip(judge_cases, texts, strict=True)]

    print(f"{len(judge_cases)} judgments, rubric of {rubric_tokens} tokens, {arguments.dtype}")
    print(f"choice              {own_time:7.2f} s, {_read(grades)} of {len(judge_cases)} readable")
    print(
        f"generate one by one {plain_time:7.2f} s, {_read(replies)} of {len(judge_cases)} readable"
    )
    print(f"{plain_time / own_time:.1f} times faster")


def cases(count: int) -> list[Question]:
    """Questions of the shipped suite with one of its accepted answers, judged for correctness."""
    rubric = load_rubric(content.folder("judges") / "correctness.judge.yaml")
    rubric = rubric.model_copy(update={"examples": EXAMPLES})
    lines = (content.folder("suites") / "data" / "facts.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()[:count]]
    return [
        questions(
            rubric,
            material(
                row,
                prompt=row["question"],
                targets=row["answers"],
                source=None,
                output=row["answers"][-1],
            ),
        )[Overall()]
        for row in rows
    ]


def one_by_one(model: Any, tokenizer: Any, sent: Request, tokens: int) -> str:
    """One rating as a plain script asks for it."""
    import torch

    assert not is_text(sent.prompt)
    messages = to_openai(sent.prompt)
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
    with torch.inference_mode():
        out = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return str(tokenizer.decode(out[0, inputs.input_ids.shape[1] :], skip_special_tokens=True))


def _wrote(text: str) -> Any:
    from evalkit.exchange import Response, Status

    return Response(Status.OK, text)


def _read(replies: Any) -> int:
    return sum(reply.value is not None for reply in replies)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--judgments", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
