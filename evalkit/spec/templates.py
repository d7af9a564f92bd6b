"""Jinja2 for prompts: sandboxed, strict about names, and deterministic."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter

from evalkit.spec import template_limits as limits


class _Formatter(SandboxedFormatter):
    """``str.format`` whose fields are charged."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        limits.field(value, format_spec)
        return super().format_field(value, format_spec)


class _Environment(ImmutableSandboxedEnvironment):
    """No access to Python's internals, no randomness, and bounds on text and time."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        limits.binary(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """``str.format`` and ``str.format_map`` by a formatter that charges its fields."""
        if super().wrap_str_format(value) is None:
            return None
        text, mapped = value.__self__, value.__name__ == "format_map"

        def run(*args: Any, **keywords: Any) -> str:
            given = (args[0] if args else {}) if mapped else keywords
            return _Formatter(self).vformat(text, () if mapped else args, given)

        return run

    def call(__self, __context: Any, __obj: Any, *args: Any, **keywords: Any) -> Any:  # noqa: N805
        args = limits.called(__obj, args, keywords)
        return limits.written(super().call(__context, __obj, *args, **keywords))

    def _generate(self, source: nodes.Template, *args: Any, **keywords: Any) -> str:
        """Jinja2's hook between parsing a template and compiling it."""
        return super()._generate(limits.counted(source), *args, **keywords)


def _present(value: Any) -> Any:
    """A missing value must not reach a model as the word "None"."""
    if value is None:
        raise jinja2.TemplateRuntimeError(
            "a value is null; if it may be, write {{ column or '' }} or {% if column %}"
        )
    return limits.written(value)


def _environment() -> _Environment:
    environment = _Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=_present,
    )
    del environment.globals["lipsum"], environment.filters["random"]
    for known in (environment.filters, environment.tests):
        known.update({name: limits.bounded(name, known[name]) for name in known})
    environment.filters.update(limits.FILTERS)
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
        tree = _parsed(text, "template")
        for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
            for node in tree.find_all(kind):
                raise BadTemplateError("a template cannot include other files", node.lineno)
        outside = meta.find_undeclared_variables(tree) - _ENVIRONMENT.globals.keys()
        self.variables: dict[str, int] = {}
        for name in tree.find_all(nodes.Name):
            if name.name in outside and name.ctx == "load":
                self.variables.setdefault(name.name, name.lineno)
        with _explained("template"):
            self._template = _ENVIRONMENT.from_string(tree)
        # Jinja2 copies the globals at each rendering, which is slow from its chain of mappings.
        self._template.globals = dict(self._template.globals)
        self._constant: str | None = None

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with values filled in; values are never treated as templates.

        Raises BadTemplateError with the line if a name is missing or an expression fails.
        """
        if self._constant is not None:
            return self._constant
        try:
            with limits.limited():
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
        tree = _parsed("{{ (" + text + ") }}", "expression")
        with _explained("expression"):
            self._compiled = _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
        self.variables = meta.find_undeclared_variables(tree) - _ENVIRONMENT.globals.keys()

    def value(self, values: Mapping[str, Any]) -> Any:
        """Evaluate it. Raises BadTemplateError if that fails."""
        try:
            with limits.limited():
                value = limits.written(self._compiled(values))
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises, saying which name or attribute is missing
        except Exception as error:  # an expression may raise anything; the author needs the reason
            raise BadTemplateError(_reason(error), 1) from error
        return value


@functools.lru_cache(maxsize=1024)
def compiled(text: str) -> Template:
    """A compiled template, cached across suites."""
    return Template(text)


def _parsed(text: str, kind: str) -> nodes.Template:
    with _explained(kind):
        tree = _ENVIRONMENT.parse(text)
        meta.find_undeclared_variables(tree)  # fails if the tree is too deep for what follows
        return tree


@contextmanager
def _explained(kind: str) -> Iterator[None]:
    """Raises BadTemplateError for what Jinja2's or Python's compiler rejects."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        line = error.lineno if kind == "template" else 1
        raise BadTemplateError(f"not a valid {kind}: {error.message}", line) from error
    except (RecursionError, MemoryError) as error:
        message = "its brackets, blocks or operators are nested too deeply"
        raise BadTemplateError(f"not a valid {kind}: {message}", 1) from error
    except SyntaxError as error:
        raise BadTemplateError(f"not a valid {kind}: {error.msg}", 1) from error
    except (ValueError, OverflowError) as error:
        raise BadTemplateError(f"not a valid {kind}: {error}", 1) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "a macro or loop calls itself too often"
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
