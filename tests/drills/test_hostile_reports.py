"""Hostile outputs in every report: no script runs, no request leaves, no text escapes its place."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import cli, evaluate
from evalkit.reporting.document import write_json
from evalkit.reporting.terminal import summary_lines
from tests.drills.tally import Tally
from tests.reporting.conftest import CHROMIUM_ARGS, find_chromium

PWN = "window.pwned=1"
HOSTILE = {
    "script": f"</script><script>{PWN}</script>",
    "script in upper case": f"</SCRIPT ><ScRiPt>{PWN}</ScRiPt>",
    "comment and script": f"<!--<script>{PWN}</script>-->",
    "cdata": f"]]><script>{PWN}</script>",
    "image": f'<img src=x onerror="{PWN}">',
    "remote image": '<img src="https://attacker.invalid/pixel.png">',
    "svg": f'<svg/onload="{PWN}"><animate onbegin="{PWN}" attributeName=x dur=1s>',
    "iframe": f'<iframe srcdoc="<script>parent.{PWN}</script>"></iframe>',
    "meta refresh": '<meta http-equiv="refresh" content="0;url=https://attacker.invalid/">',
    "base": '<base href="https://attacker.invalid/">',
    "style": "</style><style>@import url(https://attacker.invalid/x.css);</style>",
    "link": '<link rel=stylesheet href="https://attacker.invalid/x.css">',
    "form": '<form action="https://attacker.invalid/"><button autofocus>x</button></form>',
    "attribute": f"\" autofocus onfocus={PWN} x='",
    "attribute of one quote": f"' onmouseover='{PWN}' '",
    "address": f"javascript:{PWN}",
    "textarea": f"</textarea></title></style></noscript><script>{PWN}</script>",
    "template": f"<template><script>{PWN}</script></template>",
    "jinja": "{{ 7 * 7 }} {% for x in range(9) %}{{ cycler.__init__.__globals__ }}{% endfor %}",
    "script template": "${alert(1)} `${window.pwned=1}` {{constructor.constructor('x')()}}",
    "line separators": "a\u2028b\u2029c",
    "json": '"}], "oops": [{"a": "\\u003cscript\\u003e',
    "backslashes": "\\</script>\\u003c/script\\u003e\\",
    "prototype": '{"__proto__": {"pwned": 1}}',
    "formula": '=HYPERLINK("https://attacker.invalid/","x")',
    "formula by plus": "+cmd|' /C calc'!A0",
    "formula by at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula by minus": "-2+3+cmd|' /C calc'!A0",
    "formula after a tab": "\t=1+1",
    "formula after a carriage return": "\r=1+1",
    "csv": 'a",b\r\n"c;d\n\n,,,"""',
    "lone carriage return": "one\rtwo",
    "markdown table": "a | b |\n|---|---|\n| c |",
    "markdown link": "[x](javascript:window.pwned=1) ![y](https://attacker.invalid/p.png)",
    "markdown fence": "```\n</details>\n# heading\n~~~",
    "markdown html": f"<details open ontoggle={PWN}>",
    "workflow command": "::error file=x::pwned\n::stop-commands::token\n##[error]x",
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b]8;;https://attacker.invalid\x07x",
    "c1": "\x9b31mred\x9d0;title\x9c",
    "controls": "".join(map(chr, [*range(32), 127])),
    "bidi": "\u202egnp.exe\u2066 \u2067x\u2069 \u200e\u200f\u061c",
    "surrogates": "half \ud83d alone \udc00 halves",
    "zero width": "a\u200bb\ufeffc\u2060d",
    "combining": "Z" + "\u0351\u036b\u0343" * 2000,
    "long": "<b>" * 100_000,
    "unbroken": "x" * 300_000,
    "noncharacters": "\ufffe\uffff\U0010ffff",
}
KIND = "hostile outputs in reports"


