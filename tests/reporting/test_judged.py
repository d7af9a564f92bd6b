"""Judges in the report: tables, pairs, notices, and judgments of hostile answers shown as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.reporting.terminal import summary_lines

HOSTILE = [
    "<script>document.title = 'forged'</script>",
    '<img src=x onerror="document.title = 1">Rating: 3',
    "</pre></dialog><h1>5</h1>",
]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rows = [{"id": str(i), "q": f"question {i}"} for i in range(len(HOSTILE))]
    suite = {
        "suite": "s",
        "task": "generation",
        "data": {"rows": rows},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["distinct_1"],
        "judges": [
            {"rubric": "helpfulness", "by": ["kind", "odd"], "method": "text"},
            {"rubric": "preference", "by": "kind", "method": "text"},
        ],
    }

    def hostile(prompt: Any) -> str:
        return HOSTILE[int(prompt[-1]["content"][-1])]

    def kind(prompt: Any) -> str:
        return "Verdict: A" if "Which answer" in prompt[-1]["content"] else "Rating: 5"

    def odd(prompt: Any) -> str:
        return "Rating: 2" if "question 0" in prompt[-1]["content"] else HOSTILE[0]

    models = {"bad": hostile, "good": lambda prompt: "fine"}
    return evaluate(
        suite,
        models,
        judges=(),
        loaded={"kind": kind, "odd": odd},
        root=tmp_path_factory.mktemp("judged"),
    )


@pytest.mark.browser
def test_the_report_shows_judgments(
    judged: Any, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    path = tmp_path / "report.html"
    judged.to_html(path)
    page = open_page("#suite=s", path)
    text = page.locator(".current table.judges").first.inner_text()
    assert "kind" in text
    assert "odd" in text
    assert "2 unparsed" in text
    assert "0 / 3 / 0" in page.locator(".current table.duels").inner_text()
    assert "3 of 3 (100 %)" in page.locator(".current .judged").last.inner_text()

    page = open_page("#suite=s&sample=1", path)
    card = page.locator("dialog.sample article").first
    card.locator("details.judgments > summary").click()
    shown = card.locator(".judgment")
    assert shown.count() == 4
    assert "grade 5" in shown.nth(0).inner_text()
    unread = shown.nth(1)
    assert "unparsed" in unread.inner_text()
    assert HOSTILE[0] in unread.locator("pre").first.text_content()
    unread.locator("details summary").click()
    assert HOSTILE[1] in unread.locator("details pre").last.text_content()
    assert page.title() != "forged"
    assert page.locator("dialog h1").count() == 0


def test_the_terminal_shows_judged_scores(judged: Any) -> None:
    lines = "\n".join(summary_lines(judged.record))
    assert "judged helpfulness 3.5" in lines
    assert "of 1" in lines


def test_notices_come_first(judged: Any) -> None:
    judged.record.notices = ["judge kind is also under test"]
    assert "judge kind is also under test" in summary_lines(judged.record)[1]


@pytest.mark.browser
def test_samples_on_which_judges_differ_can_be_chosen(
    judged: Any, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    path = tmp_path / "report.html"
    judged.to_html(path)
    page = open_page("#suite=s&show=panel", path)  # 5 and 2 to question 0, else one is unread
    page.wait_for_selector(".current .grid .row[data-row]")
    assert page.locator(".current .shown").inner_text() == "1 of 3"
    assert page.locator(".current .grid .row .lead small").all_inner_texts() == ["0"]
