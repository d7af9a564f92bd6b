"""Gates as they are written."""

from __future__ import annotations

import pytest

from evalkit.gates import GateSyntaxError, KnownScores, Reference, Term, parse, problem


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("accuracy >= 0.60", Term("accuracy", ">=", Reference(0.6))),
        ("accuracy>=60%", Term("accuracy", ">=", Reference(0.6))),
        ("recall[very negative] > 0.8", Term("recall[very negative]", ">", Reference(0.8))),
        ("accuracy[topic=art] < 1e-1", Term("accuracy[topic=art]", "<", Reference(0.1))),
        ("f1 >= baseline", Term("f1", ">=", Reference(0.0, "baseline"))),
        ("f1 >= baseline - 0.02", Term("f1", ">=", Reference(-0.02, "baseline"))),
        ("f1 >= llama/few-shot + 2%", Term("f1", ">=", Reference(0.02, "llama/few-shot"))),
        ("evaluate:google_bleu != 0", Term("evaluate:google_bleu", "!=", Reference(0.0))),
    ],
)
def test_grammar(text: str, term: Term) -> None:
    assert parse(text).terms == (term,)


def test_and_joins_terms() -> None:
    gate = parse("accuracy >= 0.6  and  recall[a] >= 0.5")
    assert [t.score for t in gate.terms] == ["accuracy", "recall[a]"]
    assert gate.rule == "accuracy >= 0.6 and recall[a] >= 0.5"


def test_long_form() -> None:
    gate = parse({"metric": "macro_f1", "min": 0.55, "max": 0.9, "confidence": 0.95})
    assert gate.terms == (
        Term("macro_f1", ">=", Reference(0.55)),
        Term("macro_f1", "<=", Reference(0.9)),
    )
    assert gate.confidence == 0.95
    assert gate.rule == "macro_f1 >= 0.55 and macro_f1 <= 0.9 at 0.95"
    drop = parse({"metric": "f1", "max_drop": 0.02})
    assert drop.terms == (Term("f1", ">=", Reference(-0.02, "baseline")),)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("accuracy", "cannot read 'accuracy'"),
        ("accuracy => 0.6", "cannot read"),
        ("accuracy >= high", "cannot read 'high'"),
        ("__import__('os').system('x') >= 1", "cannot read"),
        ({"metric": "f1", "minimum": 1}, "did you mean 'min'?"),
        ({"metric": "f1"}, "needs 'min:'"),
        ({"min": 0.5}, "needs 'metric:'"),
        ({"metric": "f1", "min": "0.5"}, "'min' must be a number"),
        ({"metric": "f1", "min": 0.5, "confidence": 95}, "at least 0.5 and below 1"),
        (0.8, "expected a rule"),
    ],
)
def test_invalid_gates_state_the_expected_form(declared: object, said: str) -> None:
    with pytest.raises(GateSyntaxError, match=said.replace("(", r"\(").replace("?", r"\?")):
        parse(declared)


def test_unknown_scores_suggest_the_nearest() -> None:
    names = ["accuracy", "recall[negative]", "recall[positive]"]
    known, grouped = KnownScores(names), KnownScores(names, ["topic"])
    assert problem(parse("accuracy >= 0.6"), known) is None
    message = problem(parse("recall[negatve] >= 0.6"), known)
    assert message is not None
    assert "did you mean 'recall[negative]'?" in message
    assert problem(parse("accuracy[topic=art] >= 0.6"), known) is not None
    assert problem(parse("accuracy[topic=art] >= 0.6"), grouped) is None
    message = problem(parse("accuracy[topik=art] >= 0.6"), grouped)
    assert message is not None
    assert "unknown group 'topik'; did you mean 'topic'?" in message


def test_labels_and_names_may_be_any_text() -> None:
    rule = "recall[rock and roll] >= 0.9 and f1[hip-hop [uk]] > 0.5 and accuracy[g=a]b] < 1"
    terms = parse(rule).terms
    scores = ["recall[rock and roll]", "f1[hip-hop [uk]]", "accuracy[g=a]b]"]
    assert [term.score for term in terms] == scores
    few = Reference(-0.02, "small/few shot v-2")
    assert parse("accuracy >= small/few shot v-2 - 0.02").terms == (Term("accuracy", ">=", few),)
    bare = parse("accuracy >= small/v-2").terms[0].reference
    assert bare == Reference(0.0, "small/v-2")


def test_confidence_and_references_in_both_forms() -> None:
    short = parse("accuracy >= baseline - 0.02 at 95%")
    long = parse({"metric": "accuracy", "min": "baseline - 0.02", "confidence": 0.95})
    drop = parse({"metric": "accuracy", "max_drop": 0.02, "confidence": 0.95})
    assert short.terms == long.terms == drop.terms
    assert short.confidence == long.confidence == drop.confidence == 0.95
    assert short.rule == "accuracy >= baseline - 0.02 at 95%"
    rises = parse({"metric": "log_loss", "max_drop": 0.1})
    assert rises.terms == (Term("log_loss", "<=", Reference(0.1, "baseline")),)
    with pytest.raises(GateSyntaxError, match=r"at least 0\.5 and below 1"):
        parse("accuracy >= 0.8 at 95")
