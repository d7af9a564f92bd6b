"""Where prompt and choice meet, and what happens to a text that cannot be tokenised."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine.tokenization import RequestTokenizer, TokenizedRequest
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message


class Letters:
    """A tokenizer of single characters that merges "th" into one token, and fails on "!"."""

    bos_token_id = None
    eos_token_id = None
    chat_template = "c"
    calls = 0

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        self.calls += 1
        if any("!" in text for text in texts):
            raise ValueError("cannot tokenise !")
        return {
            "input_ids": [
                [ord(c) for c in text.replace("th", "\N{THAI CHARACTER KO KAI}")] for text in texts
            ]
        }

    def apply_chat_template(self, turns: list[dict[str, str]], **_: Any) -> str:
        return ">".join(turn["content"] for turn in turns) + ">"


MERGED = ord("\N{THAI CHARACTER KO KAI}")


def encode(*requests: Request, context: int | None = None) -> list[Any]:
    return RequestTokenizer(Letters(), context).encode(requests)


def ids(text: str) -> tuple[int, ...]:
    return tuple(map(ord, text))


def test_a_space_joins_a_text_and_a_choice_but_not_a_chat() -> None:
    text, spaced, own, chat = encode(
        Request("ab", choices=("c",)),
        Request("ab ", choices=("c",)),
        Request("ab", choices=("\nc", "c")),
        Request((Message("user", "ab"),), choices=("c",)),
    )
    assert (text.prompt, text.choices) == (ids("ab"), (ids(" c"),))
    assert (spaced.prompt, spaced.choices) == (ids("ab "), (ids("c"),))
    assert own.choices == (ids("\nc"), ids(" c"))
    assert (chat.prompt, chat.choices, chat.sent) == (ids("ab>"), (ids("c"),), "ab>")


def test_choices_that_merge_with_the_prompt_are_scored_from_the_shared_border() -> None:
    [found] = encode(Request((Message("user", "a"), Message("user", "t")), choices=("x",)))
    assert found.prompt == ids("a>t>")

    class Open(Letters):
        def apply_chat_template(self, turns: list[dict[str, str]], **_: Any) -> str:
            return "at"

    [merged] = RequestTokenizer(Open(), None).encode(
        [Request((Message("user", "-"),), choices=("he", "o", "t"))]
    )
    assert merged.prompt == ids("a")
    assert merged.choices == ((MERGED, ord("e")), ids("to"), ids("tt"))


def test_a_text_that_fails_to_tokenise_affects_no_other() -> None:
    fine, broken, also = encode(Request("ab"), Request("a!b"), Request("cd"))
    assert (fine.prompt, also.prompt) == (ids("ab"), ids("cd"))
    assert isinstance(broken, Response)
    assert (broken.status, broken.sent) == (Status.ERROR, "a!b")
    assert "cannot tokenise !" in broken.error


def test_many_texts_are_tokenised_in_few_calls() -> None:
    tokenizer = Letters()
    found = RequestTokenizer(tokenizer, None).encode(
        [Request(f"{k}", choices=("a", "b")) for k in range(300)]
    )
    assert all(isinstance(e, TokenizedRequest) for e in found)
    assert tokenizer.calls == 2


def test_overflow_messages_have_the_numbers() -> None:
    [fits, over] = encode(
        Request("abc", choices=("de",)), Request("abcd", choices=("de", "e")), context=6
    )
    assert isinstance(fits, TokenizedRequest)
    assert over.status is Status.OVERFLOW
    assert "4 tokens" in over.error
    assert "longest choice 3" in over.error
    assert "context of 6" in over.error


def test_an_empty_prompt_is_rejected() -> None:
    found = encode(Request(""), Request("", choices=("a", "b")))
    assert [r.status for r in found] == [Status.ERROR] * 2
    assert all("empty" in r.error for r in found)
