"""evalkit's engine against other harnesses, on the same model, prompts, precision and threads.

    python benchmarks/peers.py --dtype bfloat16
    python benchmarks/peers.py --only a --limit 20 --rounds 1 --peers lm-eval

Measures lm-evaluation-harness (``hf``), inspect_ai (``hf``) and deepeval (a local model in its
base class, one prompt at a time), each where it is installed, on the workloads a, b and c; and
evalkit and lm-eval on (a) as whole processes too. evalkit needs none of them: install them next
to it, without letting them choose another PyTorch.

The systems take turns, after their models are loaded. A peer with a batch size is measured at all
of ``--batch`` in the first round and at its fastest in the others. What is printed are medians
over a system's rounds, their ratios to evalkit's, and how many answers agree with evalkit's.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import plain_transformers
from benchmarks.engine import smollm2
from benchmarks.workloads import LABELS, WORKLOADS
from evalkit.exchange import Request

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "INSPECT_LOG_LEVEL": "error",
    "LMEVAL_LOG_LEVEL": "ERROR",
}
"""Read by the peers, and what they use, when they are imported."""

Answers = list[str]
EVALKIT = "evalkit"
PACKAGES = {"lm-eval": "lm_eval", "inspect": "inspect_ai", "deepeval": "deepeval"}
RATING_TOKENS = 4
"""Tokens that are generated to read a rating from them."""


@dataclass
class System:
    """Something measured.

    name: one line of the table. setting: what of it is tried out ("batch 16"); of several
    systems with one name only the fastest stays. ask: gives the answers, or a function that
    reads them from where they were written (not timed).
    """

    name: str
    setting: str
    ask: Callable[[list[Request]], Answers | Callable[[], Answers]]
    seconds: list[float] = field(default_factory=list)
    answers: Answers = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.name, self.setting]))

    @property
    def median(self) -> float:
        """Seconds; infinite before the first measurement."""
        return statistics.median(self.seconds or [float("inf")])

    def measure(self, requests: list[Request]) -> None:
        """Ask once more."""
        started = time.perf_counter()
        found = self.ask(requests)
        self.seconds.append(time.perf_counter() - started)
        self.answers = found() if callable(found) else found
        if len(self.answers) != len(requests):
            raise ValueError(f"{len(self.answers)} answers to {len(requests)} requests")


def main() -> None:
    """Measure, print, and write the numbers down when asked to."""
    arguments = _arguments()
    os.environ.update(OFFLINE)
    import torch
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    lm = smollm2(arguments.dtype)
    # the peers' own weights: evalkit prepacks its own for small batches
    weights = copy.deepcopy(lm.model)
    # loading lm-eval and inspect_ai sets up logging of their own
    logging.disable(logging.WARNING)
    print(
        f"SmolLM2-135M on {lm.device}, {arguments.dtype}, {torch.get_num_threads()} threads, "
        + ", ".join(_versions(["torch", "transformers", *map(PACKAGES.get, arguments.peers)])),
        flush=True,
    )
    results: dict[str, Any] = {}
    for workload in arguments.only:
        title, make = WORKLOADS[workload]
        requests = make()[: arguments.limit]
        systems = list(_systems(lm, weights, workload, arguments))
        results[workload] = _compare(f"({workload}) {title}", systems, requests, arguments)
    if arguments.processes and "a" in arguments.only:
        requests = WORKLOADS["a"][1]()[: arguments.limit]
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            systems = list(_processes(lm, requests, Path(folder), arguments))
            title = "(a) as whole processes, from start to exit"
            results["a, processes"] = _compare(title, systems, requests, arguments)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


def _compare(
    title: str, systems: list[System], requests: list[Request], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Run the systems in turns, print a table, and return its numbers."""
    print(f"\n{title}: {len(requests)} samples", flush=True)
    for turn in range(arguments.rounds):
        start = turn % max(len(systems), 1)
        for system in systems[start:] + systems[:start]:
            if turn and system.name.partition(",")[0] in arguments.once:
                continue
            try:
                system.measure(requests)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a peer may even exit: the others go on
                _failed(str(system), error, arguments)
                systems = [s for s in systems if s is not system]
                continue
            _note(f"round {turn + 1}: {system}: {system.seconds[-1]:.2f} s")
        if turn == 0:
            systems = _fastest(systems)
    _table(systems, len(requests))
    return {
        system.name: {
            "setting": system.setting,
            "seconds": system.seconds,
            "agree": _agreement(system, systems),
        }
        for system in systems
    }


def _fastest(systems: list[System]) -> list[System]:
    """One system of each name."""
    best: dict[str, System] = {}
    for system in systems:
        best[system.name] = min(best.get(system.name, system), system, key=lambda s: s.median)
    return list(best.values())


