"""Fixtures shared by all tests: tiny random models, and the real SmolLM2 loaded once."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch reads it: a worker has one core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import evalkit.engine.local  # noqa: F401  # a pytest session inside a test would import it twice

pytest_plugins = ["pytester"]

# Sessions inside tests do not write into the summary of the workflow that runs the tests.
os.environ.pop("GITHUB_STEP_SUMMARY", None)

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("evalkit", deadline=None)
hypothesis.settings.load_profile("evalkit")

FOLDER = pytest.StashKey[Path]()
"""The folder of the last test."""


def needs_real_model(item: pytest.Item) -> bool:
    return (
        "smollm2" in getattr(item, "fixturenames", ())
        or item.get_closest_marker("model") is not None
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under ``--dist loadgroup``, a file is run by one worker, and one worker loads the real model.

    That worker's tests take longest, so they start first.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    items.sort(key=lambda item: not needs_real_model(item))
    for item in items:
        name = "real-model" if needs_real_model(item) else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(name))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Keep what libraries leave in memory out of later garbage collections, which take long."""
    if item.session.stash.get(FOLDER, None) != item.path.parent:
        item.session.stash[FOLDER] = item.path.parent
        gc.collect()
        gc.freeze()


CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CORPUS = [
    "the quick brown fox jumps over the lazy dog",
    "a film review is positive, negative or neutral",
    "Question: what is the capital of France? Answer: Paris",
    "numbers 0 1 2 3 4 5 6 7 8 9 and signs . , : ; ! ? ( )",
]


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Several threads on a tiny model spend their time waiting for each other."""
    tiny = {"tiny_model", "tiny_tokenizer", "tiny_folder"}
    if not tiny.intersection(request.fixturenames):
        yield
        return
    torch = pytest.importorskip("torch")
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(autouse=True)
def _no_langsmith(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable langchain's pytest plugin in nested runs: it starts slowly."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")  # it takes the variable away, so it comes first
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:langsmith_plugin")


@pytest.fixture(autouse=True)
def _no_leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modules of a test's folder are removed with it."""
    modules = set(sys.modules)
    yield
    folder = getattr(request.node, "funcargs", {}).get("tmp_path")
    for name in set(sys.modules) - modules if folder else ():
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def smollm2() -> Iterator[Any]:
    """The built-in model, loaded once for the whole session."""
    pytest.importorskip("transformers")
    from evalkit.models.registry import builtin_declaration, resolve

    model = resolve(builtin_declaration("smollm2"))
    model.load()
    yield model
    model.close()


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """A small byte-level tokenizer that adds BOS to raw text and has a chat template."""
    pytest.importorskip("transformers")
    return make_tokenizer()


@pytest.fixture(scope="session", params=["llama", "gpt2"])
def tiny_model(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float32; Llama has grouped queries, GPT-2 learned positions."""
    pytest.importorskip("transformers")
    return make_model(request.param)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any) -> Path:
    """A checkpoint folder with a tiny Llama and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    make_model("llama").save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(*, bos: bool = True) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(family: str, *, vocabulary: int = 400, seed: int = 0) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    if family == "llama":
        config: Any = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            bos_token_id=0,
            eos_token_id=1,
            initializer_range=0.35,
            tie_word_embeddings=False,
        )
        model: Any = LlamaForCausalLM(config)
    else:
        config = GPT2Config(
            vocab_size=vocabulary,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=256,
            bos_token_id=0,
            eos_token_id=1,
            initializer_range=0.35,
        )
        model = GPT2LMHeadModel(config)
    # several end tokens, so that answers end at different lengths
    model.generation_config.eos_token_id = [1, *range(50, 74)]
    model.generation_config.pad_token_id = 1
    return model.eval()