def application(prompt: Any) -> str:
    number = int(prompt[-1]["content"].split()[-1])
    name, text = list(HOSTILE.items())[number // 2]
    if number % 2:
        raise RuntimeError(f"{name}: {text}")
    return text


application.evalkit_fingerprint = "1"  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Hostile texts as answers, as errors, as targets, in fields and in ids."""
    rows = []
    for i, (name, text) in enumerate(HOSTILE.items()):
        safe = text.encode("utf-8", "replace").decode().replace("\x00", "")[:2000]
        rows.append({"id": f"{name} <b>", "n": 2 * i, "a": safe or "x", "note": safe})
        rows.append({"id": f"{name} fails", "n": 2 * i + 1, "a": "x", "note": name})
    suite = {
        "suite": "hostile",
        "task": "qa",
        "max_errors": 1000,
        "data": {"rows": rows, "target": "a"},
        "prompts": {"p": "{{ note }} number {{ n }}"},
        "metrics": ["exact_match"],
        "gates": ["exact_match >= 0.0"],
    }
    folder = tmp_path_factory.mktemp("hostile")
    return evaluate(suite, {"app": application}, store=folder / "store", root=folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: install it or set EVALKIT_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield opened
        opened.close()


@pytest.mark.browser
def test_no_script_of_an_output_runs_in_the_page(
    run: Any, browser: Any, tmp_path: Path, tally: Tally, full: bool
) -> None:
    path = tmp_path / "report.html"
    run.to_html(path)
    said: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{path.as_uri()}#suite=hostile")
    page.wait_for_selector(".current .grid .row")
    names = list(HOSTILE) if full else list(HOSTILE)[::5]
    for name in names:
        for sample in (f"{name} <b>", f"{name} fails"):
            with tally.attempt(KIND):
                page.evaluate(
                    "id => location.hash = '#suite=hostile&sample=' + encodeURIComponent(id)",
                    sample,
                )
                page.locator("#sample-title bdi", has_text=sample).wait_for()
                hostile = "img, script, a, iframe, form, meta, base, link, style, template"
                inside = ", ".join(f"dialog {tag}" for tag in hostile.split(", "))
                assert page.locator(inside).count() == 0
                assert page.evaluate("window.pwned ?? ({}).pwned") is None
                assert said == []
                outside = [u for u in asked if not u.startswith(("file:", "blob:", "data:"))]
                assert outside == []
    page.close()


def controls(text: str, *, allowed: str = "\n") -> set[str]:
    """Characters that a terminal or a log would obey, and marks of direction."""
    return {
        c
        for c in text
        if c not in allowed
        and (unicodedata.category(c) in ("Cc", "Cs") or c in "\u202e\u2066\u2067")
    }


def test_the_markdown_shows_no_markup(run: Any, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt(KIND):
        path = tmp_path / "summary.md"
        run.to_markdown(path)
        text = path.read_bytes().decode("utf-8")
        assert not controls(text)
        assert not re.search(r"^(::|##\[)", text, re.MULTILINE)
        prose = re.sub(r"`[^`\n]*`", "", text)
        tags = re.findall(r"<(/?[a-z]+)", prose, re.IGNORECASE)
        assert not {"script", "img", "svg", "iframe", "base", "meta", "b"} & {
            t.lower() for t in tags
        }
        assert "](javascript:" not in prose
        assert "![y]" not in prose


def test_the_terminal_obeys_no_output(run: Any, tally: Tally) -> None:
    with tally.attempt(KIND):
        text = "\n".join(summary_lines(run.record))
        assert not controls(text)
        assert not re.search(r"^\s*(::|##\[)", text, re.MULTILINE)


def test_the_document_is_json_and_holds_every_output(
    run: Any, tmp_path: Path, tally: Tally
) -> None:
    with tally.attempt(KIND):
        path = tmp_path / "run.json"
        write_json(run.record, path, samples=True)
        content = path.read_bytes()
        document = json.loads(content)
        outputs = {s["output"] for s in document["cells"][0]["samples"] if s["status"] == "ok"}
        kept = {text for text in HOSTILE.values() if text in outputs}
        assert len(kept) >= len(HOSTILE) - 3  # an application's empty text or control may differ


@pytest.mark.parametrize("extension", ["csv", "json"])
def test_the_export_has_its_rows_and_no_formula(
    run: Any, tmp_path: Path, tally: Tally, extension: str
) -> None:
    with tally.attempt(KIND):
        path = tmp_path / f"samples.{extension}"
        run.export(path, "samples")
        if extension == "json":
            assert len(json.loads(path.read_bytes())) == 2 * len(HOSTILE)
            return
        csv.field_size_limit(10_000_000)
        text = path.read_bytes().decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == 2 * len(HOSTILE)
        assert all(None not in row and None not in row.values() for row in rows)
        formulas = [
            (column, value[:40])
            for row in rows
            for column, value in row.items()
            if value[:1] in ("=", "+", "-", "@", "\t", "\r")
            and not re.fullmatch(r"-?[\d.e+-]+", value)
        ]
        assert not formulas


def test_the_commands_print_no_control(run: Any, tally: Tally, tmp_path: Path) -> None:
    with tally.attempt(KIND):
        folder = str(run.store.path.parent) if hasattr(run, "store") else None
        if folder is None:
            folder = str(run._store.path.parent)
        for arguments in (("runs",), ("compare", "last", "last")):
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                cli.main([*arguments, "--store", folder])
            assert not controls(out.getvalue())
