"""Accuracy of likelihoods."""

from __future__ import annotations

from evalkit.metrics import compute


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
