"""Columns that a suite computes from those of its data (``data.columns``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.errors import SpecError, unknown
from evalkit.spec.readers import RowProblems
from evalkit.spec.suite import Suite
from evalkit.spec.templates import BadTemplateError, Expression
from evalkit.spec.values import plain


def derive(
    suite: Suite,
    fields: Sequence[dict[str, Any]],
    numbers: Sequence[int],
    columns: Sequence[str],
    row_problems: RowProblems,
) -> tuple[str, ...]:
    """Add the suite's computed columns to rows, in place; returns all columns.

    Later columns may use earlier ones, and a computed column may replace one of the data. Rows that
    have the column but lack what it is computed from (worked examples written into the suite) keep
    their value. A row whose expression fails is added to ``row_problems``. Raises SpecError for an
    invalid expression or an unknown column.
    """
    known = dict.fromkeys(columns)
    for name, text in suite.data.columns.items():
        expression = _expression(suite, name, text)
        missing = [variable for variable in expression.variables if variable not in known]
        if missing and name in known:
            continue
        if missing:
            message = unknown("column", missing[0], tuple(known))
            raise SpecError([suite.problem(("data", "columns", name), message)])
        for number, row in zip(numbers, fields, strict=True):
            try:
                row[name] = plain(expression.value(row))
            except BadTemplateError as error:
                row[name] = None
                message = f"the column '{name}' cannot be computed: {error}"
                row_problems.add(f"column {name}", number, message)
        known[name] = None
    return tuple(known)


def _expression(suite: Suite, name: str, text: str) -> Expression:
    try:
        return Expression(text)
    except BadTemplateError as error:
        raise SpecError([suite.problem(("data", "columns", name), str(error))]) from error
