"""evalkit's answers against transformers, one request at a time, on the same token ids."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.on_gpu.making import stop_words
from benchmarks.workloads import choices, judgments, sentences, texts
from evalkit.exchange import Generation, Request, Response
from evalkit.messages import Message


@dataclass(slots=True)
class Reference:
    """An answer of transformers.

    gaps: for each token, by how much its logit leads. top: the largest logit. logprobs: of choices.
    """

    text: str
    gaps: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    top: float = 0.0
    logprobs: tuple[float, ...] = ()


def workloads(tokenizer: Any, count: int, new_tokens: int) -> dict[str, list[Request]]:
    """Requests of every kind, so many of each."""
    rng = random.Random(7)
    short = Generation(max_new_tokens=new_tokens)
    greedy = [replace(r, generation=short) for r in texts(count)]
    sampled = Generation(max_new_tokens=new_tokens, temperature=0.8, top_k=40, top_p=0.95, seed=5)
    stop = Generation(max_new_tokens=new_tokens, stop=stop_words(tokenizer))
    system = Message("system", sentences(rng, 220))
    shared = [
        Request(
            (system, Message("user", sentences(rng, rng.randint(5, 60)))),
            Generation(max_new_tokens=rng.randint(2, new_tokens)),
        )
        for _ in range(count)
    ]
    return {
        "a choices": choices(count),
        "b texts": greedy,
        "c judgments": judgments(count),
        "shared prefix": shared,
        "sampled": [replace(r, generation=replace(sampled, seed=k)) for k, r in enumerate(greedy)],
        "stop strings": [replace(r, generation=stop) for r in greedy],
    }


def answers(lm: Any, requests: Sequence[Request]) -> list[Response]:
    """evalkit's responses, in the order of the requests."""
    from evalkit.engine.local import respond

    return ordered(respond(lm, list(requests)), len(requests))


def ordered(batches: Iterable[list[tuple[int, Response]]], count: int) -> list[Response]:
    """The responses of batches in order. Raises ValueError unless there is one for each request."""
    pairs = [pair for batch in batches for pair in batch]
    if sorted(index for index, _ in pairs) != list(range(count)):
        raise ValueError(f"{len(pairs)} responses to {count} requests")
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])]


def one_at_a_time(lm: Any, requests: Sequence[Request]) -> list[Reference]:
    """transformers' ``generate``, and log-likelihoods of one choice after the other."""
    import torch

    from evalkit.engine.tokenization import RequestTokenizer

    encoded = RequestTokenizer(lm.tokenizer, lm.context_length, lm.chat_template).encode(requests)
    with torch.inference_mode():
        return [_choose(lm, e) if e.choices else _generate(lm, e) for e in encoded]


def _choose(lm: Any, encoded: Any) -> Reference:
    import torch

    found = []
    for choice in encoded.choices:
        ids = torch.tensor([[*encoded.prompt, *choice]], device=lm.device)
        logits = lm.model(ids, use_cache=False, logits_to_keep=len(choice) + 1).logits[0, :-1]
        targets = torch.tensor(choice, device=lm.device)[:, None]
        found.append(float(logits.float().log_softmax(-1).gather(1, targets).sum()))
    best = max(range(len(found)), key=found.__getitem__)
    ranked = sorted(found, reverse=True)
    lead = ranked[0] - ranked[1]
    return Reference(encoded.request.choices[best], [lead], [0], max(map(abs, found)), tuple(found))


def _generate(lm: Any, encoded: Any) -> Reference:
    import torch

    from evalkit.engine.sequence import before_stop_string, detokenize

    settings = encoded.request.generation
    ids = torch.tensor([encoded.prompt], device=lm.device)
    out = lm.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=settings.max_new_tokens,
        output_logits=True,
        return_dict_in_generate=True,
        pad_token_id=lm.pad,
    )
    new = out.sequences[0, ids.shape[1] :].tolist()
    best = torch.stack([row[0].float().topk(2).values for row in out.logits])
    text = detokenize(lm.tokenizer, [token for token in new if token not in lm.eos])
    return Reference(
        before_stop_string(text, settings.stop),
        (best[:, 0] - best[:, 1]).tolist(),
        [len(detokenize(lm.tokenizer, new[: k + 1])) for k in range(len(new))],
        float(best[:, 0].abs().max()),
    )


def compared(
    found: Sequence[Response], expected: Sequence[Reference], dtype: str, title: str = ""
) -> dict[str, Any]:
    """How many answers are equal, and whether each difference is a near-tie."""
    differing, worst = [], 0.0
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        if not ours.answered:
            differing.append({"index": index, "error": ours.error[:200], "near_tie": False})
            continue
        if theirs.logprobs:
            pairs = zip(ours.logprobs, theirs.logprobs, strict=True)
            worst = max([worst, *(abs(a - b) for a, b in pairs)])
        if ours.text != theirs.text:
            differing.append({"index": index, **_first_difference(ours, theirs, dtype)})
    near = sum(d["near_tie"] for d in differing)
    most = 2e-3 if dtype == "float32" else 0.6
    return {
        "ok": near == len(differing) and worst <= most,
        "against": title,
        "n": len(found),
        "equal": len(found) - len(differing),
        "near_ties": near,
        "flagged_as_ties": sum(r.tie for r in found),
        "max_logprob_difference": worst,
        "differing": differing[:8],
    }


def _first_difference(ours: Response, theirs: Reference, dtype: str) -> dict[str, Any]:
    """The first token that differs, and by how much transformers' token leads there."""
    allowed = rounding(theirs.top, dtype)
    if theirs.logprobs:
        gap, step = theirs.gaps[0], 0
    else:
        pairs = zip(ours.text, theirs.text, strict=False)
        common = next((k for k, (a, b) in enumerate(pairs) if a != b), None)
        if common is None:
            common = min(len(ours.text), len(theirs.text))
        step = next((k for k, end in enumerate(theirs.ends) if end > common), 0)
        gap = min(theirs.gaps[max(0, step - 1) : step + 1], default=0.0)
    return {
        "token": step,
        "gap": round(gap, 5),
        "allowed": round(allowed, 5),
        "near_tie": gap <= allowed,
        "ours": ours.text[-60:],
        "theirs": theirs.text[-60:],
    }


def rounding(top: float, dtype: str) -> float:
    """What rounding may change in the lead of one logit: a few units of the largest one."""
    import torch

    unit = torch.finfo(getattr(torch, dtype)).eps * 2.0 ** int(torch.tensor(top).log2().floor())
    return float(unit * (4 if dtype != "float32" else 256))


def same(ours: Sequence[Response], others: Sequence[Response], title: str) -> dict[str, Any]:
    """Two runs of evalkit: how many texts are equal, and how far log-likelihoods differ."""
    differing = [
        {"index": i, "ours": a.text[-60:], "theirs": b.text[-60:], "error": a.error or b.error}
        for i, (a, b) in enumerate(zip(ours, others, strict=True))
        if a.text != b.text or not a.answered
    ]
    worst = max(
        (
            abs(x - y)
            for a, b in zip(ours, others, strict=True)
            for x, y in zip(a.logprobs, b.logprobs, strict=False)
        ),
        default=0.0,
    )
    return {
        "ok": not differing,
        "against": title,
        "n": len(ours),
        "equal": len(ours) - len(differing),
        "max_logprob_difference": worst,
        "differing": differing[:8],
    }
