"""evalkit's engine against plain transformers, on the same model, prompts and precision.

    python benchmarks/engine.py                       # SmolLM2-135M, float32 on a CPU
    python benchmarks/engine.py --dtype bfloat16 --rounds 3
    python benchmarks/engine.py --random-llama        # about 1 B parameters, for a GPU
    python benchmarks/engine.py --noop                # (d): a model that does nothing

The systems take turns; what is printed are medians over the rounds after the model is
loaded, their ratios, and how many answers agree.
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import plain_transformers
from benchmarks.workloads import WORKLOADS
from evalkit.exchange import Request

System = Callable[[list[Request]], list[str]]


def main() -> None:
    arguments = _arguments()
    if arguments.noop:
        noop()
        return
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    lm = random_llama(arguments.dtype) if arguments.random_llama else smollm2(arguments.dtype)
    # evalkit prepacks its own weights for small batches
    weights = copy.deepcopy(lm.model)
    print(
        f"{type(lm.model).__name__} on {lm.device}, {arguments.dtype}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    for name in arguments.only or WORKLOADS:
        title, make = WORKLOADS[name]
        requests = make()[: arguments.limit]
        print(f"\n({name}) {title}")
        clock = time.process_time if arguments.cpu_time else time.perf_counter
        measure(systems(lm, weights, name, arguments), requests, arguments.rounds, clock)


def systems(
    lm: Any, weights: Any, workload: str, arguments: argparse.Namespace
) -> dict[str, System]:
    """What is measured, by name; the first is evalkit. weights: the others' own."""

    def evalkit(requests: list[Request], packed: bool = True) -> list[str]:
        from evalkit.engine.local import respond

        model = lm if packed else replace(lm, not_packed_because="measured")
        found = {i: r.text for batch in respond(model, requests) for i, r in batch}
        return [found[i] for i in range(len(requests))]

    found: dict[str, System] = {"evalkit": evalkit}
    if arguments.plain_engine:
        found["evalkit, plain batches"] = lambda r: evalkit(r, packed=False)
    plain = plain_transformers.rate if workload == "c" else plain_transformers.answer
    for batch in arguments.batch:
        found[f"transformers, batch {batch}"] = lambda r, b=batch: plain(
            weights, lm.tokenizer, r, b
        )
    return found


def measure(
    found: dict[str, System],
    requests: list[Request],
    rounds: int,
    clock: Callable[[], float],
) -> None:
    """Run the systems in turns and print a table."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    answers: dict[str, list[str]] = {}
    for turn in range(rounds):
        names = list(found)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = clock()
            answers[name] = found[name](requests)
            seconds[name].append(clock() - started)
    first = next(iter(found))
    base = statistics.median(seconds[first])
    for name, taken in seconds.items():
        same = sum(a == b for a, b in zip(answers[name], answers[first], strict=True))
        print(
            f"  {name:28s} {statistics.median(taken):8.2f} s  "
            f"({min(taken):.2f} to {max(taken):.2f})  ×{statistics.median(taken) / base:5.2f}  "
            f"{same}/{len(requests)} answers as {first}"
        )


def smollm2(dtype: str) -> Any:
    """The built-in model, loaded."""
    from evalkit.models.registry import Declared, resolve

    options = {"model": "builtin:smollm2", "dtype": dtype}
    model: Any = resolve(Declared("smollm2", "transformers", options))
    model.load()
    return model._lm


def random_llama(dtype: str) -> Any:
    """A Llama of about 1 B parameters with random weights, and SmolLM2's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from evalkit.engine.local import prepare

    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        bos_token_id=1,
        eos_token_id=2,
        dtype=getattr(torch, dtype),
    )
    with torch.device(device):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    return prepare(model, smollm2("float32").tokenizer, frozen=True)


def noop() -> None:
    """(d) evalkit's own time per sample on a function that returns at once."""
    from evalkit.models.in_memory import as_model

    model = as_model("noop", lambda prompt: "yes")
    for count in (2_000, 20_000, 100_000):
        requests = [Request(f"sample {k}") for k in range(count)]
        started = time.perf_counter()
        answered = sum(len(batch) for batch in model.respond(requests))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{answered:7d} samples  {seconds / count * 1e6:6.1f} µs each  peak {peak:.0f} MiB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(WORKLOADS))
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=None, help="samples per workload")
    parser.add_argument("--batch", type=int, nargs="*", default=[16, 48])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="CPU seconds instead of wall seconds: with --threads 1 on a machine that others use",
    )
    parser.add_argument("--plain-engine", action="store_true", help="also evalkit without packing")
    parser.add_argument("--random-llama", action="store_true")
    parser.add_argument("--noop", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
