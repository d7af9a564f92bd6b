"""What one writes by hand with transformers: padded batches sorted by length."""

from __future__ import annotations

from typing import Any

from evalkit.exchange import Request
from evalkit.messages import to_openai


def answer(model: Any, tokenizer: Any, requests: list[Request], batch: int) -> list[str]:
    """The chosen label or the generated text of each request."""
    texts = [_text(tokenizer, request) for request in requests]
    sizes = [len(tokenizer(text)["input_ids"]) for text in texts]
    order = sorted(range(len(requests)), key=lambda i: -sizes[i])
    found = [""] * len(requests)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        work = _choose if requests[0].choices else _generate
        answers = work(model, tokenizer, [texts[i] for i in part], [requests[i] for i in part])
        for i, output in zip(part, answers, strict=True):
            found[i] = output
    return found


def rate(model: Any, tokenizer: Any, requests: list[Request], batch: int) -> list[str]:
    """Ratings by generating a few tokens and reading the first digit."""
    from dataclasses import replace

    from evalkit.exchange import Generation

    generated = [replace(r, choices=(), generation=Generation(max_new_tokens=4)) for r in requests]
    texts = answer(model, tokenizer, generated, batch)
    return [next((c for c in text if c.isdigit()), "") for text in texts]


def _text(tokenizer: Any, request: Request) -> str:
    if isinstance(request.prompt, str):
        return request.prompt
    turns = to_openai(request.prompt)
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _generate(model: Any, tokenizer: Any, texts: list[str], requests: list[Request]) -> list[str]:
    import torch

    tokenizer.padding_side = "left"
    inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    inputs = inputs.to(model.device)
    with torch.inference_mode():
        out = model.generate(
            **inputs, do_sample=False, max_new_tokens=requests[0].generation.max_new_tokens
        )
    return [
        str(text)
        for text in tokenizer.batch_decode(
            out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
    ]


def _choose(model: Any, tokenizer: Any, texts: list[str], requests: list[Request]) -> list[str]:
    import torch

    gap = "" if not isinstance(requests[0].prompt, str) else " "
    rows, spans = [], []
    for text, request in zip(texts, requests, strict=True):
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        for choice in request.choices:
            ids = tokenizer(gap + choice, add_special_tokens=False)["input_ids"]
            rows.append(prompt + ids)
            spans.append((len(prompt), ids))
    scores: list[float] = []
    count = len(requests[0].choices)
    step = max(count, 16 // count * count)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        width = max(map(len, part))
        ids = torch.full((len(part), width), tokenizer.pad_token_id)
        for i, row in enumerate(part):
            ids[i, : len(row)] = torch.tensor(row)
        mask = (torch.arange(width) < torch.tensor([len(r) for r in part])[:, None]).long()
        with torch.inference_mode():
            logits = model(ids.to(model.device), attention_mask=mask.to(model.device)).logits
            for i, (begin, choice_ids) in enumerate(spans[start : start + step]):
                window = logits[i, begin - 1 : begin - 1 + len(choice_ids)].float().log_softmax(-1)
                targets = torch.tensor(choice_ids, device=window.device)
                scores.append(float(window.gather(1, targets[:, None]).sum()))
    best = [
        max(range(count), key=scores[k * count : (k + 1) * count].__getitem__)
        for k in range(len(requests))
    ]
    return [r.choices[b] for r, b in zip(requests, best, strict=True)]
