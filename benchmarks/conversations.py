"""Tokens that conversations cost, against a cache that never forgets, and plain transformers.

    python benchmarks/conversations.py                     # SmolLM2-135M, float32 on a CPU
    python benchmarks/conversations.py --conversations 8 --turns 3
    python benchmarks/conversations.py --random-llama      # about 1 B parameters, for a GPU

Conversations run as a suite with ``data.turns``. The reference asks transformers one turn at a time
and computes each prompt as a whole; its tokens also say what a cache would compute that keeps
everything: every distinct beginning of a sequence once.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.workloads import sentences

SYSTEM = "You answer in one short sentence."
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """What a run of conversations computed.

    answers: the texts, turn by turn of one conversation after the other. expected: those of
    transformers. tokens: of all forward passes. least: of a cache that never forgets. whole: with
    every prompt computed from its start. seconds, reference_seconds: wall time.
    """

    answers: list[str]
    expected: list[str]
    tokens: int
    least: int
    whole: int
    seconds: float
    reference_seconds: float


def measure(
    model: Any, tokenizer: Any, *, conversations: int, turns: int, words: int, new_tokens: int
) -> Measured:
    """Run the conversations with evalkit, then each turn with transformers."""
    suite = _suite(conversations, turns, words, new_tokens)
    with tempfile.TemporaryDirectory() as folder, counted(model) as count:
        samples, seconds = _run(suite, model, tokenizer, Path(folder))
        tokens = count[0]
    started = time.perf_counter()
    pairs = [_reference(model, tokenizer, sample.prompt, new_tokens) for sample in samples]
    reference_seconds = time.perf_counter() - started
    sequences = [sequence for sequence, _ in pairs]
    return Measured(
        [sample.output for sample in samples],
        [text for _, text in pairs],
        tokens,
        distinct_beginnings(sequences),
        sum(map(len, sequences)),
        seconds,
        reference_seconds,
    )


def _suite(conversations: int, turns: int, words: int, new_tokens: int) -> dict[str, Any]:
    rng = random.Random(4)
    rows = [
        {
            "id": str(i),
            "turns": [sentences(rng, rng.randint(words // 2, words)) for _ in range(turns)],
        }
        for i in range(conversations)
    ]
    return {
        "suite": "conversations",
        "task": "generation",
        "data": {"rows": rows, "turns": "turns"},
        "prompts": {"p": {"system": SYSTEM, "user": "{{ user }}"}},
        "generation": {"max_new_tokens": new_tokens},
        "metrics": ["distinct_1"],
    }


def _run(suite: dict[str, Any], model: Any, tokenizer: Any, root: Path) -> tuple[list[Any], float]:
    from evalkit import evaluate

    started = time.perf_counter()
    run = evaluate(suite, {"model": (model, tokenizer)}, root=root)
    return run.record.cells[0].samples, time.perf_counter() - started


def _reference(model: Any, tokenizer: Any, prompt: Any, new_tokens: int) -> tuple[Tokens, str]:
    """The tokens that enter the model for one turn, and its answer, by transformers alone."""
    import torch

    from evalkit.messages import to_openai

    text = tokenizer.apply_chat_template(
        to_openai(prompt), tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    ids = ids.to(model.device)
    with torch.no_grad():
        found = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            do_sample=False,
        )
    whole = found[0].tolist()
    answer = whole[ids.shape[1] :]
    config = model.generation_config.eos_token_id
    ends = set(config if isinstance(config, list) else [config]) | {tokenizer.eos_token_id}
    length = next((k for k, token in enumerate(answer) if token in ends), len(answer))
    text = tokenizer.decode(
        answer[:length], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return tuple(whole[:-1]), str(text)  # the last token is sampled and never enters the model


def distinct_beginnings(sequences: Sequence[Tokens]) -> int:
    """The tokens that a cache computes that never forgets: each beginning of a sequence once."""
    ordered = sorted(set(sequences))
    shared = sum(_common(a, b) for a, b in pairwise(ordered))
    return sum(map(len, ordered)) - shared


def _common(a: Tokens, b: Tokens) -> int:
    size = min(len(a), len(b))
    return next((k for k in range(size) if a[k] != b[k]), size)


@contextmanager
def counted(model: Any) -> Iterator[list[int]]:
    """Count the tokens that enter a model inside the ``with`` block."""
    total = [0]

    def count(module: Any, positional: Any, named: Any) -> None:
        ids = named.get("input_ids", positional[0] if positional else None)
        total[0] += int(ids.numel())

    hook = model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield total
    finally:
        hook.remove()


def main() -> None:
    from benchmarks.engine import random_llama, smollm2

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--conversations", type=int, default=60)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--words", type=int, default=30, help="the longest message of the user")
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--random-llama", action="store_true")
    arguments = parser.parse_args()
    lm = random_llama("float32") if arguments.random_llama else smollm2("float32")
    found = measure(
        lm.model,
        lm.tokenizer,
        conversations=arguments.conversations,
        turns=arguments.turns,
        words=arguments.words,
        new_tokens=arguments.new_tokens,
    )
    same = sum(a == b for a, b in zip(found.answers, found.expected, strict=True))
    print(f"{type(lm.model).__name__} on {lm.device}, float32")
    print(f"{arguments.conversations} conversations of {arguments.turns} turns")
    print(f"equal answers          {same} of {len(found.expected)}")
    print(f"tokens computed        {found.tokens:,}")
    print(f"a perfect cache        {found.least:,}   (x {found.tokens / found.least:.3f})")
    print(
        f"every prompt whole     {found.whole:,}   (x {found.whole / found.tokens:.2f} of evalkit)"
    )
    print(
        f"seconds                {found.seconds:.1f}, one at a time {found.reference_seconds:.1f}"
    )


if __name__ == "__main__":
    main()
