"""Generative models of Hugging Face transformers, in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from evalkit.engine.version import ENGINE
from evalkit.errors import ModelError
from evalkit.exchange import Request
from evalkit.models import adapters, default, hardware
from evalkit.models.adapters import Adapter
from evalkit.models.base import Batch, Capabilities, InProgress
from evalkit.models.fingerprints import fingerprint
from evalkit.models.identity import text_digest
from evalkit.models.options import Declaration, check
from evalkit.models.quantization import Quantization, stored
from evalkit.models.source import ModelSource, locate_model
from evalkit.models.time_limits import TimedOptions, TimeLimits
from evalkit.models.weight_cache import WeightCache

if TYPE_CHECKING:
    from evalkit.engine.language_model import LanguageModel
    from evalkit.engine.memory_estimate import MemoryEstimate
    from evalkit.models.loading import LoadedWeights

BUILTIN_PREFIX = "builtin:"


class TransformersOptions(TimedOptions):
    """Options of the ``transformers`` backend."""

    model: str
    """A local folder, a ``.gguf`` file or a hub id."""
    revision: str | None = None
    """A branch, tag or commit on the hub."""
    gguf_file: str | None = None
    """A GGUF file inside the folder or the hub model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The precision; ``auto`` is that of the checkpoint if the device is fast at it."""
    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is the first of CUDA, MPS and CPU. A list
    of devices runs a replica on each."""
    device_map: str | dict[str, int | str] | None = None
    """Replaces ``device``, as in transformers: ``auto``, ``balanced``, …, or devices by module."""
    quantization: Quantization | None = None
    """Quantise the weights to 8 or 4 bits while loading."""
    adapter: str | None = None
    """A PEFT adapter: a folder or a hub id."""
    adapter_revision: str | None = None
    """A branch, tag or commit of the adapter on the hub."""
    attn_implementation: str | None = None
    """The attention of plain batches, as in transformers: ``sdpa``, ``eager``,
    ``flash_attention_2``."""
    chat_template: str | None = None
    """A Jinja template, or a ``.jinja`` file relative to the root of the project."""
    context_length: int | None = Field(default=None, ge=1)
    """The context length in tokens; default: that of the config."""
    batch_tokens: int | None = Field(default=None, ge=1)
    """Maximum number of tokens per batch; default: what fits into memory."""
    batch_rows: int | None = Field(default=None, ge=1)
    """Maximum number of sequences per batch; default: 48, or 256 on CUDA."""
    head: Literal["causal-lm", "encoder-decoder"] | None = None
    """States that the checkpoint generates text, if its config does not. Task heads have further
    options."""
    engine: Literal["auto", "plain", "continuous"] = "auto"
    """``auto`` runs packed batches if the model allows it, ``plain`` padded batches; ``continuous``
    uses transformers' continuous batching for greedy answers."""
    trust_remote_code: bool = False
    """Run code that comes with the weights."""

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        kind, _, index = value.partition(":")
        if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
            raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
        return value

    @field_validator("engine", mode="before")
    @classmethod
    def _own_engine(cls, value: object) -> object:
        if value == "vllm":
            raise ValueError("vLLM is a separate backend: write `backend: vllm`")
        return value

    @model_validator(mode="after")
    def _together(self) -> TransformersOptions:
        if self.device_map is not None and self.device != "auto":
            raise ValueError("device_map replaces device; remove device")
        if self.quantization is not None and (self.gguf_file or self.model.endswith(".gguf")):
            raise ValueError("a GGUF file is quantised already; remove quantization")
        if self.adapter_revision is not None and self.adapter is None:
            raise ValueError("adapter_revision needs adapter; add it or remove adapter_revision")
        if self.engine == "continuous" and self.device_map is not None:
            raise ValueError("engine 'continuous' runs on one device; remove device_map")
        return self


