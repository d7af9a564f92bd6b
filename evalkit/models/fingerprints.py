"""Which options are part of a cache key: every option of every backend, in one table.

A test checks that no option is missing. If an option that changes answers did not count, the cache
would return answers of another model. If one that changes none did count, changing it would request
every answer again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from evalkit.models.options import Options


class Role(NamedTuple):
    """How an option affects answers.

    part: the entry of the fingerprint that it determines; "": the entry of its own name; None: no
    entry. why: the reason, for the reference page. omit_default: whether the entry is left out when
    the option has its default.
    """

    part: str | None
    why: str
    omit_default: bool = False


def changes(why: str, part: str = "", *, omit_default: bool = False) -> Role:
    """The role of an option that can change an answer."""
    return Role(part, why, omit_default)


def keeps(why: str) -> Role:
    """The role of an option that changes no answer."""
    return Role(None, why)


def fingerprint(options: Options, backend: str, /, **known: Any) -> dict[str, Any]:
    """The fingerprint of a declared model.

    known: entries that are determined rather than declared (the identity of the weights, the
    precision that ``auto`` selects, versions). An option without such an entry counts with its
    declared value.

    Raises KeyError if an option determines an entry of another name that is missing in ``known``,
    which is a bug of the backend.
    """
    found: dict[str, Any] = {"backend": backend}
    for name, role in OPTIONS[type(options).__name__].items():
        if role.part is None or name in known:
            continue
        if role.part:
            found[role.part] = known[role.part]
        elif not role.omit_default or getattr(options, name) != _default_of(options, name):
            found[name] = getattr(options, name)
    return {**found, **known}


def grouped(options: Options, part: str) -> dict[str, Any]:
    """The options that share one entry of the fingerprint, without those at their defaults."""
    names = {n for n, role in OPTIONS[type(options).__name__].items() if role.part == part}
    return options.model_dump(include=names, exclude_defaults=True)


def _default_of(options: Options, name: str) -> Any:
    return type(options).model_fields[name].get_default(call_default_factory=True)


_WEIGHTS = changes("identifies the weights, by content or commit", "weights")
_PRECISION = changes("changes rounding; counts as the precision that `auto` selects")
_KIND = changes("kinds of device round differently; devices of one kind count as equal")
_BATCHES = keeps("answers do not depend on the batch, except near-ties in half precision")
_REMOTE_CODE = changes("the checkpoint's own code computes the answers", omit_default=True)

_ALL = {"thinking": keeps("applied when a stored answer is read")}

_TIMED = {
    **_ALL,
    "timeout": keeps("a late answer is an error, and errors are not cached"),
    "deadline": keeps("as `timeout`"),
}

_SERVER = {
    **_ALL,
    "model": changes("the name on the server; its weights count if the server reports them"),
    "max_concurrency": keeps("changes only the speed"),
    "timeout": keeps("a late answer is an error, and errors are not cached"),
    "deadline": keeps("as `timeout`"),
    "retries": keeps("as `timeout`"),
    "backoff": keeps("changes only the speed"),
    "max_wait": keeps("changes only the speed"),
    "prices": keeps("cost is computed separately from the answer"),
    "version": changes("distinguishes states of the service behind the address"),
    "cache": keeps("without caching, answers have no key"),
}

OPTIONS: Mapping[str, Mapping[str, Role]] = {
    "Options": _ALL,
    "TimedOptions": _TIMED,
    "RemoteOptions": _SERVER,
    "TransformersOptions": {
        **_TIMED,
        "model": _WEIGHTS,
        "revision": _WEIGHTS,
        "gguf_file": _WEIGHTS,
        "dtype": _PRECISION,
        "quantization": changes("changes rounding; counts with its defaults spelled out"),
        "device": _KIND,
        "device_map": changes(
            "layers on other kinds of device round differently", omit_default=True
        ),
        "adapter": changes("counts by content or commit"),
        "adapter_revision": changes("identifies the commit of the adapter", "adapter"),
        "attn_implementation": changes("changes rounding"),
        "chat_template": changes("changes the text that the model sees"),
        "context_length": changes("changes which prompts fit, and the windows over long texts"),
        "batch_tokens": _BATCHES,
        "batch_rows": _BATCHES,
        "head": keeps("only confirms that the checkpoint generates text"),
        "engine": changes("changes rounding and stopping; counts with the engine's version"),
        "trust_remote_code": _REMOTE_CODE,
    },
    "HeadOptions": {
        **_TIMED,
        "model": _WEIGHTS,
        "revision": _WEIGHTS,
        "dtype": _PRECISION,
        "device": _KIND,
        "batch_tokens": _BATCHES,
        "batch_rows": _BATCHES,
        "trust_remote_code": _REMOTE_CODE,
        "head": changes("selects what is computed from the weights"),
        "attn_implementation": changes("changes rounding", "options"),
        "context_length": changes("limits the length of texts", "options"),
        "labels": changes("maps outputs to labels", "options"),
        "max_answer_tokens": changes("limits the spans that can be an answer", "options"),
        "n_best": changes("changes the spans that are listed beside the answer", "options"),
        "no_answer": changes("decides whether there may be no answer", "options"),
        "no_answer_threshold": changes("decides when there is no answer", "options"),
        "window": changes("changes which tokens are read together", "options"),
        "overlap": changes("changes which tokens are read together", "options"),
        "top_k": changes("changes the words that are listed", "options"),
        "pooling": changes(
            "changes the vector of a text; the default counts as what it selects", "options"
        ),
        "label_template": changes("changes the text that stands for a label", "options"),
        "temperature": changes("changes probabilities", "options"),
    },
    "CallableOptions": {
        **_ALL,
        "model": changes("identifies the function, with its module's source", "functions"),
        "choose": changes("identifies the function, with its module's source", "functions"),
        "parameters": changes("passed to the function"),
        "batch": changes("changes what the function is passed"),
        "concurrency": keeps("changes only the speed"),
        "timeout": keeps("a late answer is an error, and errors are not cached"),
        "deadline": keeps("as `timeout`"),
        "isolate": keeps("changes where the function runs, not what it is"),
        "version": changes("distinguishes states of the application"),
        "cache": keeps("without caching, answers have no key"),
    },
    "OpenAIOptions": {
        **_SERVER,
        "base_url": changes("the same name at another address may be another model"),
        "api_key_env": keeps("changes who asks, not what is asked"),
        "max_tokens_field": changes("decides whether the server understands the limit", "limit"),
        "accepts": changes("changes the request"),
        "omit": changes("changes the request"),
        "extra_body": changes("changes the request"),
        "choices": changes("whole choices and first tokens are scored differently"),
    },
    "OllamaOptions": {
        **_SERVER,
        "base_url": changes(
            "identifies the files by digest, or by address if the server reports none", "digest"
        ),
        "num_ctx": changes("changes which prompts fit"),
        "keep_alive": keeps("how long the server keeps the model in memory"),
        "reasoning": changes("decides whether the model thinks before it answers"),
        "parameters": changes("changes the request"),
    },
    "LangChainOptions": {
        **_SERVER,
        "model": changes("identifies the class; what it calls is unknown", "class"),
        "arguments": changes("changes the arguments of the class"),
        "parameters": changes("changes which generation parameters are passed on"),
        "api_key_env": keeps("changes who asks, not what is asked"),
        "api_key_argument": keeps("only names the argument for the key"),
    },
    "InferenceOptions": {
        **_SERVER,
        "provider": changes("providers run a model in different precisions"),
        "api_key_env": keeps("changes who asks, not what is asked"),
        "extra_body": changes("changes the request"),
    },
    "VllmOptions": {
        **_TIMED,
        "model": _WEIGHTS,
        "revision": _WEIGHTS,
        "dtype": changes("changes rounding"),
        "quantization": changes("changes rounding"),
        "tensor_parallel_size": changes("sums over devices round differently"),
        "gpu_memory_utilization": _BATCHES,
        "context_length": changes("changes which prompts fit"),
        "arguments": changes("may contain anything"),
        "chat_template": changes("changes the text that the model sees"),
        "trust_remote_code": _REMOTE_CODE,
    },
}
"""Options by the class that checks them."""
