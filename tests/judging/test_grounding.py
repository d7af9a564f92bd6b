"""Claims of answers against passages: verdicts, shares, gates, and what they are recorded with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, SpecError, UsageError, evaluate
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Capabilities
from evalkit.records.judgments import ByClaim, Judgment, Listing, Reply, from_json, to_json

FERRY = {"id": "ferry", "text": "The boat is red. It sails twice a day."}
DESK = {"id": "desk", "text": "The desk opens at nine. The clerk is Ann."}
ROWS = [
    {"id": "all", "q": "What colour?", "passages": [FERRY, DESK],
     "says": "The boat is red. The clerk is Ann."},
    {"id": "half", "q": "When?", "passages": [FERRY, DESK],
     "says": "The boat is red. The boat is not red. The moon is full. The clerk is Ann."},
    {"id": "none", "q": "Who?", "passages": [FERRY], "says": "I do not know."},
    {"id": "nothing", "q": "Where?", "passages": [], "says": "The boat is red."},
]  # fmt: skip


class Nli:
    """A head with known behaviour: words of the claim in the passage, and ``not``, decide."""

    name = "nli"
    capabilities = Capabilities(chat=False, text=False, reading=False, entailment=True)

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def fingerprint(self) -> dict[str, Any]:
        return {"model": "planted"}

    def load(self) -> None: ...

    def close(self) -> None: ...

    def describe(self) -> dict[str, Any]:
        return {}

    def respond(self, requests: list[Request], answered: frozenset[int] = frozenset()) -> Any:
        for i, request in enumerate(requests):
            if i not in answered:
                assert request.inputs is not None
                self.seen.append(request.inputs.texts)
                yield [(i, Response(Status.OK, logprobs=self.reads(*request.inputs.texts)))]

    def reads(self, passage: str, claim: str) -> tuple[float, float, float]:
        words = set(re.findall(r"\w+", claim.lower())) - {"not"}
        if not words <= set(re.findall(r"\w+", passage.lower())):
            return (-3.0, -2.5, -0.15)
        return (-3.0, -0.1, -3.5) if " not " in claim else (-0.1, -3.0, -3.5)


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "s",
        "task": "qa",
        "data": {"rows": ROWS, "target": "q", "contexts": "passages"},
        "prompts": {"p": "{{ q }} | {{ says }}"},
        "metrics": ["exact_match"],
        "judges": {"grounded": {"claims": "sentences", "method": "entailment", "model": "nli"}},
    }
    return base | changes


def echo(prompt: Any) -> str:
    return str(prompt[-1]["content"]).split(" | ")[1]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run_suite(declared: dict[str, Any], known: dict[str, Any], **options: Any) -> Run:
        options.setdefault("models", {"m": echo})
        return evaluate(declared, loaded=known, root=tmp_path, **options)

    return run_suite


def scores(run: Run) -> dict[str, Any]:
    return run.record.cells[0].scores


def judgments(run: Run, sample: str) -> list[Judgment]:
    [found] = [one for one in run.record.cells[0].samples if one.id == sample]
    return found.judgments


def test_the_share_of_supported_claims(run: Callable[..., Run]) -> None:
    done = run(suite(), {"nli": Nli()})
    by_id = {one.id: one.scores for one in done.record.cells[0].samples}
    assert by_id["all"]["grounded"] == 1.0
    assert by_id["half"]["grounded"] == 0.5
    assert by_id["half"]["grounded[contradicted]"] == 0.25
    assert by_id["half"]["grounded[not_found]"] == 0.25
    assert "grounded" not in by_id["none"], "no claims: neither 1.0 nor 0.0"
    assert by_id["nothing"] == {
        "exact_match": 0.0,
        "grounded": 0.0,
        "grounded[contradicted]": 0.0,
        "grounded[not_found]": 1.0,
    }
    whole = scores(done)["grounded"]
    assert (whole.value, whole.n, whole.lost) == (0.5, 3, 0)
    assert whole.low is not None
    assert whole.low < 0.5 < whole.high
    assert whole.note == "7 claims in 3 answers; 1 without claims, not scored"
    assert scores(done)["grounded[not_found]"].better == "lower"
    [report] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert report.claims is not None
    assert (report.claims.answers, report.claims.without, report.claims.claims) == (3, 1, 7)
    assert report.judges[0].answers == {"Supported": 4, "Contradicted": 1, "Not found": 2}


def test_each_claim_records_its_place_verdict_and_passage(run: Callable[..., Run]) -> None:
    done = run(suite(), {"nli": Nli()})
    first, _, third, last = judgments(done, "half")
    output = ROWS[1]["says"]
    assert isinstance(first.aspect, ByClaim)
    assert output[first.aspect.start : first.aspect.end] == first.aspect.text == "The boat is red."
    assert (first.reply.answer, first.reply.passage) == ("Supported", "ferry")
    assert (third.reply.answer, third.method) == ("Not found", "entailment")
    assert (last.reply.answer, last.reply.passage) == ("Supported", "desk")
    assert last.reply.probabilities["Supported"] > 0.8
    assert sum(last.reply.probabilities.values()) == pytest.approx(1)
    [unasked] = judgments(done, "nothing")
    assert (unasked.reply.answer, unasked.reply.passage, unasked.prompt) == ("Not found", None, "")


def test_gates_use_the_score_like_any_other(run: Callable[..., Run]) -> None:
    gates = ["grounded >= 0.5", "grounded[contradicted] <= 0.05",
             {"metric": "grounded", "min": 0.4, "confidence": 0.95}]  # fmt: skip
    done = run(suite(gates=gates), {"nli": Nli()})
    assert list(done.gates.verdict) == ["pass", "fail", "inconclusive"]
    certified = {"metric": "grounded", "min": 0.1, "certified": {"kappa": 0.5}}
    done = run(suite(gates=[certified]), {"nli": Nli()})
    [reason] = done.gates.reason
    assert "requires a certificate for judge nli and rubric grounded: none exists" in reason
    assert "--method entailment" in reason


def test_no_answer_with_claims_has_no_value(run: Callable[..., Run]) -> None:
    declared = suite(data={"rows": [ROWS[2]], "target": "q", "contexts": "passages"},
                     gates=["grounded >= 0.5"])  # fmt: skip
    done = run(declared, {"nli": Nli()})
    whole = scores(done)["grounded"]
    assert (whole.value, whole.n, whole.lost, whole.no_value) == (None, 0, 0, "undefined")
    assert done.gates.verdict[0] != "pass"


def test_an_error_of_the_judge_is_a_lost_answer(run: Callable[..., Run]) -> None:
    class Moody(Nli):
        def respond(self, requests: list[Request], answered: frozenset[int] = frozenset()) -> Any:
            for batch in super().respond(requests, answered):
                [(i, response)] = batch
                if "moon" in requests[i].prompt:
                    response = Response(Status.ERROR, error="no mood")
                yield [(i, response)]

    done = run(suite(gates=["grounded >= 0.1"]), {"nli": Moody()})
    whole = scores(done)["grounded"]
    assert (whole.n, whole.lost) == (2, 1)
    assert done.gates.verdict[0] == "fail"
    assert "1 of 3 samples have no grounded" in done.gates.reason[0]
    assert "no mood" in done.gates.reason[0]


def test_the_passages_of_the_application_or_the_source(run: Callable[..., Run]) -> None:
    def app(prompt: Any) -> dict[str, Any]:
        return {"text": echo(prompt), "contexts": [FERRY]}

    declared = suite(data={"rows": ROWS[:1], "target": "q", "contexts": "response"})
    done = run(declared, {"nli": Nli()}, models={"app": app})
    assert scores(done)["grounded"].value == 0.5
    rows = [{"id": "a", "text": "The boat is red.", "says": "The boat is red.", "q": "?"}]
    declared = suite(task="generation", data={"rows": rows, "source": "text"}, metrics=["length"])
    done = run(declared, {"nli": Nli()})
    assert scores(done)["grounded"].value == 1.0
    assert judgments(done, "a")[0].reply.passage == "text"


def test_repeats_and_clusters(run: Callable[..., Run]) -> None:
    done = run(suite(repeats=2), {"nli": Nli()})
    assert (scores(done)["grounded"].value, scores(done)["grounded"].n) == (0.5, 3)
    data = {"rows": ROWS, "target": "q", "contexts": "passages", "cluster": "q", "group": "id"}
    done = run(suite(data=data), {"nli": Nli()})
    assert scores(done)["grounded[id=half]"].value == 0.5
    assert scores(done)["grounded[id=none]"].n == 0


@pytest.mark.parametrize("method", ["text", "structured"])
def test_a_judge_that_writes_gets_the_passages_once(run: Callable[..., Run], method: str) -> None:
    prompts = []

    def judge(prompt: Any) -> str:
        prompts.append(text := str(prompt[-1]["content"]))
        claim = text.split("The claim to be checked:")[1].split("\n")[2]
        said = "Contradicted" if " not " in claim else "Supported"
        said = "Not found" if "moon" in claim else said
        return f"Verdict: {said}" if method == "text" else json.dumps({"verdict": said})

    declared = suite(judges=[{"rubric": "grounded", "method": method, "by": "j"}])
    done = run(declared, {"j": judge})
    assert scores(done)["grounded"].value == pytest.approx((1 + 0.5 + 0) / 3)
    own = [one for one in prompts if "When?" in one]
    assert len(own) == 4
    assert len({one.split("The claim to be checked:")[0] for one in own}) == 1, "one shared prefix"
    assert "Passage ferry:" in own[0]
    first, *_, last = judgments(done, "half")
    assert (first.reply.passage, last.reply.passage) == ("ferry", "desk")


def test_a_judge_lists_the_claims(run: Callable[..., Run]) -> None:
    def lister(prompt: Any) -> str:
        text = str(prompt[-1]["content"])
        if "I do not know." in text:
            return '{"claims": []}'
        if "moon" in text:
            return "The claims are many."
        return json.dumps({"claims": ["The clerk is Ann", "The boat is red"]})

    entry = {"claims": {"by": "lister"}, "method": "entailment", "by": "nli"}
    declared = suite(judges={"grounded": entry}, gates=["grounded >= 0"])
    done = run(declared, {"nli": Nli(), "lister": lister})
    whole = scores(done)["grounded"]
    assert (whole.value, whole.n, whole.lost) == (0.5, 2, 1)
    assert "its claims were not listed" in done.gates.reason[0]
    listing, first, second = judgments(done, "all")
    assert listing.aspect == Listing()
    assert listing.reply.lists == {"claims": ("The clerk is Ann", "The boat is red")}
    assert isinstance(first.aspect, ByClaim)
    assert ROWS[0]["says"][first.aspect.start : first.aspect.end] == "The clerk is Ann."
    assert second.reply.answer == "Supported"


def test_a_judge_that_lists_claims_reads_the_conversation(run: Callable[..., Run]) -> None:
    shown: list[str] = []

    def lister(prompt: Any) -> str:
        shown.append(str(prompt[-1]["content"]))
        return json.dumps({"claims": ["The boat is red"]})

    history = [
        {"role": "user", "content": "Is there a boat?"},
        {"role": "assistant", "content": "There is one."},
        {"role": "user", "content": "Its colour? | The boat is red."},
    ]
    entry = {"claims": {"by": "lister"}, "method": "entailment", "by": "nli"}
    declared = suite(judges={"grounded": entry}, prompts={"p": {"messages": "history"}})
    declared["data"] = {
        **declared["data"],
        "rows": [{**row, "history": history} for row in ROWS],
    }
    run(declared, {"nli": Nli(), "lister": lister})
    assert "user: Is there a boat?\n\nassistant: There is one." in shown[0]


def test_a_panel_agrees_claim_by_claim(run: Callable[..., Run]) -> None:
    class Doubter(Nli):
        name = "doubter"

        def fingerprint(self) -> dict[str, Any]:
            return {"model": "doubter"}

        def reads(self, passage: str, claim: str) -> tuple[float, float, float]:
            return (-3.0, -3.0, -0.1)

    declared = suite(judges={"grounded": {"by": ["nli", "doubter"]}})
    done = run(declared, {"nli": Nli(), "doubter": Doubter()})
    assert scores(done)["grounded"].value == 0.25
    [report] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert (report.panel.items, report.panel.differ) == (7, 5)
    assert [row.mean for row in report.judges] == [0.5, 0.0]


def test_a_sentence_is_checked_against_what_it_cites(run: Callable[..., Run]) -> None:
    says = (
        "The boat is red [1]. The clerk is Ann [ferry]. The boat is red. The clerk is Ann [2, 9]."
    )
    rows = [{"id": "a", "q": "?", "passages": [FERRY, DESK], "says": says}]
    nli = Nli()
    declared = suite(
        data={"rows": rows, "contexts": "passages", "target": "q"},
        judges={"citation_support": {"method": "entailment", "by": "nli"}},
    )
    done = run(declared, {"nli": nli})
    assert scores(done)["citation_support"].value == pytest.approx(2 / 3)
    verdicts = [(one.reply.answer, one.reply.passage) for one in judgments(done, "a")]
    assert verdicts == [("Supported", "ferry"), ("Not found", "ferry"), ("Supported", "desk")]
    assert all("[" not in claim for _, claim in nli.seen), "the head reads no citations"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"rows": ROWS, "target": "q"}}, "claims against passages: add 'contexts:'"),
        ({"judges": {"grounded": {"claims": "words"}}}, "expected 'sentences' or 'by: JUDGE'"),
        ({"judges": {"grunded": {}}}, "unknown rubric 'grunded'; did you mean 'grounded'"),
        ({"judges": {"relevance": {"claims": "sentences"}}}, "'claims' is for rubrics of mode"),
        ({"judges": {"relevance": {"method": "entailment"}}}, "'method: entailment' is for"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_anything_runs(
    run: Callable[..., Run], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as error:
        run(suite(**changes), {"nli": Nli()})
    assert message in str(error.value)


def test_a_judge_that_cannot_do_it_is_an_error(run: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match="has no sequence-classification head"):
        run(suite(), {"nli": lambda prompt: "Supported"})
    entry = {"rubric": "relevance", "by": "nli"}
    with pytest.raises(UsageError, match="reads no prompts"):
        run(suite(judges=[entry]), {"nli": Nli()})


def test_named_entries_keep_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "s.eval.yaml"
    file.write_text(
        "task: qa\ndata: {rows: [{q: a, p: [b]}], target: q, contexts: p}\nprompt: '{{ q }}'\n"
        "judges:\n  grounded:\n    by: nli\n    metod: text\n"
    )
    with pytest.raises(SpecError) as error:
        evaluate(file, models={"m": echo}, root=tmp_path)
    assert "s.eval.yaml:7: judges.grounded.metod: unknown key 'metod'" in str(error.value)


def test_what_was_retrieved_is_judged_by_a_rubric_about_it(run: Callable[..., Run]) -> None:
    prompts = []

    def judge(prompt: Any) -> str:
        prompts.append(str(prompt[-1]["content"]))
        return "Rating: 4"

    def app(prompt: Any) -> dict[str, Any]:
        return {"text": echo(prompt), "contexts": [FERRY] if "colour" in str(prompt) else []}

    declared = suite(judges=[{"rubric": "context-relevance", "method": "text", "by": "j"}])
    done = run(declared, {"j": judge}, models={"app": app})
    assert scores(done)["context-relevance"].value == 4
    assert FERRY["text"] in prompts[0]
    assert "(nothing was retrieved)" in prompts[1]
    assert ROWS[0]["says"] not in prompts[0].split("The request:")[1].split("passages to be")[1]


@pytest.mark.parametrize(
    "judgment",
    [
        Judgment("g", "j", Reply(Status.OK, "Supported", 1.0, passage="p"), ByClaim(2, "x", 3, 9)),
        Judgment("g", "j", Reply(Status.OK, lists={"claims": ("a", "b")}), Listing()),
    ],
)
def test_judgments_of_claims_are_read_as_they_were_written(judgment: Judgment) -> None:
    assert from_json(json.loads(json.dumps(to_json(judgment)))) == judgment