def _table(systems: list[System], count: int) -> None:
    ours = next((s for s in systems if s.name == EVALKIT), None)
    print(f"  {'':27s} {'setting':9s} {'median':>9s}   {'range':>17s}  {'ratio':>6s}  agree")
    for system in systems:
        span = f"{min(system.seconds):.2f} to {max(system.seconds):.2f}"
        ratio = f"×{system.median / ours.median:5.2f}" if ours else ""
        agree = f"{_agreement(system, systems)}/{count}" if ours else ""
        print(
            f"  {system.name:27s} {system.setting:9s} {system.median:7.2f} s   {span:>17s}  "
            f"{ratio:>6s}  {agree}",
            flush=True,
        )


def _agreement(system: System, systems: list[System]) -> int | None:
    """Answers that are the same as evalkit's, white space at the ends aside."""
    ours = next((s for s in systems if s.name == EVALKIT), None)
    if ours is None:
        return None
    pairs = zip(system.answers, ours.answers, strict=True)
    return sum(a.strip() == b.strip() for a, b in pairs)


def _systems(
    lm: Any, weights: Any, workload: str, arguments: argparse.Namespace
) -> Iterator[System]:
    """What is measured in this process. A peer that cannot be set up is told and left out."""
    yield System(EVALKIT, "", partial(_evalkit, lm))
    makers = {
        "transformers": _transformers,
        "lm-eval": _lm_eval,
        "inspect": _inspect,
        "deepeval": _deepeval,
    }
    for peer in arguments.peers:
        try:
            # a tokenizer of its own: the peers change how it pads
            own = replace(lm, model=weights, tokenizer=copy.deepcopy(lm.tokenizer))
            yield from list(makers[peer](own, workload, arguments))
        except Exception as error:
            _failed(peer, error, arguments)


def _evalkit(lm: Any, requests: list[Request]) -> Answers:
    from evalkit.engine.local import respond

    found = {i: r.text for batch in respond(lm, requests) for i, r in batch}
    return [found[i] for i in range(len(requests))]


def _transformers(lm: Any, workload: str, arguments: argparse.Namespace) -> Iterator[System]:
    """Batches sorted by length, as one writes them by hand."""
    ask = plain_transformers.rate if workload == "c" else plain_transformers.answer
    for batch in arguments.batch:
        work = partial(_by_hand, ask, lm, batch)
        yield System("transformers", f"batch {batch}", work)


def _by_hand(ask: Any, lm: Any, batch: int, requests: list[Request]) -> Answers:
    return list(ask(lm.model, lm.tokenizer, requests, batch))


def _lm_eval(lm: Any, workload: str, arguments: argparse.Namespace) -> Iterator[System]:
    """``HFLM`` around the loaded model: log-likelihoods of choices, or ``generate_until``.

    ``batch_size="auto"`` tries batches of the model's whole context, which takes longer than
    the workloads on a CPU; hence the sizes.
    """
    from lm_eval.models.huggingface import HFLM

    for batch in arguments.batch:
        peer = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, batch_size=batch)
        setting = f"batch {batch}"
        if workload in "ac":
            name = "lm-eval" if workload == "a" else "lm-eval, log-likelihoods"
            yield System(name, setting, partial(lm_eval_choices, peer))
        if workload in "bc":
            name = "lm-eval" if workload == "b" else "lm-eval, generating"
            yield System(name, setting, partial(_lm_eval_texts, peer))


def lm_eval_choices(peer: Any, requests: list[Request]) -> Answers:
    from lm_eval.api.instance import Instance

    texts = [prompt_text(peer.tokenizer, request) for request in requests]
    instances = [
        Instance("loglikelihood", {}, (text, _joined(request, choice)), k)
        for text, request in zip(texts, requests, strict=True)
        for k, choice in enumerate(request.choices)
    ]
    scores = iter(score for score, _ in peer.loglikelihood(instances, disable_tqdm=True))
    found = []
    for request in requests:
        of = {choice: next(scores) for choice in request.choices}
        found.append(max(of, key=of.__getitem__))
    return found


def _lm_eval_texts(peer: Any, requests: list[Request]) -> Answers:
    from lm_eval.api.instance import Instance

    options = {"until": [], "do_sample": False, "max_gen_toks": _tokens(peer.tokenizer, requests)}
    instances = [
        Instance("generate_until", {}, (prompt_text(peer.tokenizer, request), options), 0)
        for request in requests
    ]
    texts = peer.generate_until(instances, disable_tqdm=True)
    return [_read(request, text) for request, text in zip(requests, texts, strict=True)]


