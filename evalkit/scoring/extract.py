"""Extract the prediction from a response, by the suite's task and its ``answer:``."""

from __future__ import annotations

from evalkit.answers import Extracted
from evalkit.answers.admissions import admission_in
from evalkit.exchange import Request, Response, lead
from evalkit.spec.data import Sample
from evalkit.spec.prompts import options
from evalkit.spec.suite import Suite


def extract(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    """The prediction in a response, or why there is none."""
    if request.inputs is not None:
        return _from_head(suite, request, response)
    if request.choices:
        return _chosen(suite, sample, request, response)
    if request.reading is not None:
        total, tokens = response.logprobs[0], response.choice_tokens[0]
        return Extracted("", f"log-likelihood {total:.6g} nats over {tokens} tokens")
    if suite.answer.method == "admission":
        return admission_in(response.text)
    return suite.kind.extract(suite, sample, request, response)


def _from_head(suite: Suite, request: Request, response: Response) -> Extracted:
    """A head returns labels or spans, not prose: its task says what they mean."""
    head = suite.kind.head
    if head is not None and head.extract is not None:
        return head.extract(suite, request, response)
    return Extracted(response.text, str(response.details.get("how", "")))


def _chosen(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    best = max(range(len(request.choices)), key=response.logprobs.__getitem__)
    explanation = (
        f"the most likely of {len(request.choices)} continuations: '{request.choices[best]}',"
        f" {lead(response.logprobs):.3g} nats ahead of the next{_method(response)}"
    )
    own = suite.kind.options
    calls = None if own is None else own(suite, sample)[best].calls
    return Extracted(options(suite, sample)[best], explanation, calls)


def _method(response: Response) -> str:
    """How a server's log-probabilities were obtained, where it matters."""
    method = response.details.get("choice_method")
    if method == "first-token":
        return " (by the first token alone)"
    return f" (by {method})" if method else ""
