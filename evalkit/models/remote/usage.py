"""Usage of a service: responses, retries, tokens and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evalkit.exchange import Response
from evalkit.models.remote.options import Prices


@dataclass(slots=True)
class Usage:
    """Sums over the responses of this run, without cached ones."""

    prices: Prices | None = None
    answered: int = 0
    retried: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def count(self, response: Response, attempts: int) -> Response:
        """Count a response; returns it with its cost and number of attempts in the details."""
        details: dict[str, Any] = dict(response.details)
        if attempts > 1:
            details["tries"] = attempts
        self.retried += attempts - 1
        self.answered += response.answered
        self.prompt_tokens += response.prompt_tokens or 0
        self.completion_tokens += response.completion_tokens or 0
        if self.prices is not None and response.answered:
            price = cost(response, self.prices)
            if price is None:
                self.unpriced += 1
            else:
                self.cost += price
                details["cost"] = price
        return replace(response, details=details) if details != response.details else response

    def described(self) -> Mapping[str, Any]:
        """The sums for reports; empty before the first request."""
        if not self.answered and not self.retried:
            return {}
        known: dict[str, Any] = {"answered": self.answered, "retries": self.retried}
        known["tokens"] = f"{self.prompt_tokens} in, {self.completion_tokens} out"
        if self.prices is not None:
            known["cost"] = f"{self.cost:.6g} {self.prices.currency}"
            if self.unpriced:
                known["cost"] += f" without {self.unpriced} answers of unknown length"
        return known


def cost(response: Response, prices: Prices) -> float | None:
    """The cost of a response in the currency of the prices; None if its tokens are unknown."""
    if response.prompt_tokens is None or response.completion_tokens is None:
        return None
    total = response.prompt_tokens * prices.input + response.completion_tokens * prices.output
    return total / 1_000_000
