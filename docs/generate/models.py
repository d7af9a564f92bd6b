"""The page of the options of models."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from docs.generate.markdown import code, page, single, table, yaml_value


def models() -> str:
    """The options of every backend."""
    from evalkit.models import callable as function
    from evalkit.models import (
        hf_inference,
        langchain,
        ollama,
        openai,
        quantization,
        transformers,
        vllm,
    )
    from evalkit.models import options as shared
    from evalkit.models.heads import options as heads
    from evalkit.models.remote import options as remote

    listed: list[tuple[str, type[Any], type[Any] | None]] = [
        ("Every backend", shared.Options, None),
        ("`thinking`", shared.Thinking, None),
        ("`transformers`", transformers.TransformersOptions, shared.Options),
        ("`quantization` of `transformers`", quantization.Quantization, None),
        ("`transformers` with a task head", heads.HeadOptions, shared.Options),
        ("`callable`", function.CallableOptions, shared.Options),
        (
            "Every server: `openai`, `ollama`, `langchain`, `hf-inference`",
            remote.RemoteOptions,
            shared.Options,
        ),
        ("`prices` of servers", remote.Prices, shared.Options),
        ("`openai`", openai.OpenAIOptions, remote.RemoteOptions),
        ("`ollama`", ollama.OllamaOptions, remote.RemoteOptions),
        ("`langchain`", langchain.LangChainOptions, remote.RemoteOptions),
        ("`hf-inference`", hf_inference.InferenceOptions, remote.RemoteOptions),
        ("`vllm`", vllm.VllmOptions, shared.Options),
    ]
    parts = [part for title, kind, base in listed for part in (f"## {title}", _options(kind, base))]
    about = (
        "The options of a declaration under `models:` in `evalkit.yaml`, besides `backend:`; on "
        "the command line, `backend:name?key=value`. [Models](../models.md) explains them. *In the "
        "key*: whether changing the option invalidates cached answers, and why."
    )
    return page("Options of models", about, *parts)


def _options(kind: type[Any], base: type[Any] | None) -> str:
    """A table of the options that ``kind`` adds to ``base`` or changes."""
    inherited = base.model_fields if base else {}
    from evalkit.models.fingerprints import OPTIONS

    meanings, roles = _meanings(kind), OPTIONS.get(kind.__name__, {})
    rows = []
    for name, option in kind.model_fields.items():
        if name in inherited and repr(option) == repr(inherited[name]):
            continue
        default = "required" if option.is_required() else code(yaml_value(_value(option)))
        row = [code(name), default, _allowed(option.annotation), meanings.get(name, "")]
        if name in roles:
            row.append(f"{'no' if roles[name].part is None else 'yes'}: {roles[name].why}")
        rows.append(row)
    return table(
        ["option", "default", "values", "meaning", *(["in the key"] if roles else [])], rows
    )


def _allowed(kind: Any) -> str:
    """The possible values, if they can be listed."""
    if get_origin(kind) is Literal:
        return ", ".join(code(value) for value in get_args(kind))
    return ", ".join(filter(None, map(_allowed, get_args(kind))))


def _value(option: Any) -> Any:
    value = option.get_default(call_default_factory=True)
    return list(value) if isinstance(value, tuple) else value


def _meanings(kind: type[Any]) -> dict[str, str]:
    """The meaning of each option, from the string under it or ``name: text`` in the docstring."""
    found: dict[str, str] = {}
    for owner in reversed([c for c in kind.__mro__ if hasattr(c, "model_fields")]):
        text = re.sub(r"\s+", " ", inspect.cleandoc(owner.__dict__.get("__doc__") or ""))
        names = "|".join(kind.model_fields) or "-"
        parts = re.split(rf"(?:^|(?<=[.;—] ))((?:{names})(?:, (?:{names}))*): ", text)
        for words, meaning in zip(parts[1::2], parts[2::2], strict=True):
            found.update({name: single(meaning) for name in words.split(", ")})
        if owner.__module__.startswith("evalkit"):
            found |= {name: single(text) for name, text in _below_fields(owner).items()}
    return {name: text[:1].upper() + text[1:].rstrip("; ") for name, text in found.items()}


def _below_fields(kind: type[Any]) -> dict[str, str]:
    """The strings under the fields of a class."""
    importlib.import_module(kind.__module__)  # a class may outlive its module's entry in Python
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
