"""Models run by vLLM in this process.

Texts are tokenised by the same rules as for ``transformers`` (``evalkit.engine.tokenization``), so
both backends see the same prompts and compare choices from the same token border.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models import hardware
from evalkit.models.base import Batch, Capabilities
from evalkit.models.fingerprints import fingerprint
from evalkit.models.options import Declaration, check
from evalkit.models.remote import prompts
from evalkit.models.source import ModelSource, locate_model
from evalkit.models.time_limits import TimedOptions, TimeLimits

if TYPE_CHECKING:
    from evalkit.engine.tokenization import RequestTokenizer, TokenizedRequest

REQUESTS_PER_CALL = 256
"""Requests of one call of vLLM; their responses are stored before the next call."""
INSTALL_VLLM = 'pip install "pytest-evalkit[vllm]"'


class VllmOptions(TimedOptions):
    """Options of the ``vllm`` backend."""

    model: str
    """A local folder or a hub id."""
    revision: str | None = None
    """A branch, tag or commit on the hub."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The precision, as in vLLM."""
    quantization: str | None = None
    """The quantisation method, as in vLLM."""
    tensor_parallel_size: int = Field(default=1, ge=1)
    """The number of GPUs that share the weights."""
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1)
    """The fraction of GPU memory that vLLM may use."""
    context_length: int | None = Field(default=None, ge=1)
    """The ``max_model_len`` of vLLM, in tokens."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of ``vllm.LLM``."""
    chat_template: str | None = None
    """A Jinja template that replaces the tokenizer's own."""
    trust_remote_code: bool = False
    """Run code that comes with the weights."""


