"""Quantisation of weights while they are loaded: bitsandbytes in 8 or 4 bits."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evalkit.errors import ModelError
from evalkit.models.source import INSTALL_HF

PACKAGES: Mapping[str, tuple[str, str]] = {
    "bitsandbytes": ("bitsandbytes", "bitsandbytes"),
    "gptq": ("gptqmodel", "gptqmodel"),
    "awq": ("gptqmodel", "gptqmodel"),
    "compressed-tensors": ("compressed_tensors", "compressed-tensors"),
    "quanto": ("optimum.quanto", "optimum-quanto"),
    "torchao": ("torchao", "torchao"),
    "hqq": ("hqq", "hqq"),
    "aqlm": ("aqlm", "aqlm"),
    "eetq": ("eetq", "eetq"),
    "higgs": ("flute", "flute-kernel"),
    "auto-round": ("auto_round", "auto-round"),
    "vptq": ("vptq", "vptq"),
    "quark": ("quark", "amd-quark"),
}
"""The module that a checkpoint's ``quant_method`` needs, and the package to install."""


class Quantization(BaseModel):
    """``quantization:`` of a declaration.

    bits: 8 (LLM.int8, Dettmers et al. 2022) or 4 (QLoRA, Dettmers et al. 2023). type: the number
    format of 4 bits. double: whether the scales of 4 bits are quantised, too. compute_dtype: the
    precision in which 4-bit matrices are multiplied; default: the model's ``dtype``. threshold:
    with 8 bits, columns with an activation above it are multiplied in 16 bits; the whole batch is
    searched for them, so an answer may change with the other prompts of the batch; 0 disables this.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: Literal[4, 8]
    type: Literal["nf4", "fp4"] | None = None
    double: bool | None = None
    compute_dtype: Literal["float32", "bfloat16", "float16"] | None = None
    threshold: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _of_these_bits(self) -> Quantization:
        of_other: Mapping[int, tuple[str, ...]] = {
            8: ("type", "double", "compute_dtype"),
            4: ("threshold",),
        }
        wrong = [name for name in of_other[self.bits] if getattr(self, name) is not None]
        if wrong:
            raise ValueError(f"{self.bits} bits have no {', '.join(wrong)}; remove it")
        return self

    def identity(self, dtype: str) -> dict[str, Any]:
        """The settings that determine an answer, defaults included."""
        if self.bits == 8:
            return {"bits": 8, "threshold": 6.0 if self.threshold is None else self.threshold}
        return {
            "bits": 4,
            "type": self.type or "nf4",
            "double": bool(self.double),
            "compute_dtype": self.compute_dtype or dtype,
        }

    def config(self, dtype: str) -> Any:
        """The ``BitsAndBytesConfig``. Raises ModelError if bitsandbytes is not installed."""
        if importlib.util.find_spec("bitsandbytes") is None:
            raise ModelError(f"quantization needs the package bitsandbytes: {INSTALL_HF}")
        import torch
        from transformers import BitsAndBytesConfig

        settings = self.identity(dtype)
        if self.bits == 8:
            # it warns at every product that 8-bit weights multiply in float16, which is documented
            logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
            return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=settings["threshold"])
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=settings["type"],
            bnb_4bit_use_double_quant=settings["double"],
            bnb_4bit_compute_dtype=getattr(torch, settings["compute_dtype"]),
        )

    def __str__(self) -> str:
        if self.bits == 8:
            return "8-bit"
        return f"4-bit {self.type or 'nf4'}{', double' if self.double else ''}"


def stored(config: Mapping[str, Any]) -> str | None:
    """The quantisation method of a checkpoint by transformers' name; None: not quantised."""
    declared = config.get("quantization_config")
    if not isinstance(declared, Mapping):
        return None
    # old bitsandbytes checkpoints name no method
    return str(declared.get("quant_method") or "bitsandbytes")


def check_readable(config: Mapping[str, Any], model: str) -> None:
    """Raise ModelError if a quantised checkpoint needs a package that is not installed."""
    method = stored(config)
    module, package = PACKAGES.get(method or "", ("", ""))
    if module and not _installed(module):
        raise ModelError(
            f"model {model} is quantised with {method}, which needs the package {package}: "
            f"pip install {package}"
        )


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False
