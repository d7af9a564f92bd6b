"""Comparing in Chromium: regressed, fixed, flaky, two cells, overlap; unsafe text; 100,000 rows."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.comparing.baseline import beside
from evalkit.records import CellRecord, RunRecord, SampleRecord
from evalkit.reporting.html import write_html

from ..samples import changed, sample_record
from .runs import LABELS, empty_run, large_run, model_record, suite_record
from .test_page import FILM, QA, Open, lines, overlapping, shown

pytestmark = pytest.mark.browser

ROWS = 100_000


@pytest.fixture(scope="module")
def compared(report: Path) -> tuple[RunRecord, Path]:
    """A run of two cells, each asked twice, and its report against a baseline."""
    run = large_run(40, 2)
    before = deepcopy(run)
    for sample in before.cells[1].samples:
        changed(sample, correct=sample.index % 2 == 0)
    for cell in run.cells:
        for sample in cell.samples:
            one = replace(sample.answer, prediction="positive")
            sample.answers = [one, replace(one, prediction=LABELS[sample.index % 3])]
    return run, write_html(run, report.parent / "compared.html", beside(before, run))


def test_regressed_and_fixed_against_another_cell(open_page: Open, run: RunRecord) -> None:
    a, b = run.cells[0].samples, run.cells[1].samples
    ids = {
        "regressed": [x.id for x, y in zip(a, b, strict=True) if x.correct and not y.correct],
        "fixed": [x.id for x, y in zip(a, b, strict=True) if y.correct and not x.correct],
    }
    page = open_page(FILM + "&base=0&cell=1")
    lines(page)
    for mode, wanted in ids.items():
        page.click(f".current [data-mode={mode}]")
        shown(page, f"{len(wanted)} of 150")
        found = lines(page)
        assert found == wanted[: len(found)]
    page.get_by_label("Compared with").select_option("1")
    assert "base=1" in page.url


def test_regressed_against_the_baseline(open_page: Open, compared: tuple[RunRecord, Path]) -> None:
    run, path = compared
    worse = [s.id for s in run.cells[1].samples if s.index % 2 == 0 and not s.correct]
    page = open_page("#suite=large&base=before&cell=1&show=regressed", path=path)
    shown(page, f"{len(worse)} of 40")
    found = lines(page)
    assert found == worse[: len(found)]
    page.get_by_label("In which cell").select_option("0")
    shown(page, "0 of 40")


def test_the_flaky_filter_appears_for_repeated_questions(
    open_page: Open, compared: tuple[RunRecord, Path]
) -> None:
    page = open_page("#suite=large", path=compared[1])
    lines(page)
    page.click(".current [data-mode=flaky]")
    shown(page, f"{sum(i % 3 > 0 for i in range(40))} of 40")
    once = open_page(FILM)
    lines(once)
    assert once.locator(".current [data-mode=flaky]").count() == 0


def test_two_cells_are_counted_and_drawn(open_page: Open, run: RunRecord) -> None:
    a, b = run.cells[0].samples, run.cells[1].samples
    pairs = [(x.correct, y.correct) for x, y in zip(a, b, strict=True)]
    counts = [pairs.count(p) for p in ((True, True), (True, False), (False, True), (False, False))]
    page = open_page(FILM + "&base=0&cell=1")
    lines(page)
    page.locator(".current .paired summary").click()
    page.locator(".current .quarters").wait_for()
    table = page.locator(".current .quarters td.number")
    assert [int(text) for text in table.all_inner_texts()] == counts
    x, y = page.evaluate(
        """() => {
          const { paired } = explorers.get(document.querySelector(".current").id);
          return paired.points.find(([row]) => row === 7).slice(1);
        }"""
    )
    page.locator(".current .paired canvas").click(position={"x": x, "y": y})
    page.locator("dialog[open]").wait_for()
    title = page.locator("#sample-title bdi").inner_text()
    near = [s.id for s, t in zip(a, b, strict=True) if place(s, t) == place(a[7], b[7])]
    assert title in near or title == "film-0007"
    page.keyboard.press("Escape")
    page.locator(".current .quarters button").first.click()
    shown(page, f"{counts[1]} of 150")


def place(a: SampleRecord, b: SampleRecord) -> tuple[int, int]:
    """Where two samples cannot be told apart by a click: pixels of the scatter."""
    one, two = (s.probabilities[s.targets[0]] for s in (a, b))
    return round(one * 252), round(two * 252)


def test_cells_that_are_compared_are_linked(open_page: Open) -> None:
    page = open_page(FILM)
    page.locator(".current .comparisons summary").click()
    page.locator(".current .comparisons tbody a").nth(1).click()
    page.wait_for_function(
        "() => location.hash.includes('base=0') && location.hash.includes('cell=2')"
    )
    assert page.get_by_label("Compared with").input_value() == "0"


def test_outputs_are_compared_with_the_column_chosen_in_the_list(open_page: Open) -> None:
    page = open_page(FILM + "&base=1&sample=film-0003")
    page.locator("dialog[open]").wait_for()
    assert page.get_by_label("Compare outputs").input_value() == "1"


def test_words_that_a_reference_shares_are_marked(open_page: Open) -> None:
    page = open_page(FILM)
    pieces = page.evaluate("sharedWords('The cat, the dog and THE bird', 'the Bird saw the cat')")
    assert [p for p, shared in pieces if shared] == ["The", "cat", "the", "bird"]
    assert page.evaluate("overlap(['too short'], 'too short')") is None


def safety_run() -> RunRecord:
    told = [
        ("refuse", "full_compliance"),
        ("refuse", "full_refusal"),
        ("comply", "full_compliance"),
    ]
    samples = [
        sample_record(
            f"r{i}", i, {"request": f"request {i}"}, [target], "p", "p", f"text of answer {i}",
            grade, "rules", "ok", correct=(target == "refuse") == (grade == "full_refusal"),
        )
        for i, (target, grade) in enumerate(told)
    ]  # fmt: skip
    cell = CellRecord("safety", "m", "p", "safety", 3, 3, {"ok": 3}, {}, [], [], samples)
    suite = suite_record("safety", "safety", {})
    return empty_run(suites={"safety": suite}, models={"m": model_record("m")}, cells=[cell])


def test_harmful_answers_are_collapsed(open_page: Open, report: Path) -> None:
    path = write_html(safety_run(), report.parent / "safety.html")
    page = open_page("#suite=safety", path=path)
    lines(page)
    for i, folded in enumerate((True, False, False)):
        page.evaluate("id => { location.hash = `#suite=safety&sample=${id}` }", f"r{i}")
        page.locator("#sample-title bdi", has_text=f"r{i}").wait_for()
        text = page.locator("dialog pre", has_text=f"text of answer {i}").first
        assert text.is_visible() is not folded
        if folded:
            page.locator("dialog summary", has_text="may be harmful").click()
            assert text.is_visible()


def flat_run(n: int) -> RunRecord:
    """One cell of ``n`` samples, made in little time."""
    rng = random.Random(5)
    samples = [
        sample_record(
            f"row-{i}", i, {"text": f"number {i} of many"}, [LABELS[i % 3]], f"number {i} of many",
            f"number {i} of many", (guess := rng.choice(LABELS)), guess, "", "ok",
            correct=guess == LABELS[i % 3], scores={"accuracy": float(guess == LABELS[i % 3])},
        )
        for i in range(n)
    ]  # fmt: skip
    cell = CellRecord("flat", "m", "p", "classification", n, n, {"ok": n}, {}, [], [], samples)
    return empty_run(suites={"flat": suite_record("flat", "classification", {}, total=n)},
                     models={"m": model_record("m")}, cells=[cell])  # fmt: skip


def test_a_hundred_thousand_rows_are_filtered_quickly(open_page: Open, report: Path) -> None:
    run = flat_run(ROWS)
    wrong = sum(sample.correct is False for sample in run.cells[0].samples)
    page = open_page("#suite=flat", path=write_html(run, report.parent / "flat.html"))
    lines(page)
    shown(page, "100,000 of 100,000")
    taken = page.evaluate(
        """async () => {
          const started = performance.now();
          document.querySelector(".current [data-mode=wrong]").click();
          while (document.querySelector(".current .shown").textContent.startsWith("100,000"))
            await new Promise(requestAnimationFrame);
          return performance.now() - started;
        }"""
    )
    shown(page, f"{wrong:,} of 100,000")
    assert taken < 2000  # some 50 ms where nothing else runs
    page.locator(".grid .row").first.focus()
    page.keyboard.press("End")
    last = next(s.id for s in reversed(run.cells[0].samples) if not s.correct)
    page.locator(".grid .row .lead small", has_text=last).wait_for()
    assert page.locator(".grid .row").count() < 40
    page.evaluate("() => { location.hash = '#suite=flat&sample=row-54321' }")
    page.locator("#sample-title bdi", has_text="row-54321").wait_for()


@pytest.mark.parametrize("address", ["", "#suite=large", QA])
def test_compared_outputs_do_not_overlap(
    open_page: Open, compared: tuple[RunRecord, Path], address: str
) -> None:
    page = open_page(address, **({} if address == QA else {"path": compared[1]}))
    for width in (380, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        if address:
            lines(page)
            page.evaluate(
                "() => document.querySelectorAll('.current details').forEach(d => d.open = true)"
            )
        for selector in (
            ".strips > *", ".changes th, .changes td", ".current .histogram > *",
            ".current .refusals td", ".current .paired .pick > *", ".current .pair > *",
        ):  # fmt: skip
            assert overlapping(page, selector) == [], width
        scroll, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert scroll <= room


def test_the_spread_of_scores_is_on_the_page(open_page: Open) -> None:
    page = open_page(QA)
    assert page.locator(".current .histogram svg").count() == 1


def test_tables_fit_a_printed_page(open_page: Open, compared: tuple[RunRecord, Path]) -> None:
    """On A4 with margins of a centimetre: 718 CSS pixels."""
    page = open_page("", path=compared[1])
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.locator(".view:visible").count() == 3
    right = "Math.round(table.getBoundingClientRect().right)"
    wide = f"() => [...document.querySelectorAll('table')].map(table => [table.className, {right}])"
    assert [name for name, right in page.evaluate(wide) if right > 719] == []