def _inspect(lm: Any, workload: str, arguments: argparse.Namespace) -> Iterator[System]:
    """Its ``hf`` provider through ``eval``. It has no log-likelihoods, so choices are written.

    It loads a copy of the model from the same folder, in the same precision. A raw prompt goes
    through a chat template that adds nothing.
    """
    import torch
    from inspect_ai.model import get_model

    model = get_model(
        "hf/smollm2",
        memoize=False,
        model_path=_folder(),
        device=str(lm.device),
        dtype=getattr(torch, arguments.dtype),
        do_sample=False,
        **({"chat_template": "{{ messages[0]['content'] }}"} if workload == "a" else {}),
    )
    for batch in arguments.batch:
        yield System("inspect_ai", f"batch {batch}", partial(_inspect_eval, model, batch))


def _inspect_eval(model: Any, batch: int, requests: list[Request]) -> Callable[[], Answers]:
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.solver import generate

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    samples = [
        Sample(id=k, input=[kinds[role](content=text) for role, text in _turns(request)])
        for k, request in enumerate(requests, 1)
    ]
    tokens = _tokens(model.api.tokenizer, requests)
    folder = tempfile.TemporaryDirectory(prefix="peers-")
    (log,) = eval(
        Task(
            MemoryDataset(samples),
            solver=generate(),
            config=GenerateConfig(max_tokens=tokens, max_connections=batch),
        ),
        model,
        log_dir=folder.name,
        display="none",
        max_samples=len(requests),  # all wait in the queue, so that every batch is full
        score=False,
        acp_server=False,
        ctl_server=False,
    )

    def read() -> Answers:
        with folder:
            if log.status != "success":
                raise RuntimeError(log.error.message if log.error else log.status)
            # samples are read from the log's file
            completions = {sample.id: sample.output.completion for sample in log.samples}
        return [_read(request, completions[k]) for k, request in enumerate(requests, 1)]

    return read


def _deepeval(lm: Any, workload: str, arguments: argparse.Namespace) -> Iterator[System]:
    """A local model in its base class, as its documentation wraps one: prompt by prompt."""
    import torch
    from deepeval.models import DeepEvalBaseLLM

    class Local(DeepEvalBaseLLM):
        tokens = 0

        def load_model(self) -> Any:
            return lm.model

        def generate(self, prompt: str) -> str:
            inputs = lm.tokenizer(prompt, return_tensors="pt").to(lm.device)
            with torch.inference_mode():
                out = self.model.generate(**inputs, do_sample=False, max_new_tokens=self.tokens)
            new = out[0, inputs["input_ids"].shape[1] :]
            return str(lm.tokenizer.decode(new, skip_special_tokens=True))

        async def a_generate(self, prompt: str) -> str:
            return self.generate(prompt)

        def get_model_name(self) -> str:
            return "SmolLM2"

    local = Local("SmolLM2")

    def ask(requests: list[Request]) -> Answers:
        local.tokens = _tokens(lm.tokenizer, requests)
        return [_read(r, local.generate(prompt_text(lm.tokenizer, r))) for r in requests]

    yield System("deepeval", "", ask)


