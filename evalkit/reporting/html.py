"""The HTML report: one file that needs no network and trusts nothing a model wrote.

The templates, styles and scripts are plain files in ``reports/``. Everything the page says
at first sight is in its HTML; samples travel compressed (`evalkit.reporting.pack`) and are
drawn by the page's script as text, never as markup. The content security policy allows the
blocks written here, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evalkit.comparing.baseline import Baseline
from evalkit.content import folder
from evalkit.exchange import Generation
from evalkit.files import write_file
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import RunRecord
from evalkit.reporting import formatting
from evalkit.reporting.comparison import outcomes, p_value
from evalkit.reporting.figures import OUTCOMES
from evalkit.reporting.page import href, moment, page
from evalkit.reporting.summary import limited, worst_case
from evalkit.written.printable import encodable

STYLES = (
    "base.css",
    "overview.css",
    "suite.css",
    "figures.css",
    "samples.css",
    "judges.css",
    "print.css",
)
SCRIPTS = (
    "dom.js",
    "theme.js",
    "data.js",
    "filters.js",
    "list.js",
    "diff.js",
    "overlap.js",
    "paired.js",
    "judgments.js",
    "claims.js",
    "application.js",
    "sample.js",
    "dialog.js",
    "export.js",
    "explorer.js",
    "main.js",
)

_ICON_COLOURS = {
    "fail": "#b3241b",
    "error": "#6d2a8a",
    "inconclusive": "#c08a1e",
    "pass": "#0a6653",
    "none": "#655f55",
}


def render_html(
    run: RunRecord, baseline: Baseline | None = None, registry: Registry = BUILT_IN
) -> str:
    """The report of a run as one HTML document.

    baseline: an earlier run, for what changed. registry: the metrics that comparisons
    recompute.
    """
    style, script = _joined(STYLES), _joined(SCRIPTS)
    arranged = page(run, baseline, registry)
    template = _environment().get_template("report.html.j2")
    html = template.render(
        page=arranged,
        icon=_icon(arranged.verdict),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )
    return encodable(html)


def write_html(
    run: RunRecord,
    path: str | Path,
    baseline: Baseline | None = None,
    registry: Registry = BUILT_IN,
) -> Path:
    """Write the report as UTF-8; a missing folder is created."""
    target = Path(path)
    write_file(target, render_html(run, baseline, registry))
    return target


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder("reports")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formatting.number,
        interval=formatting.interval,
        signed=formatting.signed,
        percent=formatting.percent,
        duration=formatting.duration,
        memory=lambda size: f"{size / 1e9:.2f} GB",
        moment=moment,
        count=lambda value: f"{value:,}",
        pretty=_pretty,
        p_value=p_value,
        outcomes=outcomes,
    )
    environment.globals.update(
        limited=limited,
        settings=_settings,
        worst_case=worst_case,
        href=href,
        refusal_words=OUTCOMES,
        share=lambda part, whole: f"{part / whole:.0%}" if whole else formatting.ABSENT,
        brief=lambda seconds: formatting.ABSENT if seconds is None else f"{seconds:.3g} s",
        rate=lambda tokens: formatting.ABSENT if tokens is None else f"{tokens:,.0f}",
    )
    return environment


def _joined(names: Sequence[str]) -> str:
    """Files of ``reports/`` one after the other, as they stand in the page."""
    texts = [(folder("reports") / name).read_text(encoding="utf-8") for name in names]
    return "\n" + "\n".join(texts)


def _policy(style: str, script: str) -> str:
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "require-trusted-types-for 'script'"
    )


def _icon(verdict: str) -> str:
    """The tab's icon, as the rest of a data address: a square in the colour of the run."""
    colour = _ICON_COLOURS[verdict]
    square = f'<rect width="16" height="16" rx="4" fill="{colour}"/>'
    return quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{square}</svg>')


def _hash(block: str) -> str:
    digest = hashlib.sha256(block.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _settings(generation: Generation) -> str:
    """The parameters that are set, in one line: ``max_new_tokens 8, stop ["\\n"]``."""
    given = {k: value for k, value in generation.to_json().items() if value not in (None, [])}
    named = [f"{name} {_pretty(value)}" for name, value in given.items()]
    return ", ".join(named) or formatting.ABSENT


def _pretty(value: Any) -> str:
    """A plain value as people read it: text as it is, the rest as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
