"""The page without a browser: its text, its security policy, its size."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from evalkit.content import folder
from evalkit.records import RunRecord
from evalkit.reporting.html import SCRIPTS, STYLES, render_html, write_html
from evalkit.reporting.page import page

from .runs import HOSTILE, empty_run, failed_cell, large_run, suite_record

VOID = {"meta", "link", "br", "img", "input", "hr", "col"}


class Parsed(HTMLParser):
    """Elements with their attributes, the text of scripts and styles, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            attributes = next(a for t, a in reversed(self.elements) if t == self.open[-1])
            self.blocks.append((attributes, data))
        else:
            self.text.append(data)


def parsed(run: RunRecord) -> Parsed:
    page = Parsed(render_html(run))
    assert page.open == []
    return page


def test_the_policy_allows_only_the_pages_own_blocks(run: RunRecord) -> None:
    page = parsed(run)
    policies = [a["content"] for t, a in page.elements if a.get("http-equiv")]
    allowed = set(re.findall(r"'sha256-([^']+)'", policies[0] or ""))
    hashes = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for attributes, text in page.blocks
        if attributes.get("type") is None
    }
    assert hashes == allowed
    assert len(hashes) == 2
    assert "default-src 'none'" in (policies[0] or "")
    assert "unsafe" not in (policies[0] or "")


def test_nothing_is_fetched_and_nothing_is_inline(run: RunRecord) -> None:
    for tag, attributes in parsed(run).elements:
        if tag == "link":
            assert attributes["rel"] == "icon"
            assert (attributes["href"] or "").startswith("data:image/svg+xml,")
            continue
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert "src" not in attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


def test_scripts_never_turn_text_into_markup() -> None:
    for name in SCRIPTS:
        text = (folder("reports") / name).read_text(encoding="utf-8")
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert sink not in text, name


def test_every_file_of_the_folder_is_used() -> None:
    names = {path.name for path in folder("reports").iterdir()}
    assert names == {*STYLES, *SCRIPTS} | {name for name in names if name.endswith(".j2")}


def test_the_first_screen_shows_failures(run: RunRecord) -> None:
    html = render_html(run)
    assert "<title>7 of 16 gates fail, 2 could not be judged" in html
    gates = html[html.index('class="gates"') : html.index('class="heat"')]
    verdicts = re.findall(r'<tr class="(\w+)">', gates)
    assert verdicts == ["fail"] * 7 + ["error"] * 2 + ["inconclusive"] * 2 + ["pass"] * 5
    assert (
        gates.index("accuracy &gt;= 0.60") < gates.index("−0.080") < gates.index("[0.379, 0.639]")
    )
    heat = html[html.index('class="heat"') : html.index("</table>", html.index('class="heat"'))]
    assert "11 unparsed" in heat
    assert heat.count('class="cell ') == len(run.cells)


def test_a_suite_shows_its_prompts_licence_groups_and_limit(run: RunRecord) -> None:
    text = " ".join(parsed(run).text)
    for words in (
        "150 of 2,000, seeded", "CC0-1.0, for evalkit", "max_new_tokens 8", "{{ text }}",
        "exact_match[topic=art]", "recall[negative]", "undefined: <empty> reference",
        "no file weights.safetensors in ./my-lora", "f00dfeed", "2.13.0", "bfloat16",
    ):  # fmt: skip
        assert words in text, words


def test_hostile_names_are_escaped() -> None:
    for text in HOSTILE.values():
        cell = failed_cell(text, text, text, 3)
        cell.error = text
        suite = suite_record(text, "qa", {text: text}, description=text)
        hostile = empty_run(suites={text: suite}, cells=[cell])
        plain = empty_run(
            suites={"x": suite_record("x", "qa", {"x": "x"})}, cells=[failed_cell("x", "x", "x", 3)]
        )
        plain.cells[0].error = "x"
        tags = [tag for tag, _ in parsed(hostile).elements]
        assert tags == [tag for tag, _ in parsed(plain).elements]


def test_samples_never_enter_the_markup(run: RunRecord) -> None:
    html = render_html(run)
    for text in ("window.pwned", "right to left", "half \ud83d", "\x00", "\u202e"):
        assert text not in html


def test_a_file_is_written_atomically_and_reproducibly(run: RunRecord, tmp_path: Path) -> None:
    first = write_html(run, tmp_path / "new" / "a.html").read_bytes()
    assert first == write_html(run, tmp_path / "b.html").read_bytes()
    assert first.decode("utf-8").endswith("</html>\n") or first.endswith(b"</html>")


def test_an_empty_run_has_a_page() -> None:
    assert "No gates were set" in render_html(empty_run())


def test_a_suite_without_cells_has_a_page() -> None:
    waiting = empty_run(suites={"later": suite_record("later", "qa", {"plain": "{{ x }}"})})
    assert "What later asks, &amp; &lt;why&gt;." in render_html(waiting)


def test_a_gate_links_to_its_wrong_samples_if_any(run: RunRecord) -> None:
    hrefs = [row.href for row in page(run).gates]
    assert hrefs[0] == "#suite=film-sentiment&cell=0&show=wrong"
    assert "#suite=short-qa&cell=1" in hrefs  # no answers, so none is wrong


def test_an_interrupted_run_says_so(run: RunRecord) -> None:
    interrupted = replace(run, status="interrupted", finished=None)
    assert "This run is interrupted" in render_html(interrupted)


def test_a_thousand_samples_in_four_cells_stay_under_a_megabyte() -> None:
    assert len(render_html(large_run(1000, 4)).encode()) <= 1_000_000


def test_answers_decided_by_rounding_are_counted() -> None:
    run = large_run(20, 1)
    assert "less than rounding" not in render_html(run)
    run.cells[0].ties = 3
    assert "3 decided by rounding" in render_html(run)
