"""evalkit on a GPU: what it computes is right, and how fast it is. No network is needed.

    python benchmarks/gpu.py --out results --seconds 280
    python benchmarks/gpu.py --out results --only device speed
    python benchmarks/gpu.py --out results --rehearse      # tiny models, on a CPU

Models are made on the spot, with random weights. Each part has a share of the time and ends with
it; a part that fails stops no other. ``gpu.json`` is written after every step, ``gpu.txt`` at the
end.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.on_gpu import engine_checks, loaded_checks, speed
from benchmarks.on_gpu.run import Alarm, Bench, Part, run_parts
from benchmarks.on_gpu.table import table

STARTED = time.monotonic()

PARTS = [
    Part("device", "bandwidth and matrix products", 6, speed.device),
    Part("equality", "float32 equals one-at-a-time transformers", 34, engine_checks.equality),
    Part("bf16", "bfloat16 differs in near-ties only", 26, engine_checks.bf16),
    Part("engines", "packed, plain and continuous agree", 14, engine_checks.engines),
    Part("memory_freed", "a closed model leaves nothing", 14, loaded_checks.memory_freed),
    Part("out_of_memory", "a full card loses no answer", 14, engine_checks.out_of_memory),
    Part("quantized", "8 bits, 4 bits, adapters", 22, loaded_checks.quantized),
    Part("replicas", "two replicas on one card", 8, loaded_checks.replicas),
    Part("heads", "heads and encoders as on a CPU", 12, loaded_checks.heads),
    Part("suite", "pytest on a suite", 22, loaded_checks.suite),
    Part("speed", "prefill, decoding, workloads, peers", 126, speed.speed),
]
"""In this order. The last one gets what the others leave."""

RESERVE = 6.0
"""Seconds that are kept for the end."""


def main() -> int:
    """Run the parts; the exit status is 1 if one failed."""
    arguments = _arguments()
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TOKENIZERS_PARALLELISM"):
        os.environ.setdefault(name, "1")  # read when the libraries are imported
    arguments.out.mkdir(parents=True, exist_ok=True)
    bench = _bench(arguments)
    parts = [part for part in PARTS if part.name in arguments.only]
    seconds = arguments.seconds - RESERVE - (time.monotonic() - STARTED)
    run_parts(bench, parts, seconds, _again(arguments))
    bench.facts["seconds"] = round(time.monotonic() - STARTED, 1)
    bench.flush()
    shutil.rmtree(bench.scratch, ignore_errors=True)
    text = table(json.loads(bench.file.read_text(encoding="utf-8")))
    (arguments.out / "gpu.txt").write_text(text, encoding="utf-8")
    print(text)
    return int(any(result["state"] == "failed" for result in bench.results.values()))


def _bench(arguments: argparse.Namespace) -> Bench:
    import torch
    import transformers

    from benchmarks.on_gpu.making import tokenizer_from

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cuda = torch.cuda.is_available() and not arguments.rehearse
    if not cuda and not arguments.rehearse:
        raise SystemExit("no CUDA device: --rehearse runs tiny models on a CPU")
    if arguments.rehearse:
        torch.set_num_threads(1)  # several would wait for each other
    bench = Bench(
        tokenizer=tokenizer_from(arguments.tokenizer),
        device="cuda" if cuda else "cpu",
        rehearse=arguments.rehearse,
        eager=arguments.eager,
        scratch=_scratch(),
        file=arguments.out / "gpu.json",
        alarm=Alarm(),
    )
    if arguments.add and bench.file.exists():
        known = json.loads(bench.file.read_text(encoding="utf-8"))
        bench.facts, bench.results = known["facts"], known["parts"]
    gc.collect()
    gc.freeze()  # collections between the parts look at nothing that libraries keep
    bench.facts |= {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "memory_bytes": torch.cuda.mem_get_info()[1] if cuda else None,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "vocabulary": len(bench.tokenizer),
        "eager": arguments.eager,
        "argv": sys.argv[1:],
        "started_after": round(time.monotonic() - STARTED, 1),
    }
    return bench


def _scratch() -> Path:
    """An empty folder. bert-score takes a model for a T5 if its path has these letters."""
    folder = Path(tempfile.gettempdir()) / f"gpu-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _again(arguments: argparse.Namespace) -> list[str]:
    """The command of a process that goes on after this one."""
    command = [str(Path(__file__).resolve()), "--out", str(arguments.out)]
    if arguments.tokenizer:
        command += ["--tokenizer", str(arguments.tokenizer)]
    return command + [f"--{name}" for name in ("rehearse", "eager") if getattr(arguments, name)]


def _arguments() -> argparse.Namespace:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add: Any = parser.add_argument
    add("--out", type=Path, required=True, help="folder of gpu.json and gpu.txt")
    add("--seconds", type=float, default=280.0, help="for everything")
    add("--only", nargs="+", choices=names, default=names, metavar="PART", help=", ".join(names))
    add("--tokenizer", type=Path, help="a folder; default: one trained on the workloads")
    add("--eager", action="store_true", help="decode without CUDA graphs, to compare")
    add("--rehearse", action="store_true", help="tiny models on a CPU")
    add("--add", action="store_true", help="keep what gpu.json has of other parts")
    return parser.parse_args()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # threads of a library that was interrupted may be left
