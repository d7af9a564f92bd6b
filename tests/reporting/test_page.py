"""The page in Chromium, opened from a file as a reader opens it."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.exchange import Status
from evalkit.records import RunRecord
from evalkit.records.judgments import ByClaim, Judgment, Reply
from evalkit.reporting.html import write_html

from .runs import HOSTILE, large_run

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
FILM = "#suite=film-sentiment"
QA = "#suite=short-qa"


def lines(page: Any) -> list[str]:
    page.wait_for_selector(".current .grid .row")
    return page.locator(".current .grid .row .lead small").all_inner_texts()


def shown(page: Any, count: str) -> None:
    page.wait_for_function(
        "count => document.querySelector('.current .shown')?.textContent === count", arg=count
    )


def overlapping(page: Any, selector: str) -> list[str]:
    """Pairs of boxes that share more than a pixel, neither inside the other."""
    return page.evaluate(
        """selector => {
          const boxes = [...document.querySelectorAll(selector)]
            .filter(e => e.checkVisibility())
            .map(e => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
          const found = [];
          for (const [e, a] of boxes) for (const [f, b] of boxes) {
            if (e === f || e.contains(f) || f.contains(e)) continue;
            const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            const names = [e, f].map(g => g.className + ": " + g.textContent.slice(0, 40));
            if (x > 1 && y > 1) found.push(names.join(" / "));
          }
          return found;
        }""",
        selector,
    )


def test_bars_are_drawn_at_their_values(open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("svg.bar:visible circle.value")
    parts = page.evaluate(
        """() => [...document.querySelectorAll("svg.bar")].filter(bar => bar.checkVisibility())
          .flatMap(bar => [...bar.children].map(part => {
            const [box, of] = [part.getBoundingClientRect(), bar.getBoundingClientRect()];
            const said = part.getAttribute("cx") ?? part.getAttribute("x") ?? "0%";
            const left = of.left + of.width * parseFloat(said) / 100;
            return {name: part.classList[0], left: box.left - left, top: box.top - of.top,
                    width: box.width, height: box.height};
          }))"""
    )
    # of what has a fixed place: left of the place that it names, top, width and height
    fixed = {"axis": (0, 8, None, 2), "threshold": (-0.75, 0, 1.5, 18), "value": (-3.5, 5.5, 7, 7),
             "interval": (0, 5, None, 8), "needed": (0, 2, None, 14)}  # fmt: skip
    assert {part["name"] for part in parts} == set(fixed)
    for part in parts:
        named = zip(("left", "top", "width", "height"), fixed[part["name"]], strict=True)
        for side, length in named:
            assert length is None or part[side] == pytest.approx(length, abs=0.1), part


def test_the_first_screen_shows_the_headline_and_failing_gates(open_page: Open) -> None:
    page = open_page()
    assert page.locator("h1:visible").all_inner_texts() == [
        "7 of 16 gates fail, 2 could not be judged, 2 are inconclusive"
    ]
    first = page.locator(".gates tbody tr").first
    box = first.bounding_box()
    assert box["y"] + box["height"] < 900
    assert "fail" in first.inner_text()
    assert page.locator(".view:visible").count() == 1


def test_filters_show_matching_samples(open_page: Open, run: RunRecord) -> None:
    samples = run.cells[4].samples
    page = open_page(QA)
    lines(page)
    for mode, ids in {
        "wrong": [s.id for s in samples if s.correct is False],
        "errors": [s.id for s in samples if s.status != "ok"],
        "checks": [s.id for s in samples if any(not c.passed for c in s.checks)],
    }.items():
        button = page.locator(f".current [data-mode={mode}]")
        assert button.locator("small").inner_text() == str(len(ids))
        button.click()
        shown(page, f"{len(ids)} of 150")
        found = lines(page)
        assert found == ids[: len(found)]
        assert button.get_attribute("aria-pressed") == "true"


def test_cells_that_differ(open_page: Open, run: RunRecord) -> None:
    rows = zip(*(cell.samples for cell in run.cells[:4]), strict=True)
    ids = [row[0].id for row in rows if len({s.prediction for s in row}) > 1]
    page = open_page(FILM)
    lines(page)
    page.click(".current [data-mode=differ]")
    shown(page, f"{len(ids)} of 150")
    found = lines(page)
    assert found == ids[: len(found)]


def test_wrong_in_one_cell_only(open_page: Open, run: RunRecord) -> None:
    wrong = sum(s.correct is False for s in run.cells[1].samples)
    page = open_page(FILM + "&show=wrong")
    lines(page)
    page.select_option(".current .tools select", "1")
    shown(page, f"{wrong} of 150")


def test_search_finds_words_in_fields_and_outputs(open_page: Open, run: RunRecord) -> None:
    page = open_page(QA)
    lines(page)
    page.keyboard.press("/")
    page.keyboard.type("ONERROR window.pwned")
    shown(page, "1 of 150")
    assert lines(page) == ["q-22-image"]
    page.fill(".current input[type=search]", "no such words")
    shown(page, "0 of 150")
    assert page.locator(".current .grid .empty").is_visible()
    page.fill(".current input[type=search]", "")
    shown(page, "150 of 150")


def test_rows_can_be_sorted_by_their_score(open_page: Open, run: RunRecord) -> None:
    scored = [s for s in run.cells[4].samples if s.scores]
    lowest = sorted(scored, key=lambda s: float(f"{s.scores['token_f1']:.4g}"))
    page = open_page(QA)
    lines(page)
    page.get_by_label("In which order").select_option("low")
    page.wait_for_function("location.hash.includes('sort=low')")
    found = lines(page)
    assert found == [sample.id for sample in lowest[: len(found)]]


def test_outputs_can_be_compared_word_by_word(open_page: Open, run: RunRecord) -> None:
    page = open_page(QA + "&sample=q-5")
    page.get_by_label("Compare outputs").select_option("reference")
    output = page.locator("dialog article pre").first
    assert output.locator("ins").all_inner_texts() == ["The answer is ", "."]
    assert output.text_content() == run.cells[4].samples[5].output
    page.keyboard.press("Tab")
    page.get_by_role("button", name="next sample").click()
    page.locator("#sample-title bdi", has_text="q-6").wait_for()
    assert page.locator("dialog article pre ins").count() > 0


def test_differences_turn_one_text_into_the_other(open_page: Open) -> None:
    page = open_page(FILM)
    for before, after in [
        ("a b c d", "a x c d e"),
        ("", "new"),
        ("old", ""),
        ("same", "same"),
        ("one two three four", "four three two one"),
        ("word " * 30, "word " * 20 + "other " * 10),
        ("日本語 é", "日本 é!"),
        (" ".join(map(str, range(3000))), " ".join(map(str, range(3000, 0, -1)))),
    ]:
        pieces = page.evaluate("([a, b]) => differences(a, b)", [before, after])
        assert "".join(text for kind, text in pieces if kind != "ins") == before
        assert "".join(text for kind, text in pieces if kind != "del") == after
    pieces = page.evaluate("differences('the cat sat down', 'the dog sat down')")
    assert pieces == [["same", "the "], ["del", "cat"], ["ins", "dog"], ["same", " sat down"]]


def test_visible_rows_can_be_saved(open_page: Open, run: RunRecord, tmp_path: Path) -> None:
    wrong = [s for s in run.cells[1].samples if s.correct is False]
    page = open_page(FILM + "&show=wrong&cell=1")
    lines(page)
    files = {}
    for kind in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind).click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    assert files["CSV"].name == "film-sentiment.csv"
    saved = json.loads(files["JSON"].read_text(encoding="utf-8"))
    mine = [line for line in saved if (line["model"], line["prompt"]) == ("smollm2", "few-shot")]
    assert [line["id"] for line in mine] == [s.id for s in wrong]
    assert [line["prediction"] for line in mine] == [s.prediction for s in wrong]
    assert mine[0]["fields"] == wrong[0].fields
    with files["CSV"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [line["id"] for line in saved]
    assert json.loads(rows[0]["fields"]) == saved[0]["fields"]


def test_saved_text_is_never_a_formula(open_page: Open) -> None:
    page = open_page(FILM)
    text = page.evaluate("""asCsv([{ a: '=1+1', b: -2.5, c: 'say "hi"', d: null, e: '@x' }])""")
    assert text.splitlines()[1] == '"\'=1+1","-2.5","say ""hi""","","\'@x"'


def test_an_entry_of_the_confusion_matrix_filters(open_page: Open, run: RunRecord) -> None:
    cell = run.cells[2]
    ids = [s.id for s in cell.samples if s.targets == ["negative"] and s.prediction == "neutral"]
    assert len(ids) == cell.analyses[0].counts[1][2]
    page = open_page(FILM)
    lines(page)
    matrix = page.locator(".current .confusion").nth(2)
    matrix.locator("tbody tr").nth(1).locator("td").nth(2).locator("a").click()
    shown(page, f"{len(ids)} of 150")
    assert lines(page) == ids
    chip = page.locator(".current .chip")
    assert "negative answered as neutral" in chip.inner_text()
    chip.click()
    shown(page, "150 of 150")


def test_a_link_opens_a_sample_in_full(open_page: Open, run: RunRecord) -> None:
    page = open_page(FILM + "&show=wrong&sample=film-0003")
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    text = dialog.inner_text()
    sample = run.cells[1].samples[3]
    assert dialog.locator("#sample-title bdi").inner_text() == "film-0003"
    assert sample.fields["text"] in text
    assert "the most likely of the labels" in text
    assert f"{sample.probabilities['neutral']:.3f}" in text
    dialog.locator("summary", has_text="Exact text sent").nth(1).click()
    sent = dialog.locator("article").nth(1).locator("details[open] pre")
    assert sent.text_content() == sample.sent
    assert "<|im_start|>" in sent.locator(".token").all_inner_texts()
    dialog.locator("summary", has_text="Messages").nth(1).click()
    assert dialog.locator("article").nth(1).locator(".role").all_inner_texts() == ["system", "user"]


def test_the_keyboard_opens_steps_through_and_closes_samples(open_page: Open) -> None:
    page = open_page(FILM)
    lines(page)
    page.locator(".current .grid .row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    title = page.locator("#sample-title bdi")
    title.wait_for()
    seen = [title.inner_text()]
    for key, next_ in (("j", "film-0002"), ("ArrowRight", "film-0003"), ("k", "film-0002")):
        page.keyboard.press(key)
        page.wait_for_function(
            "id => document.querySelector('#sample-title bdi').textContent === id", arg=next_
        )
        seen.append(title.inner_text())
        assert f"sample={next_}" in page.url
    assert seen[0] == "film-0001"
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")
    page.wait_for_function("!location.hash.includes('sample=')")
    assert page.evaluate("document.activeElement.className") == "row"


def test_going_back_closes_a_sample(open_page: Open) -> None:
    page = open_page(FILM)
    lines(page)
    page.locator(".current .grid .row").nth(2).click()
    page.locator("dialog[open]").wait_for()
    page.go_back()
    page.locator("dialog[open]").wait_for(state="detached")
    assert page.locator(".current .grid").is_visible()


def test_hostile_output_is_text(open_page: Open, run: RunRecord) -> None:
    page = open_page(QA)
    for kind in HOSTILE:
        sample = next(s for s in run.cells[4].samples if s.id.endswith(f"-{kind}"))
        page.evaluate("id => { location.hash = `#suite=short-qa&sample=${id}` }", sample.id)
        page.locator("#sample-title bdi", has_text=sample.id).wait_for()
        output = page.locator("dialog[open] article pre").first
        named = [f"U+{ord(c):04X}" for c in sample.output if unseen(c)]
        assert output.locator(".control").all_inner_texts() == named
        assert bool(named) or output.text_content() == sample.output
        assert page.locator("dialog img, dialog script, dialog a, dialog svg.x").count() == 0
        assert page.evaluate("window.pwned") is None
        width, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= room


def unseen(character: str) -> bool:
    """Controls, marks of direction and lone surrogates; not what joins letters and emoji."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\u200d\u200c"


def test_the_policy_stops_markup_and_inline_code(browser: Any, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    for attempt in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.setAttribute('onclick', 'window.pwned = 1')",
        "document.createElement('script').text = 'window.pwned = 1'",
    ):
        assert page.evaluate(f"(() => {{ try {{ {attempt} }} catch {{ return true }} }})()"), (
            attempt
        )
    assert page.evaluate("window.pwned") is None
    page.close()


@pytest.mark.parametrize("address", ["", FILM, QA, "#view=run"])
def test_nothing_overlaps(open_page: Open, address: str) -> None:
    page = open_page(address)
    for width in (380, 800, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        if "suite" in address:
            lines(page)
        for selector in (
            ".masthead > *",
            ".current h1, .current h2, .current p, .current .facts, .current table",
            ".current .gates tbody tr > *",
            ".current .heat td, .current .heat th",
            ".current .figure > *, .current .losses",
            ".current .tools > *",
            ".current .row > *",
        ):
            assert overlapping(page, selector) == [], width
        scroll, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert scroll <= room


@pytest.mark.parametrize("width", [380, 1280])
def test_nested_provenance_stays_readable(open_page: Open, width: int) -> None:
    page = open_page("#view=run")
    page.set_viewport_size({"width": width, "height": 900})
    widths = page.evaluate(
        "[...document.querySelectorAll('#run .tree dd')].map(e => e.clientWidth)"
    )
    assert len(widths) > 20
    assert min(widths) >= 140


def test_colour_themes_can_be_chosen_and_have_contrast(open_page: Open) -> None:
    page = open_page(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click(".theme")
    light = page.evaluate(paper)
    assert sum(map(int, re.findall(r"\d+", dark))) < 100
    assert sum(map(int, re.findall(r"\d+", light))) > 650


def test_screen_readers_get_roles_and_names(open_page: Open) -> None:
    page = open_page(FILM)
    lines(page)
    grid = page.get_by_role("grid", name="Samples")
    assert grid.get_attribute("aria-rowcount") == "151"
    assert grid.get_by_role("columnheader").count() == 6
    assert page.get_by_role("searchbox", name="Search samples and outputs").is_visible()
    assert page.get_by_role("navigation", name="Parts of the report").is_visible()
    assert page.locator(".views [aria-current=page]").inner_text().endswith("film-sentiment")


def test_a_page_without_javascript_shows_everything_but_samples(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    assert page.locator(".view:visible").count() == 5
    assert page.locator("noscript").is_visible()


def test_a_long_list_renders_few_rows_and_scrolls_to_its_end(open_page: Open, report: Path) -> None:
    path = write_html(large_run(3000, 1), report.with_name("large.html"))
    page = open_page("#suite=large", path=path)
    lines(page)
    page.locator(".grid .row").first.focus()
    page.keyboard.press("End")
    page.locator(".grid .row .lead small", has_text="film-2999").wait_for()
    assert page.locator(".grid .row").count() < 40
    assert (
        page.locator(".grid .head").bounding_box()["y"] >= page.locator(".grid").bounding_box()["y"]
    )
    page.fill(".current input[type=search]", "film-2999")
    shown(page, "1 of 3,000")


def test_all_repeats_and_the_comparisons_are_shown(open_page: Open, report: Path) -> None:
    run = large_run(6, 2)
    hostile = "<img src=x onerror=alert(1)>"
    run.suites["large"].declared["repeats"] = 2
    for cell in run.cells:
        for sample in cell.samples:
            sample.answers = [
                replace(sample.answer, output=hostile, prediction="positive", correct=True),
                replace(sample.answer, output="no idea", prediction=None, correct=False),
            ]
    path = write_html(run, report.parent / "repeated.html")
    page = open_page("#suite=large", path=path)
    assert "answers per sample\n2" in page.locator(".current .facts").inner_text()
    table = page.locator(".current .comparisons")
    table.locator("summary").click()
    assert table.locator("tbody tr").count() == 1
    page.locator(".current .grid .row").first.click()
    answers = page.locator("dialog article").first.locator("details", has_text="All 2 answers")
    answers.locator("summary").click()
    assert answers.locator("h4").all_inner_texts() == [
        "Answer 1: parsed as positive, right",
        "Answer 2: no answer found, wrong",
    ]
    assert answers.locator("pre").all_inner_texts() == [hostile, "no idea"]


def test_claims_without_support_are_underlined(open_page: Open, report: Path) -> None:
    """With marks that differ in more than colour, at the characters of the claims, once each."""
    output = "🚢 It is red. <b>It</b> is blue. It is new."
    passage = {"id": "p1", "text": "The boat is <red>."}

    def claim(number: int, text: str, said: str) -> Judgment:
        start = output.index(text)
        aspect = ByClaim(number, text, start, start + len(text))
        return Judgment("grounded", "nli", Reply(Status.OK, said, passage="p1"), aspect)

    claims = [("It is red.", "Supported"), ("<b>It</b> is blue.", "Contradicted")]
    claims.append(("It is new.", "Not found"))
    run = large_run(6, 1)
    sample = run.cells[0].samples[0]
    sample.fields["passages"] = [passage]
    judgments = tuple(claim(i, text, said) for i, (text, said) in enumerate(claims, 1))
    sample.answers[0] = replace(sample.answer, output=output, judgments=judgments)
    path = report.parent / "claims.html"
    write_html(run, path)
    page = open_page(f"#suite={run.cells[0].suite}&sample={sample.id}", path)
    page.wait_for_selector("dialog u.claim")
    marks = page.evaluate(
        """() => [...document.querySelectorAll("dialog u.claim")].map(u => [
          u.firstChild.textContent, u.querySelector("sup").textContent,
          getComputedStyle(u).textDecorationStyle])"""
    )
    assert marks == [["<b>It</b> is blue.", "✕", "wavy"], ["It is new.", "?", "dotted"]]
    lines = page.locator("dialog .claim-line").all_inner_texts()
    assert "✓ Supported" in lines[0]
    assert all("The boat is <red>." in line for line in lines)
    assert "1 of 3 claims supported" in page.locator("dialog .claims summary").inner_text()
