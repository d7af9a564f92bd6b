"""Models that evalkit loads from a folder: quantised, adapted, replicated, with heads, closed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.on_gpu.comparing import compared, one_at_a_time, ordered, same, workloads
from benchmarks.on_gpu.making import llama
from benchmarks.on_gpu.run import Bench, Kept
from evalkit.exchange import Inputs, Request, Response

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 2**20


def saved(bench: Bench, shape: str = "cut", dtype: str = "bfloat16") -> Path:
    """The folder of a model, written once."""
    shape = "tiny" if bench.rehearse else shape
    folder = bench.scratch / f"{shape}-{dtype}"
    if not folder.exists():
        llama(shape, dtype, bench.tokenizer, bench.device).save_pretrained(folder)
        bench.tokenizer.save_pretrained(folder)
        bench.free()
    return folder


@contextmanager
def loaded(folder: Path, **options: Any) -> Iterator[Any]:
    """A model of evalkit, closed at the end."""
    from evalkit.models.registry import Declared, resolve

    declared = Declared("bench", "transformers", {"model": str(folder), **options}, root=folder)
    model = resolve(declared)
    try:
        yield model
    finally:
        model.close()


def ask(model: Any, requests: Sequence[Request]) -> list[Response]:
    """The responses of a loaded model. Raises RuntimeError if one has no answer."""
    found = ordered(model.respond(list(requests)), len(requests))
    errors = [r.error for r in found if not r.answered]
    if errors:
        raise RuntimeError(f"{len(errors)} of {len(found)} requests have no answer: {errors[0]}")
    return found


def some(bench: Bench, count: int) -> list[Request]:
    """Choices, texts and judgments."""
    made = workloads(bench.tokenizer, count, bench.few(16, 4))
    return [*made["a choices"], *made["b texts"], *made["c judgments"]]


def used(bench: Bench) -> int:
    """Bytes of tensors on the device, without what matrix products keep as their workspace."""
    import gc

    import torch

    gc.collect()
    if not bench.cuda:
        return 0
    torch.cuda.synchronize()
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    return int(torch.cuda.memory_allocated())


def memory_freed(bench: Bench) -> None:
    """After a model is closed, the device's memory is as before."""
    folder = saved(bench)
    requests = some(bench, bench.few(8, 2))
    kinds: dict[str, dict[str, Any]] = {
        "first": {"dtype": "float32"},
        "float32": {"dtype": "float32"},
        "bfloat16": {"dtype": "bfloat16"},
        "plain": {"dtype": "bfloat16", "engine": "plain"},
    }

    def load_and_close(options: dict[str, Any], first: bool) -> dict[str, Any]:
        before = used(bench)
        with loaded(folder, device=bench.device, **options) as model:
            ask(model, requests)
            during = used(bench)
        left = used(bench) - before
        # the first model of a process also leaves constants of libraries
        return {"held": during - before, "left": left, "ok": first or abs(left) <= MIB}

    for name, options in list(kinds.items())[: bench.few(4, 2)]:
        bench.step(name, lambda o=options, n=name: load_and_close(o, n == "first"))


def quantized(bench: Bench) -> None:
    """bitsandbytes in 8 and 4 bits, and adapters."""
    folder = saved(bench)
    requests = some(bench, bench.few(16, 2))
    sizes: dict[str, int] = {}

    def run(name: str, options: dict[str, Any]) -> dict[str, Any]:
        before = used(bench)
        with loaded(folder, device=bench.device, dtype=bench.half, **options) as model:
            model.load()
            sizes[name] = used(bench) - before
            found = ask(model, requests)
            facts = dict(model.describe())
        return {
            "bytes": sizes[name],
            "engine": facts.get("engine"),
            "quantization": facts.get("quantization"),
            "responses": Kept(found),
            "ok": not bench.cuda or not options or sizes[name] < 0.8 * sizes["base"],
        }

    base = bench.step("base", lambda: run("base", {}))
    for bits in (8, 4):
        name = f"{bits}-bit"
        found = bench.step(name, lambda b=bits: run(f"{b}-bit", {"quantization": {"bits": b}}))
        if found is not None and base is not None:
            answers = base["responses"].value, found["responses"].value
            bench.step(
                f"{name}, beside the base",
                lambda pair=answers: {**same(pair[1], pair[0], bench.half), "ok": True},
            )
    bench.step("adapter", lambda: _adapter(bench, folder, requests))


