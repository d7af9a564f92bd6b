"""Jinja2 for prompts: sandboxed, strict about names, and deterministic."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

_MAX_TEXT = 10_000_000


class _Environment(ImmutableSandboxedEnvironment):
    """No access to Python's internals, no randomness, and no excessively long text."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and not (abs(left) <= 1000 and abs(right) <= 100):
            raise jinja2.TemplateRuntimeError("the power is too large")
        for text, times in ((left, right), (right, left)):
            if (
                hasattr(text, "__len__")
                and isinstance(times, int)
                and len(text) * times > _MAX_TEXT
            ):
                raise jinja2.TemplateRuntimeError("the repeated text is too long")
        return super().call_binop(context, operator, left, right)


def _present(value: Any) -> Any:
    """A missing value must not reach a model as the word "None"."""
    if value is None:
        raise jinja2.TemplateRuntimeError(
            "a value is null; if it may be, write {{ column or '' }} or {% if column %}"
        )
    return value


def _environment() -> _Environment:
    environment = _Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=_present,
    )
    del environment.globals["lipsum"], environment.filters["random"]
    return environment


_ENVIRONMENT = _environment()


class BadTemplateError(Exception):
    """An invalid template: the problem, and its line (from 1)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Template:
    """One compiled template.

    variables: the names that it uses and does not define, each with the first line of its use.
    """

    def __init__(self, text: str) -> None:
        """Raises BadTemplateError if the template is invalid or includes other files."""
        self.text = text
        try:
            tree = _ENVIRONMENT.parse(text)
            self._template = _ENVIRONMENT.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            message = f"not a valid template: {error.message}"
            raise BadTemplateError(message, error.lineno) from error
        for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
            for node in tree.find_all(kind):
                raise BadTemplateError("a template cannot include other files", node.lineno)
        outside = meta.find_undeclared_variables(tree) - _ENVIRONMENT.globals.keys()
        self.variables: dict[str, int] = {}
        for name in tree.find_all(nodes.Name):
            if name.name in outside and name.ctx == "load":
                self.variables.setdefault(name.name, name.lineno)
        self._constant: str | None = None

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with values filled in; values are never treated as templates.

        Raises BadTemplateError with the line if a name is missing or an expression fails.
        """
        if self._constant is not None:
            return self._constant
        try:
            text = self._template.render(values)
        except Exception as error:  # an expression may raise anything; the author needs the line
            raise BadTemplateError(_reason(error), _line(error)) from error
        if not self.variables:  # nothing from outside: the same text for every sample
            self._constant = text
        return text


class Expression:
    """One compiled Jinja2 expression, such as ``choices.text[0]``; its value may be of any type.

    variables: the names that it uses and does not define.
    """

    def __init__(self, text: str) -> None:
        """Raises BadTemplateError if the expression is invalid."""
        try:
            tree = _ENVIRONMENT.parse("{{ (" + text + ") }}")
            self._compiled = _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
        except jinja2.TemplateSyntaxError as error:
            raise BadTemplateError(f"not a valid expression: {error.message}", 1) from error
        self.variables = meta.find_undeclared_variables(tree) - _ENVIRONMENT.globals.keys()

    def value(self, values: Mapping[str, Any]) -> Any:
        """Evaluate it. Raises BadTemplateError if that fails."""
        try:
            value = self._compiled(values)
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises, saying which name or attribute is missing
        except Exception as error:  # an expression may raise anything; the author needs the reason
            raise BadTemplateError(_reason(error), 1) from error
        return value


@functools.lru_cache(maxsize=1024)
def compiled(text: str) -> Template:
    """A compiled template, cached across suites."""
    return Template(text)


def _reason(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateRuntimeError):
        return str(error.message)
    return f"{type(error).__name__}: {error}"


def _line(error: Exception) -> int:
    """The line of the template where an error arose, from Jinja2's rewritten traceback."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
