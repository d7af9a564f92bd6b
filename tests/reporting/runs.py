"""Runs made by hand for the tests of reports: small ones, hostile ones, large ones."""

from __future__ import annotations

import math
import random
from typing import Any

from evalkit.provenance import Checkout, Hardware, Provenance
from evalkit.records import (
    CellRecord,
    CheckRecord,
    GateRecord,
    ModelRecord,
    RunRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.records.analyses import (
    ClassificationReport,
    ConfusionMatrix,
    LabelRow,
    ReliabilityBin,
    ReliabilityDiagram,
)
from evalkit.store.serialization import to_suite

from ..samples import sample_record

LABELS = ["positive", "negative", "neutral"]
FEW_SHOT = "Review: A joy from start to end.\nSentiment: positive\n\n" * 3
WORDS = (  # noqa: SIM905
    "the film was slow but its last act found a quiet grace that none of us saw coming while "
    "every joke landed flat and the score drowned what little dialogue there had been to hear"
).split()
HOSTILE = {
    "script": "</script><script>window.pwned = 1</script>",
    "comment": "<!--<script> ]]> --> {{ 7 * 7 }} {% raw %}",
    "image": '<img src=x onerror="window.pwned = 1"><svg onload="window.pwned = 1">',
    "link": '<a href="javascript:window.pwned=1">click</a> "\' onmouseover=window.pwned=1 x=',
    "right-to-left": "left \u202eright to left\u202c left \u2067isolate\u2069 \u200f mark",
    "long": " ".join(WORDS[i % len(WORDS)] for i in range(10_000)),
    "unbroken": "x" * 5_000,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 é ﷽ Z͑ͫ̓ͪ̂ͫ̽a͓̞l̄go",
    "nul": "before\x00after\x07\x1b[31mred",
    "surrogate": "half \ud83d alone \udc00 halves",
}


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion."""
    z, p = 1.959964, right / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def proportion(name: str, right: int, n: int) -> ScoreRecord:
    low, high = wilson(right, n)
    return ScoreRecord(name, right / n, low, high, n, interval="wilson")


def gate(score: ScoreRecord, op: str, threshold: float, confidence: float | None = None) -> Any:
    """A gate judged by evalkit's rules: with a confidence, the lower bound decides."""
    assert score.value is not None
    assert score.low is not None
    assert score.high is not None
    sign = 1 if op == ">=" else -1
    met = sign * (score.value - threshold) >= 0
    bound = score.low if sign > 0 else score.high
    sure = confidence is None or sign * (bound - threshold) >= 0
    verdict = "fail" if not met else "pass" if sure else "inconclusive"
    reason = f"{score.name} is {score.value:.3f}, {'' if met else 'not '}{op} {threshold:g}"
    rule = f"{score.name} {op} {threshold:.2f}"
    margin = sign * (score.value - threshold)
    return GateRecord(
        rule, verdict, score.name, op, threshold, score.value, score.low, score.high, margin,
        score.n, confidence, reason,
    )  # fmt: skip


def sentence(rng: random.Random, words: int = 30) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


def classification_cell(
    suite: str, model: str, prompt: str, n: int, skill: float, seed: int
) -> CellRecord:
    """A cell of three-way classification by log-likelihood, right with probability ``skill``."""
    rng, rows = random.Random(seed), random.Random(1)
    samples, counts = [], [[0] * 3 for _ in LABELS]
    for i in range(n):
        text, gold = sentence(rows), rows.randrange(3)
        guess = gold if rng.random() < skill else rng.randrange(3)
        counts[gold][guess] += 1
        weights = [rng.random() + (2 if k == guess else 0) for k in range(3)]
        probabilities = {label: w / sum(weights) for label, w in zip(LABELS, weights, strict=True)}
        question = f"{FEW_SHOT if prompt == 'few-shot' else ''}Review: {text}\nSentiment:"
        system = "You label film reviews."
        samples.append(
            sample_record(
                id=f"film-{i:04d}", index=i,
                fields={"text": text, "label": LABELS[gold], "year": 1950 + i % 70},
                targets=[LABELS[gold]],
                prompt=[{"role": "system", "content": system},
                        {"role": "user", "content": question}],
                sent=f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{question}"
                     "<|im_end|>\n<|im_start|>assistant\n",
                output=LABELS[guess], prediction=LABELS[guess],
                how="the most likely of the labels", status="ok", correct=guess == gold,
                scores={"accuracy": float(guess == gold)}, probabilities=probabilities,
                seconds=0.011 + rng.random() / 100, prompt_tokens=60, completion_tokens=1,
                cached=i % 5 == 0,
            )
        )  # fmt: skip
    right = sum(counts[k][k] for k in range(3))
    recalls = [
        proportion(f"recall[{x}]", counts[k][k], sum(counts[k])) for k, x in enumerate(LABELS)
    ]
    accuracy = proportion("accuracy", right, n)
    f1 = ScoreRecord("macro_f1", right / n - 0.01, right / n - 0.07, right / n + 0.06, n,
                     interval="bootstrap")  # fmt: skip
    loss = ScoreRecord("log_loss", 0.93, 0.88, 1.01, n, interval="bootstrap", better="lower",
                       range_high=math.inf)  # fmt: skip
    report = [
        LabelRow(x, precision=0.5 + k / 10, recall=recalls[k].value, f1=0.55, support=recalls[k].n)
        for k, x in enumerate(LABELS)
    ]  # fmt: skip
    gates = [gate(accuracy, ">=", 0.60), gate(recalls[1], ">=", 0.80), gate(f1, ">=", 0.55, 0.95)]
    return CellRecord(
        suite, model, prompt, "classification", n, n, {"ok": n},
        {s.name: s for s in (accuracy, f1, loss, *recalls)}, gates,
        [ConfusionMatrix(tuple(LABELS), tuple(map(tuple, counts))),
         ClassificationReport(tuple(report)), reliability()],
        samples, seconds=12.5, cached=n // 5, prompt_tokens=60 * n, completion_tokens=n,
    )  # fmt: skip


def reliability() -> ReliabilityDiagram:
    """Three bins, one of them of a single sample."""
    rows = [(0.4, 0.5, 1, 0.45, 1.0), (0.7, 0.8, 10, 0.74, 0.6), (0.9, 1.0, 89, 0.97, 0.8)]
    bins = tuple(
        ReliabilityBin(low, high, n, confidence, accuracy, *wilson(round(accuracy * n), n))
        for low, high, n, confidence, accuracy in rows
    )
    return ReliabilityDiagram(
        n=100, confidence=0.94, accuracy=0.78, calibration_error=0.17, largest_gap=0.55, bins=bins
    )


def qa_cell(suite: str, model: str, prompt: str, n: int, skill: float, seed: int) -> CellRecord:
    """Short answers in free text, with every status, groups, checks and hostile outputs."""
    rng, rows = random.Random(seed), random.Random(2)
    losses = {3: "unparsed", 7: "truncated", 11: "overflow", 12: "error"}
    hostile = dict(enumerate(HOSTILE.items(), start=20))
    samples = []
    for i in range(n):
        number = rows.randrange(100)
        question, gold = f"What is {number} plus {i}, and {sentence(rows, 8)}?", str(number + i)
        right, status = rng.random() < skill, losses.get(i, "ok")
        kind, output = hostile.get(
            i, ("", f"The answer is {gold if right else rng.randrange(200)}.")
        )
        answered = status in ("ok", "truncated") and not kind
        prediction = output.split()[-1].rstrip(".") if answered else None
        answered_all = status not in ("overflow", "error")
        failed = len(output.split()) > 50
        samples.append(
            sample_record(
                id=f"q-{i}-{kind}" if kind else f"q-{i}", index=i,
                fields={"question": question, "answer": gold, "topic": ("art", "sums")[i % 2],
                        "extra": None if i % 3 else {"hints": ["a", 1.5], "html": "<b>"}},
                targets=[gold, f"{gold}.0"],
                prompt=f"Q: {question}\nA:", sent=f"Q: {question}\nA:",
                output=output if answered_all else "", prediction=prediction,
                how="the last word" if answered else "", status="unparsed" if kind else status,
                error={"overflow": "2,113 tokens do not fit the context of 2,048",
                       "error": "ConnectionError: <refused>"}.get(status, ""),
                correct=prediction == gold if answered_all else None,
                scores={"exact_match": float(prediction == gold), "token_f1": rng.random()}
                if answered_all else {},
                checks=[CheckRecord("max_words: 50", not failed,
                                    f"{len(output.split())} words" if failed else "")]
                if answered_all else [],
                seconds=0.2 + rng.random(), prompt_tokens=25,
                completion_tokens=len(output) // 4, finish="length" if i == 7 else "stop",
                details={"batch": i // 8},
            )
        )  # fmt: skip
    scored = [s for s in samples if s.correct is not None]
    match = proportion("exact_match", sum(s.correct is True for s in scored), len(scored))
    groups = [
        proportion(
            f"exact_match[topic={topic}]",
            sum(s.correct is True for s in scored if s.fields["topic"] == topic),
            sum(s.fields["topic"] == topic for s in scored),
        )
        for topic in ("art", "sums")
    ]
    f1 = ScoreRecord("token_f1", 0.61, 0.55, 0.67, len(scored), interval="bootstrap")
    statuses: dict[str, int] = {}
    for sample in samples:
        statuses[sample.status] = statuses.get(sample.status, 0) + 1
    return CellRecord(
        suite, model, prompt, "qa", n, len(scored), statuses,
        {s.name: s for s in (match, f1, *groups)},
        [gate(match, ">=", 0.50), gate(f1, ">=", 0.60, 0.95)], [], samples, seconds=44.0,
        prompt_tokens=25 * n, completion_tokens=900,
    )  # fmt: skip


def failed_cell(suite: str, model: str, prompt: str, n: int) -> CellRecord:
    """A cell whose model could not be loaded."""
    why = "the model could not be loaded: no file weights.safetensors in ./my-lora"
    gates = [
        GateRecord(rule, "error", rule.split()[0], ">=", 0.5, None, None, None, None, 0, None, why)
        for rule in ("exact_match >= 0.50", "token_f1 >= 0.60")
    ]
    return CellRecord(suite, model, prompt, "qa", n, 0, {}, {}, gates, [], [], error=why)


def translation_cell(suite: str, model: str, prompt: str, n: int) -> CellRecord:
    """A cell without gates whose scores are not between 0 and 1, one of them undefined."""
    samples = [
        sample_record(f"t{i}", i, {"source": f"Een zin {i}", "reference": f"A sentence {i}"},
                     [f"A sentence {i}"], f"Translate: Een zin {i}", f"<s>Translate: Een zin {i}",
                     f"One sentence {i}", f"One sentence {i}", "the whole text", "ok",
                     scores={"bleu": 30.0 + i, "ter": math.nan})
        for i in range(n)
    ]  # fmt: skip
    bleu = ScoreRecord("bleu", 31.4, 28.2, 35.0, n, interval="bootstrap", range_high=100)
    ter = ScoreRecord("ter", math.nan, math.nan, math.nan, n, better="lower", range_high=math.inf,
                      note="undefined: <empty> reference")  # fmt: skip
    return CellRecord(suite, model, prompt, "translation", n, n, {"ok": n},
                      {"bleu": bleu, "ter": ter}, [], [], samples)  # fmt: skip


def suite_record(name: str, task: str, prompts: dict[str, str], **more: Any) -> SuiteRecord:
    given: dict[str, Any] = {
        "path": f"suites/{name}.eval.yaml", "description": f"What {name} asks, & <why>.",
        "generation": {"max_new_tokens": 8}, "answer": "choice", "licence": "CC0-1.0, for evalkit",
        "suite_hash": "5f1d" * 16,
        "data_hash": "a90c" * 16, "total": 150, "limit": None, "tags": ["smoke"], "labels": [],
        "metrics": [], "gates": [],
    }  # fmt: skip
    return to_suite({"name": name, "task": task, "prompts": prompts, **given, **more})


def model_record(name: str, **more: Any) -> ModelRecord:
    return ModelRecord(
        name, "transformers", {"backend": "transformers", "model": f"org/{name}", "dtype": "auto"},
        {"weights": {"file": {"sha256": "0d" * 32}}, "dtype": "bfloat16", "adapter": None},
        {"device": "cpu", "dtype": "bfloat16", "context": 2048}, load_seconds=1.9, **more,
    )  # fmt: skip


def empty_run(**more: Any) -> RunRecord:
    provenance = Provenance(
        evalkit="0.1.0", python="3.11.9", libraries={"torch": "2.13.0", "numpy": "2.4.6"},
        git=Checkout("f00dfeed" * 5, changed=True), hardware=Hardware("x86_64", "", 2),
        command="pytest suites --eval-report report.html",
    )  # fmt: skip
    return RunRecord("20261121-220000-ab12", "2026-11-21T22:00:00Z", "2026-11-21T22:03:20Z",
                     "finished", provenance, **more)  # fmt: skip


def full_run(n: int = 150) -> RunRecord:
    """Three suites, three models, several prompts: every verdict, status and kind of score."""
    film = {"plain": "What is the sentiment?\n\n{{ text }}",
            "few-shot": "user: Review: {{ text }}\nSentiment:"}  # fmt: skip
    suites = {
        "film-sentiment": suite_record(
            "film-sentiment", "classification", film, labels=LABELS, total=2000, limit=n,
            metrics=["accuracy", "macro_f1"],
        ),
        "short-qa": suite_record("short-qa", "qa", {"direct": "Q: {{ question }}\nA:"},
                                 metrics=["exact_match"], groups=["topic"]),
        "translation": suite_record("translation", "translation",
                                    {"plain": "Translate: {{ source }}"}, metrics=["bleu"],
                                    description=""),
    }  # fmt: skip
    cells = [
        classification_cell("film-sentiment", "smollm2", "plain", n, 0.35, 11),
        classification_cell("film-sentiment", "smollm2", "few-shot", n, 0.75, 12),
        classification_cell("film-sentiment", "smollm2-4bit", "plain", n, 0.30, 13),
        classification_cell("film-sentiment", "smollm2-4bit", "few-shot", n, 0.44, 14),
        qa_cell("short-qa", "smollm2", "direct", max(n, 40), 0.6, 15),
        failed_cell("short-qa", "tuned", "direct", max(n, 40)),
        translation_cell("translation", "smollm2", "plain", 12),
    ]
    models = {name: model_record(name) for name in ("smollm2", "smollm2-4bit")}
    models["tuned"] = model_record("tuned", error="no file weights.safetensors in ./my-lora")
    return empty_run(suites=suites, models=models, cells=cells)


def large_run(n: int, cells: int) -> RunRecord:
    """One classification suite of ``n`` samples and ``cells`` cells."""
    suite = suite_record("large", "classification", {"plain": "{{ text }}"}, labels=LABELS, total=n,
                         metrics=["accuracy"])  # fmt: skip
    names = [f"model-{k}" for k in range(cells)]
    return empty_run(
        suites={"large": suite}, models={name: model_record(name) for name in names},
        cells=[classification_cell("large", name, "plain", n, 0.4 + k / 10, 30 + k)
               for k, name in enumerate(names)],
    )  # fmt: skip
