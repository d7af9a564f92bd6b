"""Keys and values in the cache."""

from __future__ import annotations

import pytest

from evalkit.engine.kv_cache import KVCache

pytest.importorskip("transformers")


def test_a_shared_prefix_is_stored_once() -> None:
    """A slot holds a sequence's own tokens; the cache counts the prefix once."""
    import torch

    from evalkit.engine.attention import PrefixKV

    shared = PrefixKV(30, [torch.zeros(1, 2, 30, 4)], [torch.zeros(1, 2, 30, 4)])
    cache = KVCache(3, shared)
    cache.reserve(30 + 5)
    new = torch.arange(3 * 2 * 35 * 4, dtype=torch.float32).view(3, 2, 35, 4)
    cache.put(0, new, -new)
    cache.add([33, 35, 31])
    keys, values = cache.layer(0)
    assert keys.shape[2] < 30 + 5 + 64
    assert torch.equal(keys[:, :, :5], new[:, :, 30:])
    cache.remove(0)
    assert cache.lengths == [31, 35]
    assert torch.equal(keys[0, :, :1], new[2, :, 30:31])
    assert torch.equal(values[1, :, :5], -new[1, :, 30:])
