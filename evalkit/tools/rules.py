"""How a suite matches calls: its tools and its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.messages import ToolCall
from evalkit.tools.declared import Toolbox, tools_of
from evalkit.tools.expected import ExpectedCall, expected_in
from evalkit.tools.matching import Matched, Rules, match


@dataclass(frozen=True)
class CallRules:
    """The tools of a suite, of all samples or in a column, and when calls are equal."""

    rules: Rules = field(default_factory=Rules)
    tools: Toolbox = field(default_factory=Toolbox)
    column: str | None = None
    """The column with the tools of each sample; None: they are the same for all."""

    @classmethod
    def declared(cls, suite: Mapping[str, Any]) -> CallRules:
        """From a suite's declaration in its long form, as JSON values."""
        rules = suite.get("match") or {}
        return cls(
            Rules(
                order=rules.get("order", "any"),
                extra=rules.get("extra") == "yes",
                numbers=rules.get("numbers", "equal"),
                texts=rules.get("texts", "exact"),
            ),
            Toolbox(tools_of(suite.get("tools") or ())),
            (suite.get("data") or {}).get("tools"),
        )

    def toolbox(self, fields: Mapping[str, Any]) -> Toolbox:
        """The tools of a sample. fields: its row."""
        if self.column is None or self.column not in fields:
            return self.tools
        return Toolbox(tools_of(fields[self.column]))

    def matched(
        self, targets: Sequence[str], calls: Sequence[ToolCall], fields: Mapping[str, Any]
    ) -> Matched:
        """The calls of an answer against the targets of its sample."""
        alternatives: list[Sequence[ExpectedCall]] = list(map(expected_in, targets))
        return match(alternatives, calls, self.toolbox(fields), self.rules)
