"""The batches in which one model computes requests, and their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from evalkit.engine import decode, packed
from evalkit.engine.attention import PrefixKV
from evalkit.engine.batching import make_batches
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.memory import Backoff, is_out_of_memory, release_memory
from evalkit.engine.prefix_cache import PrefixCache
from evalkit.engine.prefix_tree import PrefixTree, build_prefix_tree
from evalkit.engine.responses import (
    BatchResult,
    IndexedResponses,
    out_of_memory_response,
    responses,
)
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest

POOL = 256
"""Requests that are scheduled for generation together on a CPU. In low precision an interrupted run
resumes at the border of a pool."""

ROUNDS_PER_POOL = 4
"""Elsewhere a pool fills the running sequences so many times: its end, where fewer and fewer run,
is then a small part of it."""


def run_plain(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    needed: Sequence[bool],
    members: Sequence[int],
    compute: Callable[[LanguageModel, Sequence[TokenizedRequest]], BatchResult],
) -> Iterator[IndexedResponses]:
    """Padded batches of similar length, longest first.

    needed: for each request, whether it still needs a response. members: the requests to compute.
    compute: computes one batch.
    """
    lengths = [encoded[i].length * _row_count(encoded[i]) for i in members]
    extra = [encoded[i].max_new_tokens * _row_count(encoded[i]) for i in members]
    batches = make_batches(lengths, lm.limits.batch_tokens, lm.limits.batch_rows, extra)
    layout = [[members[k] for k in batch] for batch in batches]
    yield from _run_batches(lm, encoded, needed, layout, lambda batch: compute(lm, batch))


def run_packed(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    needed: Sequence[bool],
    with_choices: Sequence[int],
    to_generate: Sequence[int],
) -> Iterator[IndexedResponses]:
    """Packed batches. Shared prefixes are searched among the prompts of all requests."""
    members = [*with_choices, *to_generate]
    prompts = [encoded[i].prompt for i in members]
    tree = build_prefix_tree(prompts)
    prefix_of = dict(zip(members, tree.leaf, strict=True))
    yield from _score_choices(lm, encoded, needed, with_choices, tree, prefix_of)
    generated = range(len(with_choices), len(members))
    wanted = [k for k in generated if needed[members[k]]]
    tree, kept = lm.kept.extend(tree, prompts, wanted)
    prefix_of = dict(zip(members, tree.leaf, strict=True))
    yield from _generate(lm, encoded, needed, to_generate, tree, prefix_of, kept)


def _score_choices(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    needed: Sequence[bool],
    members: Sequence[int],
    tree: PrefixTree,
    prefix_of: dict[int, int | None],
) -> Iterator[IndexedResponses]:
    layout = [
        [group[k] for k in batch]
        for group in _by_prefix(encoded, members, prefix_of)
        for batch in make_batches(
            [_choice_cost(encoded[i], tree, prefix_of[i], lm.logits_cost) for i in group],
            lm.limits.batch_tokens,
            lm.limits.batch_rows,
        )
    ]
    prefix_cache = PrefixCache(lm, tree, [prefix_of[batch[0]] for batch in layout])
    prefix_of_request = {id(encoded[i]): prefix_of[i] for i in members}

    def compute(batch: Sequence[TokenizedRequest]) -> BatchResult:
        prefix = prefix_cache.get(prefix_of_request[id(batch[0])])
        return packed.score_choices(lm, batch, prefix)

    for batch in layout:
        yield from _run_batches(lm, encoded, needed, [batch], compute)
        prefix_cache.release(prefix_of[batch[0]])


def _generate(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    needed: Sequence[bool],
    members: Sequence[int],
    tree: PrefixTree,
    prefix_of: dict[int, int | None],
    kept: dict[int, PrefixKV],
) -> Iterator[IndexedResponses]:
    order = [i for group in _by_prefix(encoded, members, prefix_of) for i in group]
    size = POOL if lm.device.type == "cpu" else ROUNDS_PER_POOL * lm.limits.max_running
    for start in range(0, len(order), size):
        pool = order[start : start + size]
        if not any(needed[i] for i in pool):
            continue
        if lm.exact:
            # neighbours change no answer, so requests with a response can be left out
            pool = [i for i in pool if needed[i]]
        yield from _generate_pool(lm, encoded, pool, tree, prefix_of, kept)


def _generate_pool(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    pool: Sequence[int],
    tree: PrefixTree,
    prefix_of: dict[int, int | None],
    kept: dict[int, PrefixKV],
) -> Iterator[IndexedResponses]:
    """Decode the sequences of a pool, fewer at a time whenever memory runs out.

    kept: keys and values of nodes that were computed before; those of the pool are used up.
    """
    todo = list(pool)
    generate = decode.generate if lm.gpu.decoder is None else lm.gpu.decoder.generate
    started = time.perf_counter()
    while todo:
        sequences = [SequenceState(i, encoded[i], lm.tokenizer, lm.eos) for i in todo]
        prefixes = [prefix_of[i] for i in todo]
        own = {node: kept.pop(node) for node in set(prefixes) if node in kept}
        prefix_cache = PrefixCache(lm, tree, prefixes, own)
        del own
        failed = False
        try:
            for finished in generate(lm, sequences, prefixes, prefix_cache):
                now = time.perf_counter()
                seconds, started = (now - started) / len(finished), now
                done = {sequence.index for sequence in finished}
                todo = [i for i in todo if i not in done]
                yield [(sequence.index, sequence.response(seconds)) for sequence in finished]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failed = True
        # outside the handler: the traceback would keep the tensors alive
        if failed:
            del sequences, prefix_cache
            kept.clear()
            lm.kept.clear()
            if lm.gpu.decoder is not None:
                lm.gpu.decoder.clear()
            release_memory()
            if lm.max_running == 1:
                yield [(todo[0], out_of_memory_response(encoded[todo[0]]))]
                todo = todo[1:]
            lm.memory.divisor *= 2


def _run_batches(
    lm: LanguageModel,
    encoded: Sequence[TokenizedRequest],
    needed: Sequence[bool],
    layout: Sequence[Sequence[int]],
    compute: Callable[[Sequence[TokenizedRequest]], BatchResult],
) -> Iterator[IndexedResponses]:
    """Compute batches one after the other, in smaller parts once memory has run out."""

    def run(part: Sequence[int]) -> BatchResult:
        return compute([encoded[i] for i in part])

    backoff = Backoff(lambda part: _weight([encoded[i] for i in part]), lm.memory)
    for batch in layout:
        if not any(needed[i] for i in batch):
            continue
        started = time.perf_counter()
        for part, result in backoff.run(batch, run):
            now = time.perf_counter()
            seconds, started = (now - started) / len(part), now
            yield list(
                zip(part, responses([encoded[i] for i in part], result, seconds), strict=True)
            )


def _by_prefix(
    encoded: Sequence[TokenizedRequest], members: Sequence[int], prefix_of: dict[int, int | None]
) -> list[list[int]]:
    """Requests grouped by shared prefix; the longest request of a group comes first."""
    found: dict[int | None, list[int]] = {}
    for i in sorted(members, key=lambda i: (-encoded[i].max_length, i)):
        found.setdefault(prefix_of[i], []).append(i)
    return list(found.values())


def _choice_cost(
    encoded: TokenizedRequest, tree: PrefixTree, prefix: int | None, logits_cost: int
) -> int:
    """The weight of a request in a batch of choices, in tokens.

    It counts the tokens after the shared prefix, the rows of logits, and a copy of the prefix's
    keys, which exists in one layer at a time.
    """
    shared = 0 if prefix is None else tree.nodes[prefix].end
    branches = sum(len(choice) - 1 for choice in encoded.choices)
    return len(encoded.prompt) - shared + branches + (branches + 1) * logits_cost + shared // 8


def _row_count(encoded: TokenizedRequest) -> int:
    """Rows of a request in a plain batch."""
    return len(encoded.choices) or encoded.request.generation.num_beams


def _weight(batch: Sequence[TokenizedRequest]) -> int:
    return max(e.max_length for e in batch) * sum(_row_count(e) for e in batch)
