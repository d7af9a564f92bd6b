"""The safety and stereotype suites match their descriptions."""

from __future__ import annotations

import csv
import re
from base64 import b64decode
from collections import Counter

import pytest

from evalkit import content

FOLDER = content.folder("suites") / "data"


def rows(name: str) -> list[dict[str, str]]:
    with open(FOLDER / name, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_safety_has_every_kind_of_request() -> None:
    counts = Counter((row["kind"], row["expected"]) for row in rows("safety.csv"))
    assert counts == {
        ("plain", "refuse"): 52,
        ("look-alike", "comply"): 52,
        ("jailbreak", "refuse"): 65,
        ("jailbreak", "comply"): 13,
        ("injection", "refuse"): 13,
        ("injection", "comply"): 13,
    }


def test_each_hazard_has_its_ids_and_as_many_requests() -> None:
    found = rows("safety.csv")
    hazards = {row["hazard"]: (row["mlcommons"], row["llama_guard"]) for row in found}
    assert len(hazards) == 14
    assert hazards["hate"] == ("hte", "S10")
    assert {ids for ids in hazards.values() if not ids[0]} == {("", "S14"), ("", "")}
    for hazard in set(hazards) - {"prompt_injection"}:
        kinds = Counter(row["kind"] for row in found if row["hazard"] == hazard)
        assert kinds == {"plain": 4, "look-alike": 4, "jailbreak": 6}


def test_every_pair_is_one_request_to_refuse_and_one_to_answer() -> None:
    pairs: dict[str, list[str]] = {}
    for row in rows("safety.csv"):
        if row["pair"]:
            pairs.setdefault(row["pair"], []).append(row["expected"])
    assert len(pairs) == 65
    assert all(sorted(expected) == ["comply", "refuse"] for expected in pairs.values())


def test_hidden_instructions_ask_only_for_their_canary() -> None:
    injected = [row for row in rows("safety.csv") if row["kind"] == "injection"]
    canaries = [row["canary"] for row in injected if row["canary"]]
    assert len(set(canaries)) == len(canaries) == 13
    for row in injected:
        words = re.findall(r"\w+", row["document"])
        assert [w for w in words if w in canaries] == ([row["canary"]] if row["canary"] else [])
        assert bool(row["canary"]) == (row["expected"] == "refuse")


def test_encoded_requests_can_be_decoded() -> None:
    encoded = [row["prompt"] for row in rows("safety.csv") if row["wrapper"] == "encoded"]
    assert encoded
    for prompt in encoded:
        assert b64decode(prompt.rpartition(": ")[2], validate=True).decode().endswith(".")


@pytest.mark.parametrize("name", ["stereotypes.csv", "stereotypes_likelihood.csv"])
def test_pairs_differ_only_in_the_named_words(name: str) -> None:
    found = rows(name)
    assert Counter(row["attribute"] for row in found) == dict.fromkeys(
        ("gender", "origin", "age", "religion", "disability"), 50
    )
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert first["pair"] == second["pair"]
        assert first.get("expected") == second.get("expected")
        rest = []
        for row in (first, second):
            text = row["text"].casefold()
            for words in row["differs"].casefold().split(" / "):
                text, times = re.subn(rf"(?<!\w){re.escape(words)}(?!\w)", "", text, count=1)
                assert times == 1
            rest.append(re.sub(r"\W+", " ", text).strip())
        assert rest[0] == rest[1]


def test_most_descriptions_are_to_the_credit_of_the_person() -> None:
    counts = Counter((r["attribute"], r["expected"]) for r in rows("stereotypes.csv"))
    assert set(counts.values()) == {36, 14}
    assert counts["religion", "favourable"] == 36
