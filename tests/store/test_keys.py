"""Keys of cached responses hold all that matters to a response, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from evalkit.exchange import Generation, Request
from evalkit.messages import Message
from evalkit.store import response_key

CHAT = Request((Message("user", "Hello"),), Generation(max_new_tokens=8))


def test_the_key_covers_everything_relevant() -> None:
    sampled = replace(CHAT, generation=Generation(max_new_tokens=8, temperature=0.7))
    different = [
        response_key("weights-a", CHAT),
        response_key("weights-b", CHAT),
        response_key("weights-a", CHAT, salt="run"),
        response_key("weights-a", replace(CHAT, repeat=1)),
        response_key("weights-a", replace(CHAT, prompt="Hello")),
        response_key("weights-a", replace(CHAT, prompt=(Message("system", "Hello"),))),
        response_key("weights-a", replace(CHAT, choices=("a", "b"))),
        response_key("weights-a", replace(CHAT, choices=("b", "a"))),
        response_key("weights-a", replace(CHAT, generation=Generation(max_new_tokens=9))),
        response_key("weights-a", replace(CHAT, generation=Generation(8, stop=("\n",)))),
        response_key("weights-a", sampled),
        response_key("weights-a", replace(sampled, generation=replace(sampled.generation, seed=1))),
    ]
    assert len(set(different)) == len(different)


def test_the_key_ignores_the_irrelevant() -> None:
    greedy = replace(CHAT, generation=Generation(max_new_tokens=8, seed=5, top_k=3))
    assert response_key("w", greedy) == response_key("w", CHAT)
    choosing = replace(CHAT, choices=("a", "b"))
    other = replace(choosing, generation=Generation(max_new_tokens=99))
    assert response_key("w", choosing) == response_key("w", other)
