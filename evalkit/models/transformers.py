"""Causal models of Hugging Face transformers, in this process."""

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
from evalkit.models.base import Batch, Capabilities
from evalkit.models.fingerprints import fingerprint
from evalkit.models.identity import text_digest
from evalkit.models.options import Declaration, Options, check
from evalkit.models.quantization import Quantization, stored
from evalkit.models.source import Source, locate
from evalkit.models.weight_cache import WeightCache

if TYPE_CHECKING:
    from evalkit.engine.language_model import LanguageModel
    from evalkit.engine.memory_estimate import MemoryEstimate
    from evalkit.models.loading import Loaded

BUILTIN_PREFIX = "builtin:"


class TransformersOptions(Options):
    """Options of the ``transformers`` backend.

    model: a local folder, a ``.gguf`` file or a hub id. gguf_file: a GGUF file inside the folder or
    the hub model. revision: branch, tag or commit on the hub. dtype: ``auto`` is the checkpoint's
    own where the device is fast at it. device: ``auto`` is CUDA, MPS, CPU. attn_implementation: as
    in transformers (``sdpa``, ``eager``, ``flash_attention_2``). chat_template: a Jinja template,
    or a ``.jinja`` file relative to the project's root. quantization: read the weights in 8 or 4
    bits (see evalkit.models.quantization). adapter: a PEFT adapter, a folder or a hub id.
    adapter_revision: its branch, tag or commit on the hub. device_map: as in transformers
    (``auto``, ``balanced``, …, or modules with their devices), instead of ``device``.
    context_length: in tokens, instead of what the config states. batch_tokens, batch_rows: the size
    of a batch. engine: ``auto`` packs rows where the model allows it, ``plain`` pads them as
    transformers does, ``continuous`` lets transformers batch greedy answers. head: where the
    checkpoint's config does not say that it writes text, or how (task heads have options of their
    own). trust_remote_code: run code that comes with the weights.
    """

    model: str
    revision: str | None = None
    gguf_file: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    device_map: str | dict[str, int | str] | None = None
    quantization: Quantization | None = None
    adapter: str | None = None
    adapter_revision: str | None = None
    attn_implementation: str | None = None
    chat_template: str | None = None
    context_length: int | None = Field(default=None, ge=1)
    batch_tokens: int | None = Field(default=None, ge=1)
    batch_rows: int | None = Field(default=None, ge=1)
    head: Literal["causal-lm", "encoder-decoder"] | None = None
    engine: Literal["auto", "plain", "continuous"] = "auto"
    trust_remote_code: bool = False

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
            raise ValueError("vLLM is a backend of its own: write `backend: vllm`")
        return value

    @model_validator(mode="after")
    def _together(self) -> TransformersOptions:
        if self.device_map is not None and self.device != "auto":
            raise ValueError("device_map says where the weights go; leave out device")
        if self.quantization is not None and (self.gguf_file or self.model.endswith(".gguf")):
            raise ValueError("a GGUF file is quantised already; leave out quantization")
        if self.adapter_revision is not None and self.adapter is None:
            raise ValueError("adapter_revision is of an adapter, and there is none")
        if self.engine == "continuous" and self.device_map is not None:
            raise ValueError("engine 'continuous' runs on one device; leave out device_map")
        return self


class TransformersModel:
    """A causal language model run in this process (see evalkit.engine)."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, TransformersOptions)
        self.weight_cache = WeightCache()
        self.capabilities = Capabilities()
        self._root = Path(declaration.root)
        self._source: Source | None = None
        self._adapter: Adapter | None = None
        self._loaded: Loaded | None = None
        self._adapter_name: str | None = None
        self._lm: LanguageModel | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, precision, device kind, template, versions."""
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
        """Read weights and tokenizer onto the device, unless another model holds them already."""
        if self._lm is not None:
            return
        started = time.perf_counter()
        adapter = self._locate_adapter()
        self._loaded = self.weight_cache.acquire(self.weights_key, self._read_weights)
        try:
            if adapter is not None:
                self._adapter_name = self._loaded.put_on(adapter)
            self._loaded.activate(self._adapter_name)
            self._lm = self._wrap(self._loaded)
        except BaseException:
            self.close()
            raise
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see evalkit.engine.local.respond); loads when that was not done."""
        from evalkit.engine.local import respond

        self.load()
        assert self._lm is not None
        assert self._loaded is not None
        batches = respond(self._lm, requests, answered)
        while True:
            # another model of the same weights may have been asked in between
            self._loaded.activate(self._adapter_name)
            batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def describe(self) -> Mapping[str, Any]:
        """What was chosen; once loaded also what the model is."""
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
        """What each precision needs of the device's memory, from the config alone.

        Raises ModelError for GGUF files, which have no config beside them.
        """
        from evalkit.engine.language_model import BatchLimits, default_limits
        from evalkit.engine.memory_estimate import estimate_memory

        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        if not source.config:
            raise ModelError(f"model '{self.name}' has no config.json to tell its size from")
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
        self._lm = None
        if loaded is None:
            return
        if name is not None:
            loaded.take_off(name)
        del loaded
        self.weight_cache.release(self.weights_key)

    @property
    def _is_builtin(self) -> bool:
        return self.options.model.startswith(BUILTIN_PREFIX)

    def _locate(self) -> Source:
        if self._source is None:
            if self._is_builtin:
                self._source = default.source(self._root)
            else:
                self._source = locate(
                    self.options.model,
                    self._root,
                    gguf=self.options.gguf_file,
                    revision=self.options.revision,
                )
        return self._source

    def _read_weights(self) -> Loaded:
        from evalkit.models.loading import Loaded, load_pretrained

        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        if self.options.quantization is not None and (method := stored(source.config)):
            raise ModelError(
                f"model '{self.name}' is quantised already ({method}); leave out 'quantization'"
            )
        return Loaded(
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
            self._adapter = adapters.locate(
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
        """The distributions that compute this model's answers."""
        names = ["torch", "transformers", "tokenizers"]
        if self.options.quantization or stored(self._locate().config) == "bitsandbytes":
            names.append("bitsandbytes")
        return [*names, "peft"] if self.options.adapter else names

    def _device(self) -> str:
        return hardware.choose_device(self.options.device)

    def _dtype(self) -> str:
        source = self._locate()
        # the converted copy of the default model may not have been written yet
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
            raise ModelError(f"model '{self.name}': there is no chat template {file}")
        return file.read_text(encoding="utf-8")

    def _wrap(self, loaded: Loaded) -> LanguageModel:
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
    """What a loaded model is, for people."""
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
    }


def _engine(lm: LanguageModel) -> str:
    own = "packed" if lm.packed else f"plain batches, because {lm.not_packed_because}"
    return f"transformers' continuous batching where greedy, else {own}" if lm.continuous else own