def _adapter(bench: Bench, folder: Path, requests: list[Request]) -> dict[str, Any]:
    """evalkit's answers with an adapter are PEFT's, and the base's are others."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    from evalkit.engine.local import prepare

    def base() -> Any:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(bench.device)

    adapter = bench.scratch / "lora"
    torch.manual_seed(3)
    settings = LoraConfig(
        r=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False
    )
    get_peft_model(base(), settings).save_pretrained(adapter)
    common = {"device": bench.device, "dtype": "float32"}
    with loaded(folder, **common) as model:
        plain = ask(model, requests)
    with loaded(folder, adapter=str(adapter), **common) as model:
        adapted = ask(model, requests)
    merged = PeftModel.from_pretrained(base(), adapter).merge_and_unload().eval()
    lm = prepare(merged, bench.tokenizer, engine="plain")
    found = compared(adapted, one_at_a_time(lm, requests), "float32", "PEFT, merged")
    changed = sum(
        a.text != b.text or a.logprobs != b.logprobs for a, b in zip(plain, adapted, strict=True)
    )
    return {**found, "changed": changed, "ok": found["ok"] and changed > 0}


def replicas(bench: Bench) -> None:
    """Two replicas on one card answer as one model does."""
    folder = saved(bench)
    requests = some(bench, bench.few(24, 3))
    # one card by its two names: a device may be named once
    devices = ["cuda", "cuda:0"] if bench.cuda else ["cpu:0", "cpu:1"]

    def compare() -> dict[str, Any]:
        with loaded(folder, device=bench.device, dtype="float32") as model:
            one = ask(model, requests)
        with loaded(folder, device=devices, dtype="float32") as model:
            both = ask(model, requests)
        return same(both, one, "one model")

    bench.step("two replicas", compare)


def heads(bench: Bench) -> None:
    """Task heads and encoders of metrics: the same values as on a CPU."""
    texts = [r.prompt[0].text for r in workloads(bench.tokenizer, 24, 4)["b texts"]]  # type: ignore[union-attr]
    texts = [text[:200] for text in texts]
    labels = (("positive", ("positive",)), ("negative", ("negative",)), ("neutral", ("neutral",)))
    classes = {0: "positive", 1: "negative", 2: "neutral"}
    asked = [Request("shown", inputs=Inputs("classification", (t,), labels)) for t in texts]
    bench.step(
        "sequence classification",
        lambda: _on_both(bench, _bert(bench, "BertForSequenceClassification", classes), asked),
    )
    one = labels[:2]
    paired = [Request("shown", inputs=Inputs("classification", (t,), one)) for t in texts]
    bench.step(
        "one logit, as a reward model has it",
        lambda: _on_both(bench, _reward(bench), paired),
    )
    encoder = _bert(bench, "BertModel", None)
    bench.step("bertscore", lambda: _bertscore(bench, encoder, texts))
    bench.step("embeddings", lambda: _embeddings(bench, encoder, texts))


def _bert(bench: Bench, architecture: str, labels: dict[int, str] | None) -> Path:
    import torch
    import transformers
    from tokenizers import processors

    folder = bench.scratch / architecture
    if folder.exists():
        return folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(saved(bench))
    begin, end = tokenizer.bos_token, tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=[(t, tokenizer.convert_tokens_to_ids(t)) for t in (begin, end)],
    )
    tokenizer.cls_token, tokenizer.sep_token = begin, end
    tokenizer.model_max_length = 512
    more = (
        {}
        if labels is None
        else {"id2label": labels, "label2id": dict(map(reversed, labels.items()))}
    )  # type: ignore[arg-type]
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )
    getattr(transformers, architecture)(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _reward(bench: Bench) -> Path:
    """A Llama with one logit."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from benchmarks.on_gpu.making import SHAPES

    folder = bench.scratch / "reward"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(bench.tokenizer),
        id2label={0: "positive"},
        label2id={"positive": 0},
        pad_token_id=bench.tokenizer.pad_token_id,
        initializer_range=0.2,
        **SHAPES["tiny"],
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    bench.tokenizer.save_pretrained(folder)
    return folder


