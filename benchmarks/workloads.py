"""The workloads that the engine is measured on: made from word lists, the same every time."""

from __future__ import annotations

import random
from collections.abc import Callable

from evalkit.exchange import Generation, Request
from evalkit.messages import Message

LABELS = ("positive", "negative", "neutral")
WORDS = (
    "the a this that one quite very rather moving dull bright slow loud clever weak strong "
    "long short first last old new and but or yet so because while although with without in on "
    "at from to of for by is was seems felt looked sounded turned made gave took left right "
    "film plot actor scene score ending camera dialogue story hero pace sound"
)


def sentences(rng: random.Random, words: int) -> str:
    """About so many words of text."""
    words_known = WORDS.split()
    return " ".join(rng.choice(words_known) for _ in range(words)).capitalize() + "."


def choices(count: int = 300) -> list[Request]:
    """(a) One of three labels after five worked examples that all prompts share."""
    rng = random.Random(1)
    shots = "".join(
        f"Review: {sentences(rng, 55)}\nSentiment: {LABELS[k % 3]}\n\n" for k in range(5)
    )
    return [
        Request(
            f"Label each review.\n\n{shots}"
            f"Review: {sentences(rng, rng.randint(12, 45))}\nSentiment:",
            choices=LABELS,
        )
        for _ in range(count)
    ]


def texts(count: int = 96) -> list[Request]:
    """(b) Greedy answers of up to 64 tokens to prompts of 20 to 400 tokens."""
    rng = random.Random(2)
    tasks = (
        "Continue this text.",
        "Summarise this in one sentence.",
        "Which noun occurs first? Answer with one word.",
        "Is this text long or short? Answer with one word.",
    )
    return [
        Request(
            (Message("user", f"{rng.choice(tasks)}\n\n{sentences(rng, rng.randint(2, 300))}"),),
            Generation(max_new_tokens=64),
        )
        for _ in range(count)
    ]


def judgments(count: int = 60) -> list[Request]:
    """(c) A rating from 1 to 5 by a rubric of about 300 tokens that all prompts share."""
    rng = random.Random(3)
    rubric = "".join(f"{n}: {sentences(rng, 45)}\n" for n in range(1, 6))
    return [
        Request(
            (
                Message("system", f"Rate the answer from 1 to 5.\n{rubric}Reply with the number."),
                Message("user", f"Answer: {sentences(rng, rng.randint(10, 40))}\nRating:"),
            ),
            choices=("1", "2", "3", "4", "5"),
        )
        for _ in range(count)
    ]


WORKLOADS: dict[str, tuple[str, Callable[[], list[Request]]]] = {
    "a": ("choosing among 3 labels, 5 shared examples, 300 samples", choices),
    "b": ("greedy generation of up to 64 tokens, 96 prompts of 20 to 400 tokens", texts),
    "c": ("60 judgments with a shared rubric, reading one rating", judgments),
}
