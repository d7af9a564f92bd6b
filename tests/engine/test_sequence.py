"""Where a sequence ends."""

from __future__ import annotations

import pytest

from evalkit.engine.language_model import LanguageModel
from evalkit.exchange import Generation, Request, Status
from tests.engine.test_local import TEXTS, answers

pytest.importorskip("transformers")


def test_stop_strings_are_found_across_token_borders(lm: LanguageModel) -> None:
    request = Request(TEXTS[2], Generation(max_new_tokens=20))
    whole = next(
        r.text
        for t in TEXTS
        if len((r := answers(lm, [Request(t, request.generation)])[0]).text) > 12
    )
    prompt = next(
        t for t in TEXTS if answers(lm, [Request(t, request.generation)])[0].text == whole
    )
    for start in range(1, len(whole) - 4):
        stop = whole[start : start + 4]
        [response] = answers(
            lm, [Request(prompt, Generation(max_new_tokens=20, stop=("zzzz", stop)))]
        )
        assert response.text == whole[: whole.index(stop)]
        assert response.finish == "stop_string"
        assert response.status is Status.OK


def test_nan_logits_fail_only_their_sequence(lm: LanguageModel) -> None:
    import torch

    poisoned = lm.tokenizer("Z", add_special_tokens=False)["input_ids"][0]
    weight = lm.model.get_input_embeddings().weight
    saved = weight[poisoned].detach().clone()
    requests = [
        Request("the Z", Generation(max_new_tokens=3)),
        Request("the Z", choices=("a", "b")),
    ]
    fine = [
        Request("the fox", Generation(max_new_tokens=3)),
        Request("the fox", choices=("a", "b")),
    ]
    before = answers(lm, fine)
    tied = lm.model.get_output_embeddings().weight is weight
    if tied:
        pytest.skip("with tied embeddings a NaN input row makes every logit NaN")
    with torch.no_grad():
        weight[poisoned] = torch.nan
    try:
        broken, broken_choice, *after = answers(lm, requests + fine)
    finally:
        with torch.no_grad():
            weight[poisoned] = saved
    assert broken.status is broken_choice.status is Status.ERROR
    assert "NaN" in broken.error
    assert [r.text for r in after] == [r.text for r in before]