def _on_both(bench: Bench, folder: Path, requests: list[Request]) -> dict[str, Any]:
    found = {}
    for device in (bench.device, "cpu"):
        with loaded(folder, device=device, dtype="float32") as model:
            found[device] = ask(model, requests)
    result = same(found[bench.device], found["cpu"], "cpu")
    return {**result, "ok": result["ok"] and result["max_logprob_difference"] < 1e-3}


def _bertscore(bench: Bench, folder: Path, texts: list[str]) -> dict[str, Any]:
    from evalkit.encoders.bertscore import BertScorer
    from evalkit.encoders.source import EncoderSource

    source = EncoderSource(str(folder), "tiny")
    pairs = texts, [*texts[1:], texts[0]]
    there, here = (BertScorer(source, 2, "float32", d).score(*pairs) for d in (bench.device, "cpu"))
    return _close(there, here)


def _embeddings(bench: Bench, folder: Path, texts: list[str]) -> dict[str, Any]:
    from evalkit.encoders.sentences import Embedder
    from evalkit.encoders.source import EncoderSource

    source = EncoderSource(str(folder), "tiny")
    there, here = (Embedder(source, device).embed(texts) for device in (bench.device, "cpu"))
    return _close(there, here)


def _close(there: Any, here: Any) -> dict[str, Any]:
    difference = float(abs(there - here).max())
    return {"ok": difference < 1e-3, "max_difference": difference, "shape": list(there.shape)}


def suite(bench: Bench) -> None:
    """pytest on a suite, with the device that it chooses itself, a report and a gate."""
    bench.step("pytest", lambda: _pytest(bench, saved(bench)))


def _pytest(bench: Bench, model: Path) -> dict[str, Any]:
    folder = bench.scratch / "suite"
    folder.mkdir()
    requests = workloads(bench.tokenizer, bench.few(60, 6), 4)["a choices"]
    labels = list(requests[0].choices)
    rows = [
        {"id": str(k), "text": request.prompt, "label": labels[k % len(labels)]}
        for k, request in enumerate(requests)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8")
    # files of JSON are YAML too
    declared = {"models": {"bench": {"backend": "transformers", "model": str(model)}}}
    (folder / "evalkit.yaml").write_text(json.dumps(declared), encoding="utf-8")
    declared = {
        "task": "classification",
        "data": {"file": "rows.jsonl", "target": "label", "id": "id"},
        "labels": labels,
        "prompts": {"raw": {"text": "{{ text }}"}},
        "answer": "choice",
        "metrics": ["accuracy"],
        "gates": ["accuracy >= 0"],
    }
    (folder / "choices.eval.yaml").write_text(json.dumps(declared), encoding="utf-8")
    done = _python(
        bench,
        folder,
        ["pytest", "-q", "-p", "evalkit.pytest_plugin", "-p", "no:cacheprovider",
         "choices.eval.yaml", "--rootdir", ".", "--eval-model", "bench", "--eval-store", "store",
         "--eval-report", "report.html"],
    )  # fmt: skip
    report = folder / "report.html"
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    output = (done.stdout + done.stderr).strip().splitlines()
    return {
        "ok": done.returncode == 0 and bench.device in text and "accuracy" in text,
        "exit_status": done.returncode,
        "report_bytes": len(text),
        "names_the_device": bench.device in text,
        "output": output[-12:],
    }


def _python(bench: Bench, folder: Path, command: list[str]) -> Any:
    """``python -m`` this command in a process of its own."""
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=max(5.0, bench.left),
    )
