"""Causal models of Hugging Face transformers, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from evalkit.engine.version import ENGINE
from evalkit.errors import ModelError
from evalkit.exchange import Request
from evalkit.models import default, hardware
from evalkit.models.base import Batch, Capabilities
from evalkit.models.identity import text_digest
from evalkit.models.options import Declaration, Options, check
from evalkit.models.source import Source, locate

if TYPE_CHECKING:
    from evalkit.engine.fit import Fit
    from evalkit.engine.language_model import LanguageModel

BUILTIN_PREFIX = "builtin:"


class TransformersOptions(Options):
    """Options of the ``transformers`` backend.

    model: a local folder, a ``.gguf`` file or a hub id. gguf_file: a GGUF file inside the
    folder or the hub model. revision: branch, tag or commit on the hub. dtype: ``auto`` is
    the checkpoint's own where the device is fast at it. device: ``auto`` is CUDA, MPS, CPU.
    attn_implementation: as in transformers (``sdpa``, ``eager``, ``flash_attention_2``).
    chat_template: a Jinja template, or a ``.jinja`` file relative to the project's root.
    context_length: in tokens, instead of what the config states. batch_tokens, batch_rows:
    the size of a batch. engine: ``auto`` packs rows where the model allows it, ``plain`` pads
    them as transformers does. trust_remote_code: run code that comes with the weights.
    """

    model: str
    revision: str | None = None
    gguf_file: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    attn_implementation: str | None = None
    chat_template: str | None = None
    context_length: int | None = Field(default=None, ge=1)
    batch_tokens: int | None = Field(default=None, ge=1)
    batch_rows: int | None = Field(default=None, ge=1)
    engine: Literal["auto", "plain"] = "auto"
    trust_remote_code: bool = False

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        kind, _, index = value.partition(":")
        if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
            raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
        return value


class TransformersModel:
    """A causal language model run in this process (see evalkit.engine)."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, TransformersOptions)
        self.capabilities = Capabilities()
        self._root = Path(declaration.root)
        self._source: Source | None = None
        self._lm: LanguageModel | None = None
        self._load_seconds = 0.0

    def fingerprint(self) -> Mapping[str, Any]:
        """Weights by content or commit, precision, device kind, template, versions."""
        source = self._locate()
        template = self._template()
        uses_date = "strftime_now" in template if template else source.template_uses_date
        return {
            "backend": "transformers",
            "weights": dict(source.identity),
            "quantization": None,
            "adapter": None,
            "dtype": self._dtype(),
            "device": self._device().partition(":")[0],
            "attn_implementation": self.options.attn_implementation,
            "chat_template": text_digest(template) if template else None,
            "context_length": self.options.context_length,
            "engine": f"{self.options.engine}-{ENGINE}",
            **({"date": date.today().isoformat()} if uses_date else {}),
            "versions": hardware.library_versions("torch", "transformers", "tokenizers"),
        }

    def load(self) -> None:
        """Read weights and tokenizer onto the device."""
        if self._lm is not None:
            return
        from evalkit.models.loading import load_pretrained

        started = time.perf_counter()
        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        model, tokenizer = load_pretrained(
            source,
            device=self._device(),
            dtype=self._dtype(),
            attn_implementation=self.options.attn_implementation,
            trust_remote_code=self.options.trust_remote_code,
        )
        self._lm = self._wrap(model, tokenizer)
        self._load_seconds = time.perf_counter() - started

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answer in batches (see evalkit.engine.local.respond); loads when that was not done."""
        from evalkit.engine.local import respond

        self.load()
        assert self._lm is not None
        yield from respond(self._lm, requests, answered)

    def describe(self) -> Mapping[str, Any]:
        """What was chosen; once loaded also what the model is."""
        known: dict[str, Any] = {
            "model": self.options.model,
            "device": self._device(),
            "dtype": self._dtype(),
        }
        if self._lm is not None:
            known |= {**facts(self._lm), "load_seconds": round(self._load_seconds, 3)}
        return known

    def fit(self) -> list[Fit]:
        """What each precision needs of the device's memory, from the config alone.

        Raises ModelError for GGUF files, which have no config beside them.
        """
        from evalkit.engine.fit import fit
        from evalkit.engine.language_model import default_limits

        source = self._locate()
        if self._is_builtin:
            default.ensure(source)
        if not source.config:
            raise ModelError(f"model '{self.name}' has no config.json to tell its size from")
        usual = default_limits(self._device().partition(":")[0])
        return fit(
            source.config,
            memory=hardware.free_memory(self._device()),
            batch_tokens=self.options.batch_tokens or usual.batch_tokens,
            batch_rows=self.options.batch_rows or usual.batch_rows,
        )

    def close(self) -> None:
        """Free the weights and give the device's memory back."""
        if self._lm is None:
            return
        from evalkit.engine.memory import release

        self._lm = None
        release()

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

    def _device(self) -> str:
        return hardware.choose_device(self.options.device)

    def _dtype(self) -> str:
        source = self._locate()
        # the converted copy of the default model may not have been written yet
        stored = "bfloat16" if self._is_builtin else source.stored_dtype
        return hardware.choose_dtype(self.options.dtype, stored, self._device())

    def _template(self) -> str | None:
        template = self.options.chat_template
        if template is None or not template.endswith((".jinja", ".jinja2", ".j2")):
            return template
        file = self._root / template
        if not file.is_file():
            raise ModelError(f"model '{self.name}': there is no chat template {file}")
        return file.read_text(encoding="utf-8")

    def _wrap(self, model: Any, tokenizer: Any) -> LanguageModel:
        from evalkit.engine.language_model import Limits, default_limits
        from evalkit.engine.local import prepare

        usual = default_limits(str(model.device.type))
        return prepare(
            model,
            tokenizer,
            engine=self.options.engine,
            context_length=self.options.context_length,
            chat_template=self._template(),
            limits=Limits(
                self.options.batch_tokens or usual.batch_tokens,
                self.options.batch_rows or usual.batch_rows,
            ),
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
        "engine": "packed" if lm.packed else f"plain batches, because {lm.plain_because}",
        "batch_tokens": lm.limits.batch_tokens,
        "batch_rows": lm.limits.batch_rows,
    }
