"""The engine on a model made on the spot: equal to transformers, also when memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.on_gpu.comparing import (
    answers,
    compared,
    one_at_a_time,
    same,
    workloads,
)
from benchmarks.on_gpu.making import llama
from benchmarks.on_gpu.run import Bench, Kept
from evalkit.exchange import Request, Response

GIB = 2**30


def prepared(bench: Bench, model: Any, engine: str = "auto", **more: Any) -> Any:
    """The model in the engine, as evalkit loads it."""
    from evalkit.engine.local import prepare

    lm = prepare(model, bench.tokenizer, engine=engine, frozen=bench.cuda, **more)
    return without_graphs(lm) if bench.eager else lm


def without_graphs(lm: Any) -> Any:
    """The model as on a CPU: without a paged cache, CUDA graphs and fused layers."""
    from evalkit.engine.language_model import GpuParts

    return replace(lm, gpu=GpuParts())


def described(lm: Any) -> dict[str, Any]:
    """How the engine runs a model."""
    decoder = lm.gpu.decoder
    return {
        "packed": lm.packed,
        "not_packed_because": lm.not_packed_because,
        "decoder": decoder.describe() if decoder is not None else "as on a CPU",
        "no_decoder_because": lm.gpu.no_decoder_because,
        "fused": [len(lm.gpu.fused.forwards), lm.gpu.fused.rotary is not None],
        "batch_tokens": lm.limits.batch_tokens,
        "batch_rows": lm.limits.batch_rows,
    }


def equality(bench: Bench) -> None:
    """float32: packed, plain and one-at-a-time answers are the same."""
    _against_transformers(bench, "float32", bench.few(24, 4), bench.few(32, 8))


def bf16(bench: Bench) -> None:
    """bfloat16: answers differ only where two tokens are nearly as likely."""
    _against_transformers(bench, "bfloat16", bench.few(16, 2), bench.few(24, 8))


def _against_transformers(bench: Bench, dtype: str, count: int, new_tokens: int) -> None:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    shape = "tiny" if bench.rehearse else "cut"
    model = llama(shape, dtype, bench.tokenizer, bench.device)
    lm = prepared(bench, model)
    plain = prepared(bench, model, "plain")
    bench.step("engine", lambda: {**described(lm), "ok": lm.packed})
    found: dict[str, tuple[list[Request], list[Response]]] = {}
    for name, asked in workloads(bench.tokenizer, count, new_tokens).items():
        told = bench.step(f"{name}: answers", lambda a=asked: _told(answers(lm, a)))
        if told is not None:
            found[name] = asked, told["responses"].value
    for name, (asked, ours) in found.items():
        if name == "sampled":
            bench.step(name, lambda a=asked, o=ours: _sampled(lm, plain, a, o, dtype))
        else:
            bench.step(name, lambda a=asked, o=ours: compared(o, one_at_a_time(lm, a), dtype))
    others = {"plain batches": plain}
    if lm.gpu.decoder is not None:
        others["without graphs"] = without_graphs(lm)
    for title, other in others.items():
        for name, (asked, ours) in found.items():
            if name == "sampled" or (asked[0].choices and other is not plain):
                continue
            bench.step(
                f"{name}, {title}",
                lambda a=asked, o=ours, m=other, t=title: _alike(o, answers(m, a), dtype, t),
            )


def _told(responses: Sequence[Response]) -> dict[str, Any]:
    finishes = [r.finish for r in responses]
    return {
        "ok": all(r.answered for r in responses),
        "n": len(responses),
        "tokens": sum(r.completion_tokens or 0 for r in responses),
        "finished": {name: finishes.count(name) for name in sorted(set(finishes))},
        "distinct_texts": len({r.text for r in responses}),
        "errors": [r.error for r in responses if not r.answered][:3],
        "example": responses[0].text[:80],
        "responses": Kept(responses),
    }


def _sampled(
    lm: Any, plain: Any, asked: list[Request], ours: list[Response], dtype: str
) -> dict[str, Any]:
    """A sampled answer depends on its seed, and not on its neighbours."""
    again = answers(lm, asked[::-1])[::-1]
    alone = [answers(lm, [request])[0] for request in asked[:6]]
    found = {
        "in another order": same(ours, again, "the reverse order"),
        "alone": same(ours[:6], alone, "one request at a time"),
        "plain batches": same(ours, answers(plain, asked), "plain batches"),
    }
    exact = dtype == "float32"
    return {"ok": not exact or all(f["ok"] for f in found.values()), **found}


def _alike(ours: list[Response], others: list[Response], dtype: str, title: str) -> dict[str, Any]:
    """In half precision rounding may change an answer; how many is reported, not judged."""
    found = same(ours, others, title)
    return found if dtype == "float32" else {**found, "ok": True}


def engines(bench: Bench) -> None:
    """``auto``, ``plain`` and ``continuous`` answer alike in float32."""
    shape = "tiny" if bench.rehearse else "cut"
    model = llama(shape, "float32", bench.tokenizer, bench.device)
    asked = workloads(bench.tokenizer, bench.few(16, 3), bench.few(24, 6))
    requests = [*asked["b texts"], *asked["c judgments"], *asked["sampled"]]
    packed = bench.step("auto", lambda: _told(answers(prepared(bench, model), requests)))
    expected = packed["responses"].value if packed else []
    for engine in ("plain", "continuous"):
        lm = bench.step(f"{engine}: prepare", lambda e=engine: _kept(prepared(bench, model, e)))
        if lm is None or not expected:
            continue
        bench.step(
            engine,
            lambda lm=lm["lm"].value: same(answers(lm, requests), expected, "auto"),
            seconds=15,
        )


def _kept(lm: Any) -> dict[str, Any]:
    return {**described(lm), "lm": Kept(lm)}


def out_of_memory(bench: Bench) -> None:
    """With the card nearly full, every request is answered, and the same."""
    import torch

    from evalkit.engine.language_model import BatchLimits

    shape = "tiny" if bench.rehearse else "cut"
    model = llama(shape, "float32", bench.tokenizer, bench.device)
    asked = workloads(bench.tokenizer, bench.few(96, 4), bench.few(16, 4))
    requests = [*asked["b texts"], *asked["a choices"]]
    large = BatchLimits(131072, 256) if bench.cuda else BatchLimits()

    def ask(room: float) -> dict[str, Any]:
        filled = fill_card(room) if bench.cuda else []
        try:
            lm = prepared(bench, model, limits=large)
            found = _told(answers(lm, requests))
            backed_off = lm.memory.divisor > 1 or lm.memory.max_weight is not None
            return {
                **found,
                "filled_gib": sum(block.numel() for block in filled) / GIB,
                "room_gib": room,
                "divisor": lm.memory.divisor,
                "max_weight": lm.memory.max_weight,
                "backed_off": backed_off,
            }
        finally:
            filled.clear()
            bench.free()

    free = bench.step("free memory", lambda: ask(1e9))
    if free is None:
        return
    for room in (0.6, 0.3) if bench.cuda else (1e9,):
        pressed = bench.step(f"{room} GiB left", lambda r=room: ask(r))
        if pressed is not None:
            bench.step(
                f"{room} GiB left: answers",
                lambda p=pressed: same(
                    p["responses"].value, free["responses"].value, "free memory"
                ),
            )
    if bench.cuda:
        torch.cuda.empty_cache()


def fill_card(room: float) -> list[Any]:
    """Plain allocations that leave so many GiB on the card."""
    import torch

    torch.cuda.empty_cache()
    left, _ = torch.cuda.mem_get_info()
    size = int(left - room * GIB)
    return [torch.empty(size, dtype=torch.uint8, device="cuda")] if size > 0 else []
