"""The page of the Python interface."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from docs.generate.markdown import code, page, single, table

FUNCTIONS = ("evaluate", "load_run", "compare", "compute")
RUN = ("scores", "samples", "gates", "passed", "to_html", "to_json", "to_markdown", "export")


def python() -> str:
    """The public names of ``evalkit``."""
    import evalkit

    parts: list[str] = []
    for name in FUNCTIONS:
        parts += _described(f"evalkit.{name}", getattr(evalkit, name))
    parts += _described("evalkit.Run", evalkit.Run, signature=False)
    members = [[code(name), _first(getattr(evalkit.Run, name))] for name in RUN]
    parts.append(table(["attribute or method", "description"], members))
    parts += _described("evalkit.Score", evalkit.Score, signature=False)
    shown = {*FUNCTIONS, "Run", "Score", "__version__"}
    rest = [name for name in evalkit.__all__ if name not in shown]
    rows = [[code(name), _first(getattr(evalkit, name))] for name in rest]
    parts += ["## Other names", table(["name", "description"], rows)]
    about = (
        "The public names of `evalkit`. They are loaded on first use, so the import is fast. Also"
        " public: `evalkit.tasks`, for custom tasks, and `evalkit.models.base` and"
        " `evalkit.models.options`, for backends. All other modules are private and may change in"
        " any release."
    )
    return page("Python", about, *parts)


def _described(name: str, thing: Any, *, signature: bool = True) -> list[str]:
    short = name.rpartition(".")[2]
    parts = [f"## {name}"]
    if signature:
        parts.append(f"```text\n{short}{_signature(thing)}\n```")
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    return [*parts, *map(_paragraph, paragraphs)]


def _paragraph(text: str) -> str:
    """A paragraph of a docstring; an example becomes a block, a section a list."""
    title, _, body = text.partition("\n")
    if title in ("Args:", "Returns:", "Raises:", "Warns:"):
        return f"**{title.removesuffix(':')}**\n\n{_items(textwrap.dedent(body), title)}"
    return f"```pycon\n{text}\n```" if text.startswith(">>>") else single(text)


def _items(body: str, title: str) -> str:
    """The items of a docstring's section as a list; those of ``Returns`` as a paragraph."""
    if title == "Returns:":
        return " ".join(body.split())
    named = [item.partition(": ") for item in re.split(r"\n(?=\S)", body)]
    items = [(name, " ".join(text.split())) for name, _, text in named]
    return "\n".join(f"* {code(name)}: {text}" for name, text in items)


def _signature(function: Callable[..., Any]) -> str:
    """The parameters without annotations; the text below describes them."""
    lines, star = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            lines, star = [*lines, "*"], True
        lines.append(str(parameter.replace(annotation=parameter.empty)))
    return "(" + ", ".join(lines) + ")"


def _first(thing: Any) -> str:
    """The first paragraph of a docstring."""
    text = inspect.getdoc(thing.fget if isinstance(thing, property) else thing) or ""
    return single(text.split("\n\n")[0])