class TransformersModel:
    """A generative model that runs in this process (see ``evalkit.engine``)."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, TransformersOptions)
        self.weight_cache = WeightCache()
        self.capabilities = Capabilities()
        self._limits = TimeLimits(self.name, self.options)
        self._root = Path(declaration.root)
        self._source: ModelSource | None = None
        self._adapter: Adapter | None = None
        self._loaded: LoadedWeights | None = None
        self._adapter_name: str | None = None
        self._lm: LanguageModel | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, precision, kind of device, template and versions."""
        source = self._locate()
        template = self._template()
        uses_date = "strftime_now" in template if template else source.template_uses_date
        return fingerprint(
            self.options,
            "transformers",
            weights=dict(source.identity),
            **self._precision(),
            adapter=self._adapter_identity(),
            device=self._device().partition(":")[0],
            chat_template=text_digest(template) if template else None,
            engine=f"{self.options.engine}-{ENGINE}",
            **({"date": date.today().isoformat()} if uses_date else {}),
            versions=hardware.library_versions(*self._libraries()),
        )

    @property
    def weights_key(self) -> str:
        """Equal for declarations that can share weights (see ``evalkit.models.weight_cache``)."""
        parts = {
            "weights": dict(self._locate().identity),
            **self._precision(),
            "device": self._device(),
            "device_map": self.options.device_map,
            "attn_implementation": self.options.attn_implementation,
            "trust_remote_code": self.options.trust_remote_code,
        }
        return json.dumps(parts, sort_keys=True)

    def load(self) -> None:
        """Load weights and tokenizer, unless another model shares them. Raises ModelError."""
        if self._lm is not None:
            return
        started = time.perf_counter()
        adapter = self._locate_adapter()
        self._loaded = self.weight_cache.acquire(self.weights_key, self._read_weights)
        try:
            if adapter is not None:
                self._adapter_name = self._loaded.attach(adapter)
            self._loaded.activate(self._adapter_name)
            self._lm = self._wrap(self._loaded)
        except BaseException:
            self.close()
            raise
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see ``evalkit.engine.local``); loads the model if necessary."""
        self.load()
        yield from self._limits.apply(lambda: self._respond(requests, answered), requests, answered)

    def _respond(self, requests: Sequence[Request], answered: frozenset[int]) -> Iterator[Batch]:
        from evalkit.engine.local import respond

        assert self._lm is not None
        assert self._loaded is not None
        batches = respond(self._lm, requests, answered)
        while True:
            # another model may have used the same weights in between
            self._loaded.activate(self._adapter_name)
            batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def in_progress(self) -> InProgress:
        """See ``evalkit.models.base.Reporting``."""
        return in_progress(self._lm)

    def describe(self) -> Mapping[str, Any]:
        """The chosen settings and, once loaded, facts about the model."""
        known: dict[str, Any] = {
            "model": self.options.model,
            "device": self._device(),
            "dtype": self._dtype(),
        }
        if self.options.quantization is not None:
            known["quantization"] = str(self.options.quantization)
        elif method := stored(self._locate().config):
            known["quantization"] = f"{method}, as stored"
        if self.options.adapter is not None:
            known["adapter"] = self.options.adapter
        if self._lm is not None and self._loaded is not None:
            known |= {
                **facts(self._lm),
                "parameters": self._loaded.parameters,
                "load_seconds": round(self._load_seconds, 3),
            }
        return known

    def estimate_memory(self) -> list[MemoryEstimate]:
        """The memory that each precision needs, from the config alone.

        Raises ModelError for a GGUF file, which has no config.
        """
        from evalkit.engine.language_model import BatchLimits, default_limits
        from evalkit.engine.memory_estimate import estimate_memory

        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        if not source.config:
            raise ModelError(f"model '{self.name}' has no config.json, so its size is unknown")
        usual = default_limits(self._device().partition(":")[0])
        return estimate_memory(
            source.config,
            memory=hardware.free_memory(self._device()),
            limits=BatchLimits(
                self.options.batch_tokens or usual.batch_tokens,
                self.options.batch_rows or usual.batch_rows,
            ),
            shrinks=self.options.batch_tokens is None,
        )

    def close(self) -> None:
        """Release the weights; they are freed unless another model uses or needs them."""
        loaded, self._loaded = self._loaded, None
        name, self._adapter_name = self._adapter_name, None
        if self._lm is not None:
            self._lm.release()  # other models may share the weights and need the memory
        self._lm = None
        if loaded is None:
            return
        if name is not None:
            loaded.detach(name)
        del loaded
        self.weight_cache.release(self.weights_key)

    @property
    def _is_builtin(self) -> bool:
        return self.options.model.startswith(BUILTIN_PREFIX)

    def _locate(self) -> ModelSource:
        if self._source is None:
            if self._is_builtin:
                self._source = default.source(self._root)
            else:
                self._source = locate_model(
                    self.options.model,
                    self._root,
                    gguf=self.options.gguf_file,
                    revision=self.options.revision,
                )
        return self._source

    def _read_weights(self) -> LoadedWeights:
        from evalkit.models.loading import LoadedWeights, load_pretrained

        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        if self.options.quantization is not None and (method := stored(source.config)):
            raise ModelError(
                f"model '{self.name}' is quantised already ({method}); remove 'quantization'"
            )
        return LoadedWeights(
            *load_pretrained(
                source,
                device=self._device(),
                dtype=self._dtype(),
                attn_implementation=self.options.attn_implementation,
                trust_remote_code=self.options.trust_remote_code,
                quantization=self.options.quantization,
                device_map=self.options.device_map,
            )
        )

    def _locate_adapter(self) -> Adapter | None:
        if self._adapter is None and self.options.adapter is not None:
            self._adapter = adapters.locate_adapter(
                self.options.adapter, self._root, self.options.adapter_revision
            )
        return self._adapter

    def _adapter_identity(self) -> dict[str, Any] | None:
        adapter = self._locate_adapter()
        return dict(adapter.identity) if adapter else None

    def _precision(self) -> dict[str, Any]:
        dtype, quantization = self._dtype(), self.options.quantization
        return {
            "quantization": quantization.identity(dtype) if quantization else None,
            "dtype": dtype,
        }

    def _libraries(self) -> list[str]:
        """The packages that compute this model's answers."""
        names = ["torch", "transformers", "tokenizers"]
        if self.options.quantization or stored(self._locate().config) == "bitsandbytes":
            names.append("bitsandbytes")
        return [*names, "peft"] if self.options.adapter else names

    def _device(self) -> str:
        return hardware.choose_device(self.options.device)

    def _dtype(self) -> str:
        source = self._locate()
        # the converted copy of the default model may not exist yet
        stored = "bfloat16" if self._is_builtin else source.stored_dtype
        wanted: str = self.options.dtype
        if wanted == "auto" and self.options.quantization is not None:
            wanted = self.options.quantization.compute_dtype or wanted
        return hardware.choose_dtype(wanted, stored, self._device())

    def _template(self) -> str | None:
        template = self.options.chat_template
        if template is None or not template.endswith((".jinja", ".jinja2", ".j2")):
            return template
        file = self._root / template
        if not file.is_file():
            raise ModelError(f"model '{self.name}': no chat template file {file}")
        return file.read_text(encoding="utf-8")

    def _wrap(self, loaded: LoadedWeights) -> LanguageModel:
        from evalkit.engine.language_model import BatchLimits, fitting_limits
        from evalkit.engine.local import prepare

        usual = fitting_limits(loaded.model)
        return prepare(
            loaded.model,
            loaded.tokenizer,
            engine=self.options.engine,
            context_length=self.options.context_length,
            chat_template=self._template(),
            limits=BatchLimits(
                self.options.batch_tokens or usual.batch_tokens,
                self.options.batch_rows or usual.batch_rows,
            ),
            frozen=True,
        )


