"""How fast: the limits of the device, prefill, decoding, the workloads, and other systems."""

from __future__ import annotations

import copy
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks import plain_transformers
from benchmarks.on_gpu.comparing import answers
from benchmarks.on_gpu.engine_checks import described, prepared, without_graphs
from benchmarks.on_gpu.making import kv_bytes_per_token, llama, weights_read
from benchmarks.on_gpu.profiling import profile_decoding, profile_python
from benchmarks.on_gpu.run import Bench
from benchmarks.workloads import LABELS, choices, judgments, sentences, texts
from evalkit.exchange import Generation, Request, Response

PROMPT = 512
NEW = 128
SHORT = 16


def device(bench: Bench) -> None:
    """Bandwidth and matrix products, which bound everything else."""
    import torch

    size = bench.few(2**31, 2**24)
    side = bench.few(8192, 256)

    def copying() -> dict[str, Any]:
        source = torch.empty(size, dtype=torch.uint8, device=bench.device).fill_(1)
        target = torch.empty_like(source)
        seconds = median(bench, lambda: target.copy_(source), inner=10)
        return {"bytes_per_second": 2 * size / seconds, "gib": 2 * size / 2**30}

    def reading() -> dict[str, Any]:
        source = torch.ones(size // 4, dtype=torch.float32, device=bench.device)
        seconds = median(bench, lambda: source.sum(), inner=10)
        return {"bytes_per_second": size / seconds}

    def product(dtype: Any) -> dict[str, Any]:
        a, b = (torch.randn(side, side, device=bench.device).to(dtype) for _ in range(2))
        seconds = median(bench, lambda: a @ b, inner=5)
        return {"flops_per_second": 2 * side**3 / seconds, "side": side}

    bench.step("copy", copying)
    bench.step("read", reading)
    bench.step("bfloat16 product", lambda: product(torch.bfloat16))
    bench.step("float32 product", lambda: product(torch.float32))


def median(bench: Bench, work: Callable[[], Any], inner: int = 1, rounds: int = 3) -> float:
    """The median of the seconds that it takes, after a first time that does not count."""
    work()

    def repeated() -> None:
        for _ in range(inner):
            work()

    return statistics.median(bench.seconds(repeated) / inner for _ in range(rounds))


def speed(bench: Bench) -> None:
    """The 1 B and the 8 B model in bfloat16."""
    small, large = ("tiny", "tiny") if bench.rehearse else ("1b", "8b")
    total = bench.left
    bench.within(0.35 * total, lambda: _measure(bench, "1b", small))
    bench.within(0.55 * bench.left, lambda: _measure(bench, "8b", large))
    bench.within(0.65 * bench.left, lambda: _peers(bench, "1b", small))
    if not bench.rehearse:
        _peers(bench, "8b", large, few=True)


def _measure(bench: Bench, name: str, shape: str) -> None:
    bench.free()
    model = llama(shape, bench.half, bench.tokenizer, bench.device)
    lm = prepared(bench, model)
    bench.step(f"{name}: engine", lambda: described(lm))
    rows = bench.few(256 if name == "1b" else 128, 4)
    bench.step(f"{name}: prefill", lambda: _prefill(bench, lm, rows))
    for count in (bench.few(64, 2), bench.few(256, 4), bench.few(512, 8)):
        bench.step(f"{name}: decode {count}", lambda n=count: _decode(bench, lm, n))
    if name == "1b" and lm.gpu.decoder is not None:
        bench.step(
            "1b: decode 256, without graphs",
            lambda: _decode(bench, without_graphs(lm), bench.few(256, 4), rounds=1),
            seconds=bench.left / 3,
        )
    if name == "1b" or (bench.left > 20 and not bench.rehearse):
        bench.step(f"{name}: profile", lambda: profile_decoding(bench, lm, decoding(256, 48)))
    if name == "1b":
        bench.step("1b: python", lambda: profile_python(lm, decoding(bench.few(256, 4), 24)))
    for workload, requests in _workloads(bench).items():
        bench.step(f"{name}: ({workload}) evalkit", partial(_timed, bench, lm, requests))


def _workloads(bench: Bench) -> dict[str, list[Request]]:
    made = {
        "a": choices(bench.few(300, 4)),
        "b": texts(bench.few(256, 4)),
        "c": judgments(bench.few(300, 4)),
    }
    if bench.rehearse:
        made["b"] = [replace(r, generation=Generation(max_new_tokens=4)) for r in made["b"]]
    return made


def _timed(bench: Bench, lm: Any, requests: list[Request]) -> dict[str, Any]:
    found: list[Response] = answers(lm, requests)
    seconds = [bench.seconds(lambda: answers(lm, requests)) for _ in range(bench.few(2, 1))]
    return {
        "ok": all(r.answered for r in found),
        "seconds": min(seconds),
        "rounds": seconds,
        "samples_per_second": len(requests) / min(seconds),
        "tokens": sum(r.completion_tokens or 0 for r in found),
        "texts": [r.text for r in found][:2],
    }


def _prefill(bench: Bench, lm: Any, count: int) -> dict[str, Any]:
    """Prompts of about 512 tokens that share nothing, and three labels."""
    from evalkit.engine.tokenization import RequestTokenizer

    rng = random.Random(11)
    words = bench.few(PROMPT, 60)
    requests = [
        Request(f"{k * 7919 % 10007} {_of_tokens(lm.tokenizer, rng, words)}", choices=LABELS)
        for k in range(count)
    ]
    encoder = RequestTokenizer(lm.tokenizer, lm.context_length)
    encoded: Sequence[Any] = encoder.encode(requests)
    tokenizing = bench.seconds(lambda: encoder.encode(requests))
    seconds = median(bench, lambda: answers(lm, requests), rounds=2)
    lengths = [e.length for e in encoded]
    config = lm.model.config
    parameters, _ = weights_read(lm.model)
    head = config.vocab_size * config.hidden_size
    linear = 2 * (parameters - head) * sum(lengths)
    # a query attends to half of the prompt on average; scores and values
    attention = sum(2 * n * n * config.hidden_size * config.num_hidden_layers for n in lengths)
    logits = 2 * head * sum(1 + sum(len(c) - 1 for c in e.choices) for e in encoded)
    flops = linear + attention + logits
    peak = _limit(bench, "bfloat16 product", "flops_per_second")
    net = max(seconds - tokenizing, 1e-9)
    return {
        "requests": count,
        "tokens": sum(lengths),
        "seconds": seconds,
        "tokenizing_seconds": tokenizing,
        "tokens_per_second": sum(lengths) / seconds,
        "flops_per_second": flops / seconds,
        "fraction_of_peak": flops / seconds / peak,
        "fraction_of_peak_without_tokenizing": flops / net / peak,
    }


def _of_tokens(tokenizer: Any, rng: random.Random, tokens: int) -> str:
    text = sentences(rng, tokens)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"][: tokens - 8]
    return str(tokenizer.decode(ids))


def decoding(count: int, new_tokens: int) -> list[Request]:
    """Chats of 20 to 300 tokens, as in (b), each with its own text and one length of answer."""
    rng = random.Random(13)
    made = texts(count)
    return [
        replace(
            request,
            prompt=(replace_text(request, f"{k} {sentences(rng, 3)}"),),
            generation=Generation(max_new_tokens=new_tokens),
        )
        for k, request in enumerate(made)
    ]


def replace_text(request: Request, start: str) -> Any:
    """The message of a request, begun with something of its own."""
    (message,) = request.prompt
    return replace(message, content=f"{start}\n{message.text}")


def _decode(bench: Bench, lm: Any, count: int, rounds: int = 3) -> dict[str, Any]:
    """Tokens a second, and the time of a step, from answers of two lengths.

    rounds: 1 measures the first run of the longer answers, later ones otherwise.
    """
    new, short = bench.few(NEW, 8), bench.few(SHORT, 2)
    long_requests, short_requests = decoding(count, new), decoding(count, short)
    answers(lm, decoding(count, 2))
    found: list[Response] = []
    longs = [bench.seconds(lambda: found.extend(answers(lm, long_requests)))]
    made = sum(r.completion_tokens or 0 for r in found)
    once = bench.seconds(lambda: answers(lm, short_requests))
    if rounds > 1:
        rounds = rounds if 100 * once < bench.left else 1
        longs = [bench.seconds(lambda: answers(lm, long_requests)) for _ in range(rounds)]
    shorts = [bench.seconds(lambda: answers(lm, short_requests)) for _ in range(rounds)]
    seconds = statistics.median(longs)
    step = (seconds - statistics.median(shorts)) / (new - short)
    _, weights = weights_read(lm.model)
    lengths = [(r.prompt_tokens or 0) + (new + short) / 2 for r in found]
    cache = sum(lengths) * kv_bytes_per_token(lm.model.config, lm.dtype.itemsize)
    bandwidth = _limit(bench, "copy", "bytes_per_second")
    limit = (weights + cache) / bandwidth
    # many sequences make the products of a step wait for arithmetic, not for weights
    products = 2 * count * weights / lm.dtype.itemsize
    arithmetic = products / _limit(bench, "bfloat16 product", "flops_per_second")
    roofline = max(weights / bandwidth, arithmetic) + cache / bandwidth
    return {
        "ok": made == count * new and all(r.answered for r in found),
        "requests": count,
        "new_tokens": made,
        "rounds": longs,
        "seconds": seconds,
        "tokens_per_second": made / seconds,
        "ms_per_step": 1e3 * step,
        "steady_tokens_per_second": count / step if step > 0 else None,
        "weight_bytes": weights,
        "cache_bytes": cache,
        "limit_ms_per_step": 1e3 * limit,
        "fraction_of_bandwidth": limit / step if step > 0 else None,
        "roofline_ms_per_step": 1e3 * roofline,
        "fraction_of_roofline": roofline / step if step > 0 else None,
        "distinct_texts": len({r.text for r in found}),
    }


def _limit(bench: Bench, step: str, figure: str) -> float:
    """A limit that the part ``device`` measured; NaN if it did not."""
    figures = bench.results.get("device", {}).get("figures", {}).get(step, {})
    return float(figures.get(figure) or "nan")


def _peers(bench: Bench, name: str, shape: str, few: bool = False) -> None:
    """transformers by hand, its continuous batching, and lm-eval, on weights of their own."""
    bench.free()
    model = llama(shape, bench.half, bench.tokenizer, bench.device)
    tokenizer = copy.deepcopy(bench.tokenizer)
    made = _workloads(bench)
    cap = 20.0 if few else 25.0

    def measure(title: str, workload: str, ask: Callable[[list[Request]], Any]) -> None:
        def once() -> dict[str, Any]:
            try:
                ask(made[workload][:8])
            except ModuleNotFoundError as error:
                return {"left_out": f"{error.name} is not installed"}
            seconds = bench.seconds(lambda: ask(made[workload]))
            ours = bench.results["speed"]["figures"].get(f"{name}: ({workload}) evalkit", {})
            ratio = seconds / ours["seconds"] if ours.get("seconds") else None
            return {"seconds": seconds, "times_evalkit": ratio}

        bench.step(f"{name}: ({workload}) {title}", once, seconds=min(cap, bench.left))

    def by_hand(ask: Any, batch: int) -> Callable[[list[Request]], Any]:
        return lambda requests: ask(model, tokenizer, requests, batch)

    measure("transformers, batch 256", "b", by_hand(plain_transformers.answer, 256))
    measure("lm-eval, batch 64", "a", lambda requests: _lm_eval(model, tokenizer, 64, requests))
    measure("generate_batch", "b", lambda requests: _continuous(bench, model, tokenizer, requests))
    measure("transformers, batch 256", "c", by_hand(plain_transformers.rate, 256))
    measure("transformers, batch 64", "a", by_hand(plain_transformers.answer, 64))
    for batch in () if few else (64, 16):
        measure(f"transformers, batch {batch}", "b", by_hand(plain_transformers.answer, batch))


def _lm_eval(model: Any, tokenizer: Any, batch: int, requests: list[Request]) -> Any:
    from lm_eval.models.huggingface import HFLM

    from benchmarks.peers import lm_eval_choices

    peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch)
    return lm_eval_choices(peer, requests)


def _continuous(bench: Bench, model: Any, tokenizer: Any, requests: list[Request]) -> Any:
    from transformers import ContinuousBatchingConfig, GenerationConfig

    from benchmarks.peers import prompt_text

    ids = [
        tokenizer(prompt_text(tokenizer, r), add_special_tokens=False)["input_ids"]
        for r in requests
    ]
    config = GenerationConfig(
        max_new_tokens=requests[0].generation.max_new_tokens,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # on a CPU it would take nearly all memory
    sizes = None if bench.cuda else ContinuousBatchingConfig(num_blocks=64, max_batch_tokens=512)
    found = model.generate_batch(
        ids, generation_config=config, continuous_batching_config=sizes, progress_bar=False
    )
    if len(found) != len(requests):
        raise ValueError(f"{len(found)} answers to {len(requests)} requests")
    return found