class VllmModel:
    """A causal language model that vLLM runs in this process."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, VllmOptions)
        self._limits = TimeLimits(self.name, self.options)
        self.capabilities = Capabilities(reading=False)
        self._root = Path(declaration.root)
        self._source: ModelSource | None = None
        self._llm: Any = None
        self._encoder: RequestTokenizer | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, precision, parallelism, template and versions."""
        options, source = self.options, self._locate()
        template = options.chat_template
        uses_date = "strftime_now" in template if template else source.template_uses_date
        return fingerprint(
            options,
            "vllm",
            weights=dict(source.identity),
            **({"date": date.today().isoformat()} if uses_date else {}),
            versions=hardware.library_versions("vllm", "torch", "transformers", "tokenizers"),
        )

    def load(self) -> None:
        """Load the weights. Raises ModelError if vLLM is missing or cannot load them."""
        if self._llm is not None:
            return
        started = time.perf_counter()
        options, source = self.options, self._locate()
        vllm = _vllm()
        try:
            self._llm = vllm.LLM(
                model=source.path,
                revision=source.revision,
                dtype=options.dtype,
                quantization=options.quantization,
                tensor_parallel_size=options.tensor_parallel_size,
                gpu_memory_utilization=options.gpu_memory_utilization,
                max_model_len=options.context_length,
                trust_remote_code=options.trust_remote_code,
                **options.arguments,
            )
        except Exception as error:  # of vLLM, the device or the weights
            message = f"'{self.name}': vLLM cannot load {options.model}"
            raise ModelError(f"{message}: {type(error).__name__}: {error}") from error
        from evalkit.engine.tokenization import RequestTokenizer

        length = self._llm.llm_engine.model_config.max_model_len
        self._encoder = RequestTokenizer(self._llm.get_tokenizer(), length, options.chat_template)
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer a few hundred requests per call; vLLM batches them itself."""
        prompts.check_supported(
            self.name,
            requests,
            understood=("top_k", "top_p", "seed", "repetition_penalty"),
            advice="vLLM's `generate` has no such parameter",
        )
        self.load()
        yield from self._limits.apply(lambda: self._respond(requests, answered), requests, answered)

    def _respond(self, requests: Sequence[Request], answered: frozenset[int]) -> Iterator[Batch]:
        for start in range(0, len(requests), REQUESTS_PER_CALL):
            todo = [
                i
                for i in range(start, min(start + REQUESTS_PER_CALL, len(requests)))
                if i not in answered
            ]
            if todo:
                yield list(zip(todo, self._answer([requests[i] for i in todo]), strict=True))

    def describe(self) -> Mapping[str, Any]:
        """The chosen settings."""
        known: dict[str, Any] = {"model": self.options.model, "dtype": self.options.dtype}
        if self._encoder is not None:
            known["context_length"] = self._encoder.context_length
            known["load_seconds"] = round(self._load_seconds, 3)
        return known

    def close(self) -> None:
        """Free the engine and the memory of the device."""
        if self._llm is None:
            return
        from evalkit.engine.memory import release_memory

        self._llm = self._encoder = None
        release_memory()

    def _locate(self) -> ModelSource:
        if self._source is None:
            options = self.options
            self._source = locate_model(
                options.model, self._root, gguf=None, revision=options.revision
            )
        return self._source

    def _answer(self, requests: Sequence[Request]) -> list[Response]:
        assert self._encoder is not None
        encoded = self._encoder.encode(requests)
        started = time.perf_counter()
        inputs, parameters = [], []
        for each in encoded:
            if not isinstance(each, Response):
                for ids in texts(each):
                    inputs.append({"prompt_token_ids": list(ids)})
                    parameters.append(_vllm().SamplingParams(**sampling(each.request)))
        outputs = iter(self._llm.generate(inputs, parameters, use_tqdm=False) if inputs else [])
        responses = []
        for each in encoded:
            if isinstance(each, Response):
                responses.append(each)
            else:
                responses.append(_response(each, [next(outputs) for _ in texts(each)]))
        seconds = (time.perf_counter() - started) / len(requests)
        return [replace(response, seconds=seconds) for response in responses]


def texts(encoded: TokenizedRequest) -> list[tuple[int, ...]]:
    """The prompts of a request as token ids: one, or one for each choice."""
    if not encoded.choices:
        return [encoded.prompt]
    return [encoded.prompt + choice for choice in encoded.choices]


def sampling(request: Request) -> dict[str, Any]:
    """The parameters of a request by the names of ``vllm.SamplingParams``."""
    if request.choices:
        return {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
    generation = request.generation
    parameters: dict[str, Any] = {
        "max_tokens": generation.max_new_tokens,
        "temperature": generation.temperature,
        "repetition_penalty": generation.repetition_penalty,
        "stop": list(generation.stop) or None,
    }
    if generation.temperature > 0:
        parameters["seed"] = prompts.seed(request)
        if generation.top_k is not None:
            parameters["top_k"] = generation.top_k
        if generation.top_p is not None:
            parameters["top_p"] = generation.top_p
    return parameters


def _response(encoded: TokenizedRequest, outputs: Sequence[Any]) -> Response:
    """The response to a request from vLLM's outputs for its prompts."""
    if encoded.choices:
        return _chosen(encoded, outputs)
    written = outputs[0].outputs[0]
    truncated = written.finish_reason == "length"
    stopped = isinstance(getattr(written, "stop_reason", None), str)
    return Response(
        Status.TRUNCATED if truncated else Status.OK,
        text=written.text,
        sent=encoded.sent,
        prompt_tokens=len(encoded.prompt),
        completion_tokens=len(written.token_ids),
        finish="length" if truncated else "stop_string" if stopped else "stop",
    )


def _chosen(encoded: TokenizedRequest, outputs: Sequence[Any]) -> Response:
    border = len(encoded.prompt)
    sums = []
    for ids, output in zip(texts(encoded), outputs, strict=True):
        entries = output.prompt_logprobs[border:]
        follow = zip(ids[border:], entries, strict=True)
        sums.append(sum(float(entry[token].logprob) for token, entry in follow))
    best = max(range(len(sums)), key=sums.__getitem__)
    return Response(
        Status.OK,
        text=encoded.request.choices[best],
        sent=encoded.sent,
        logprobs=tuple(sums),
        choice_tokens=tuple(len(choice) for choice in encoded.choices),
        prompt_tokens=border,
        completion_tokens=0,
        finish="stop",
    )


def _vllm() -> Any:
    try:
        import vllm
    except ImportError as error:
        raise ModelError(
            f"backend vllm needs vLLM, which runs on Linux with a GPU: {INSTALL_VLLM} ({error})"
        ) from None
    return vllm