def _processes(
    lm: Any, requests: list[Request], folder: Path, arguments: argparse.Namespace
) -> Iterator[System]:
    """(a) as users run it: ``pytest`` on a suite, and ``lm-eval run`` on a task of its own."""
    rows = [
        {"id": str(k), "prompt": request.prompt, "label": LABELS[k % len(LABELS)]}
        for k, request in enumerate(requests)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8")
    yield _pytest(folder, arguments.dtype)
    if "lm-eval" in arguments.peers:
        for batch in arguments.batch:
            yield _harness(folder, batch, str(lm.device), arguments.dtype)


def _pytest(folder: Path, dtype: str) -> System:
    """evalkit, reports and gates included. Files of JSON are YAML too."""
    model = {"backend": "transformers", "model": _folder(), "dtype": dtype}
    (folder / "evalkit.yaml").write_text(json.dumps({"models": {"bench": model}}))
    suite = {
        "task": "classification",
        "data": {"file": "rows.jsonl", "target": "label", "id": "id"},
        "labels": LABELS,
        "prompts": {"raw": {"text": "{{ prompt }}"}},
        "answer": "choice",
        "metrics": ["accuracy"],
        "gates": ["accuracy >= 0"],
    }
    (folder / "choices.eval.yaml").write_text(json.dumps(suite))

    def ask(requests: list[Request]) -> Callable[[], Answers]:
        store = tempfile.mkdtemp(dir=folder)
        # other plugins, those of the peers among them, would slow pytest's start
        _run(folder, ["pytest", "-q", "-p", "evalkit.pytest_plugin", "-p", "no:cacheprovider",
                      "choices.eval.yaml", "--rootdir", ".", "--eval-model", "bench",
                      "--eval-store", store, "--eval-report", "report.html"])  # fmt: skip
        return partial(_exported, folder, store)

    return System(EVALKIT, "pytest", ask)


def _exported(folder: Path, store: str) -> Answers:
    _run(folder, ["evalkit.cli", "export", "--store", store, "-o", "samples.json"])
    rows = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    found = {row["id"]: str(row["prediction"]) for row in rows}
    return [found[str(k)] for k in range(len(found))]


def _harness(folder: Path, batch: int, device: str, dtype: str) -> System:
    """lm-eval on the same file, its samples written down as evalkit's are."""
    task = {
        "task": "peers_choices",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "rows.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{ prompt }}",
        "doc_to_choice": list(LABELS),
        "doc_to_target": "label",
        "target_delimiter": " ",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / "peers_choices.yaml").write_text(json.dumps(task))

    def ask(requests: list[Request]) -> Callable[[], Answers]:
        out = Path(tempfile.mkdtemp(dir=folder))
        _run(folder, ["lm_eval", "run", "--model", "hf", "--tasks", "peers_choices",
                      "--model_args", f"pretrained={_folder()},dtype={dtype}",
                      "--include_path", "tasks", "--device", device, "--batch_size", str(batch),
                      "--output_path", str(out), "--log_samples"])  # fmt: skip
        return partial(_logged, out)

    return System("lm-eval", f"batch {batch}", ask)


def _logged(out: Path) -> Answers:
    (file,) = out.rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    found = {}
    for row in rows:
        scores = [float(response[0]) for response in row["filtered_resps"]]
        found[row["doc_id"]] = LABELS[scores.index(max(scores))]
    return [found[k] for k in range(len(found))]


def _run(folder: Path, command: list[str]) -> None:
    """``python -m`` this command in a process of its own."""
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "HF_DATASETS_CACHE": str(folder / "datasets"),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=env, capture_output=True, text=True
    )
    if done.returncode:
        tail = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n" + "\n".join(tail))


def _folder() -> str:
    """The checkpoint of SmolLM2, as evalkit converted it."""
    from evalkit.models.default import source

    return source(ROOT).path


def _turns(request: Request) -> list[tuple[str, str]]:
    if isinstance(request.prompt, str):
        return [("user", request.prompt)]
    return [(message.role, message.text) for message in request.prompt]


def prompt_text(tokenizer: Any, request: Request) -> str:
    """What evalkit sends too: the raw prompt, or the chat after the model's template."""
    if isinstance(request.prompt, str):
        return request.prompt
    turns = [{"role": role, "content": content} for role, content in _turns(request)]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _joined(request: Request, choice: str) -> str:
    return f" {choice}" if isinstance(request.prompt, str) else choice


def _tokens(tokenizer: Any, requests: list[Request]) -> int:
    """How much a peer that only generates has to write: no more than is read."""
    first = requests[0]
    if not first.choices:
        return first.generation.max_new_tokens
    if first.choices[0].isdigit():
        return RATING_TOKENS
    texts = [_joined(first, choice) for choice in first.choices]
    return max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)


def _read(request: Request, text: str) -> str:
    """The answer in a generated text: the first rating, the label it begins with, or all of it."""
    if not request.choices:
        return text
    if request.choices[0].isdigit():
        return next((c for c in text if c in request.choices), "")
    begin = text.strip().casefold()
    return next((c for c in request.choices if begin.startswith(c.casefold())), "")


def _failed(what: str, error: BaseException, arguments: argparse.Namespace) -> None:
    if arguments.traceback:
        traceback.print_exception(error)
    print(f"  {what}: left out, {type(error).__name__}: {error}", flush=True)


def _note(text: str) -> None:
    print(f"    {text}", file=sys.stderr, flush=True)


def _versions(packages: list[str | None]) -> list[str]:
    found = []
    for name in filter(None, packages):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


def _arguments() -> argparse.Namespace:
    peers = ["transformers", *PACKAGES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    add("--peers", nargs="+", choices=peers, default=peers)
    add("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    add("--rounds", type=int, default=3)
    add("--limit", type=int, default=None, help="samples per workload")
    add("--batch", type=int, nargs="+", default=[16, 32], help="batch sizes to try in round one")
    add("--once", nargs="+", choices=["transformers", "lm-eval", "inspect_ai", "deepeval"],
        default=[], help="measured in the first round only")  # fmt: skip
    add("--threads", type=int, default=None)
    add("--processes", action=argparse.BooleanOptionalAction, default=True,
        help="(a) also as whole processes")  # fmt: skip
    add("--json", metavar="FILE", help="write every measurement down")
    add("--traceback", action="store_true", help="show where a peer failed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
