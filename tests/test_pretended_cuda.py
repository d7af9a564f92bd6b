"""The pretended CUDA device raises where a real one would, and computes like the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("transformers")

import numpy as np
import torch

from tests.pretended_cuda import Card, pretended_cuda


@pytest.fixture(autouse=True)
def card() -> Iterator[Card]:
    with pretended_cuda() as card:
        yield card


def there(*shape: int) -> Any:
    return torch.ones(shape, device="cuda")


def test_tensors_report_the_device() -> None:
    x = there(2, 3)
    assert str(x.device) == "cuda:0"
    assert x.is_cuda
    for made in (x @ x.T, x[0], x.new_zeros(2), torch.zeros_like(x), x.half(), x.split(1)[0]):
        assert made.device == x.device, "results stay there"
    assert x.cpu().device.type == x.to("cpu").device.type == "cpu"
    assert torch.tensor([1, 2], device="cuda").tolist() == [1, 2]
    assert torch.arange(3).to("cuda:0").cuda().sum().item() == 3


def test_it_computes_like_the_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 8, generator=generator), torch.randn(8, 5, generator=generator)
    layer = torch.nn.Linear(5, 3)
    expected = layer(torch.relu(x @ y)).softmax(-1)
    with torch.inference_mode():
        found = layer.to("cuda")(torch.relu(x.cuda() @ y.cuda())).softmax(-1)
    assert torch.equal(found.cpu(), expected)
    values = there(3)
    values += 1
    values[0] = 5
    assert values.tolist() == [5, 2, 2], "in place"
    values[1:].zero_()
    assert values.tolist() == [5, 0, 0], "through a view"


MIXED: list[Callable[[], Any]] = [
    lambda: there(2, 2) + torch.ones(2, 2),
    lambda: torch.ones(2, 2) @ there(2, 2),
    lambda: torch.cat([there(2), torch.ones(2)]),
    lambda: there(2).masked_fill_(torch.tensor([True, False]), 0.0),
    lambda: there(2).index_select(0, torch.tensor([0])),
    lambda: torch.where(torch.tensor([True, False]), there(2), there(2)),
    lambda: torch.nn.functional.embedding(torch.tensor([0]), there(2, 2)),
    lambda: torch.ones(2)[torch.tensor([0], device="cuda")],
    lambda: there(2).__setitem__(torch.tensor([0, 1]), torch.ones(2)),
    lambda: torch.nn.Linear(2, 2).to("cuda")(torch.ones(1, 2)),
]


@pytest.mark.parametrize("mixed", MIXED)
def test_tensors_of_two_devices_do_not_mix(mixed: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"on the same device"):
        mixed()


def test_what_cuda_lets_mix() -> None:
    x = there(3)
    assert (x + torch.tensor(2.0)).tolist() == [3, 3, 3], "a number"
    assert x[torch.tensor([0, 2])].tolist() == [1, 1], "indices on the CPU"
    x[torch.tensor([0, 2])] = torch.tensor(7.0)
    x[1:2] = torch.zeros(1)
    assert x.tolist() == [7, 0, 7]
    x.copy_(torch.arange(3.0))
    assert x.tolist() == [0, 1, 2]


@pytest.mark.parametrize("convert", [lambda x: x.numpy(), np.asarray])
def test_numpy_needs_a_copy_on_the_cpu(convert: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy"):
        convert(there(2))
    assert convert(there(2).cpu()).tolist() == [1, 1]


def test_a_generator_belongs_to_a_device() -> None:
    on_card = torch.Generator("cuda").manual_seed(1)
    assert torch.rand(2, device="cuda", generator=on_card).is_cuda
    weights = there(4)
    assert torch.multinomial(weights, 1, generator=on_card).is_cuda
    with pytest.raises(RuntimeError, match=r"Expected a 'cuda' device type for generator"):
        torch.multinomial(weights, 1, generator=torch.Generator())
    with pytest.raises(RuntimeError, match=r"Expected a 'cpu' device type for generator"):
        torch.rand(2, generator=on_card)


def test_kernels_of_a_cpu_do_not_run() -> None:
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("torch without oneDNN")
    with pytest.raises(NotImplementedError, match=r"mkldnn::_linear_pointwise"):
        torch.ops.mkldnn._linear_pointwise(there(2, 2), there(2, 2), None, "none", [], "")


def test_a_copy_without_blocking_arrives_when_the_device_is_synchronised() -> None:
    early = there(2).to("cpu", non_blocking=True)
    assert early.tolist() != [1, 1]
    torch.cuda.synchronize()
    assert early.tolist() == [1, 1]
    event = torch.cuda.Event()
    later = there(2).to("cpu", non_blocking=True)
    event.record()
    event.synchronize()
    assert later.tolist() == [1, 1]


def test_pinned_memory_is_on_the_cpu() -> None:
    assert torch.ones(2).pin_memory().to("cuda", non_blocking=True).tolist() == [1, 1]
    assert torch.empty(2, pin_memory=True).device.type == "cpu"
    with pytest.raises(RuntimeError, match=r"only dense CPU tensors can be pinned"):
        there(2).pin_memory()


def test_memory_runs_out_and_is_kept(card: Card) -> None:
    card.total = 1000
    first = there(100)
    assert torch.cuda.memory_allocated() == 400
    view = first[:50]
    assert torch.cuda.memory_allocated() == 400, "a view takes none"
    with pytest.raises(torch.OutOfMemoryError, match=r"CUDA out of memory"):
        there(200)
    del first
    assert torch.cuda.memory_allocated() == 400, "the view needs it"
    del view
    assert torch.cuda.memory_allocated() == 0
    assert torch.cuda.mem_get_info() == (600, 1000)
    torch.cuda.empty_cache()
    assert torch.cuda.mem_get_info() == (1000, 1000)
    assert torch.cuda.max_memory_allocated() == 400


def test_threads_have_it() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.ones(2, device="cuda").sum()))
    thread.start()
    thread.join()
    assert found[0].item() == 2


def test_it_ends_with_its_block() -> None:
    from evalkit.models import hardware

    assert torch.cuda.is_available()
    assert hardware.choose_device() == "cuda"
    assert hardware.choose_dtype("auto", "bfloat16", "cuda") == "bfloat16"


@pytest.fixture(scope="module", autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = torch.cuda.is_available(), torch.Generator, threading.Thread.run
    yield
    assert before == (torch.cuda.is_available(), torch.Generator, threading.Thread.run)