def facts(lm: LanguageModel) -> dict[str, Any]:
    """Facts about a loaded model, for reports."""
    config = lm.model.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return {
        "architecture": type(lm.model).__name__,
        "parameters": sum(p.numel() for p in lm.model.parameters()),
        "layers": getattr(text, "num_hidden_layers", None),
        "vocabulary": getattr(text, "vocab_size", None),
        "context_length": lm.context_length,
        "attn_implementation": getattr(config, "_attn_implementation", None),
        "engine": _engine(lm),
        "batch_tokens": lm.limits.batch_tokens,
        "batch_rows": lm.limits.batch_rows,
        **lm.threads.facts(),
    }


def in_progress(lm: LanguageModel | None) -> InProgress:
    """What the engine computes for a model; nothing while it is not loaded."""
    return InProgress(lm.activity.tokens, lm.threads.messages) if lm else InProgress(0)


def _engine(lm: LanguageModel) -> str:
    own = "packed" if lm.packed else f"plain batches, because {lm.not_packed_because}"
    if lm.gpu.decoder is not None:
        own += f"; {lm.gpu.decoder.describe()}"
    elif lm.gpu.no_decoder_because:
        own += f"; no paged KV cache, because {lm.gpu.no_decoder_because}"
    return f"transformers' continuous batching where greedy, else {own}" if lm.continuous else own
