"""Real servers: `transformers serve` with SmolLM2, and an Ollama-protocol proxy in front of it."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evalkit.exchange import Generation, Request, Response
from evalkit.messages import Message
from evalkit.models import default
from evalkit.models.registry import Declared, resolve

NEEDED = ("transformers", "fastapi", "uvicorn", "openai", "httpx", "langchain_ollama")
PATIENCE = 120.0

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in (*NEEDED, "ollama_proxy")),
        reason="needs transformers[serving], langchain-ollama and ollama-proxy-plus",
    ),
]
QUESTIONS = ("What is the capital of France?", "Name a colour.", "What is 2 + 3?")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(command: list[str], port: int, **environment: str) -> Iterator[str]:
    """A server in its own process, stopped at the end; yields its address."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, f"{command} does not listen"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(backend: str, requests: list[Request], **options: Any) -> list[Response]:
    model = resolve(Declared(backend, backend, options))
    try:
        pairs = [pair for batch in model.respond(requests) for pair in batch]
    finally:
        model.close()
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])]


def test_servers_answer_like_this_process(tmp_path: Path, smollm2: Any) -> None:
    # the fixture has converted the weights; in float32 no rounding comes between the texts
    folder = default.source(Path.cwd()).path
    if not Path(folder).is_dir():
        pytest.skip("the default model's weights are not a local folder here")
    requests = [Request((Message("user", q),), Generation(6, top_k=1)) for q in QUESTIONS]
    here = answers("transformers", requests, model=folder, dtype="float32", device="cpu")
    bin_, port, proxy_port = Path(sys.executable).parent, free_port(), free_port()
    serve = [str(bin_ / "transformers"), "serve", folder, "--host", "127.0.0.1"]
    serve += ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    proxy = [str(bin_ / "ollama-proxy"), "--host", "127.0.0.1", "--port", str(proxy_port)]
    hub = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    with started(serve, port, **hub) as url:
        by_openai = answers("openai", requests, model=folder, base_url=f"{url}/v1")
        upstream = {"PROVIDERS_LOCAL_BASE_URL": f"{url}/v1", "PROVIDERS_LOCAL_API_KEY": "EMPTY"}
        with started(proxy, proxy_port, **upstream) as address:
            by_ollama = answers("ollama", requests, model=f"local/{folder}", base_url=address)
    texts = [response.text for response in here]
    assert all(texts)
    assert [response.text for response in by_openai] == texts
    assert [response.text for response in by_ollama] == texts
    assert [r.prompt_tokens for r in by_openai] == [r.prompt_tokens for r in here]
