"""Plain batches, computed as transformers does it: padded rows and its own KV cache.

They work for every causal model. ``packed`` is faster and is used where a model allows it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evalkit.engine.choice_logprobs import ChoiceLogprobs, sum_choice_logprobs
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.sampling import sample_next
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest

if TYPE_CHECKING:
    import torch

_SAMPLING = threading.Lock()


def score_choices(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[ChoiceLogprobs]:
    """Log-likelihoods of every choice of every request; NaN where the logits are NaN."""
    import torch

    flat = [(e.prompt, choice) for e in batch for choice in e.choices]
    keep = max(len(choice) for _, choice in flat)
    with torch.inference_mode():
        inputs = _padded(lm, [[*prompt, *choice[:-1]] for prompt, choice in flat])
        if lm.accepts("logits_to_keep"):
            inputs["logits_to_keep"] = keep
        with lm.forward_pass("prefill", inputs["input_ids"].numel()):
            logits = lm.model(**inputs, use_cache=False).logits[:, -keep:]
        rows = [i for i, (_, choice) in enumerate(flat) for _ in choice]
        columns = [keep - len(choice) + k for _, choice in flat for k in range(len(choice))]
        targets = [token for _, choice in flat for token in choice]
        where = torch.tensor([rows, columns], device=logits.device)
        needed = logits[where[0], where[1]]
        return sum_choice_logprobs(batch, needed, range(len(targets)), targets, lm.dtype)


def generate(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    """Generate an answer for every request. Finished sequences leave the batch."""
    sequences = _sequences(lm, batch)
    _decode(lm, sequences)
    return sequences


def _decode(lm: LanguageModel, sequences: Sequence[SequenceState]) -> None:
    import torch

    running = list(sequences)
    with torch.inference_mode():
        inputs = _padded(lm, [sequence.encoded.prompt for sequence in running])
        mask, positions = inputs["attention_mask"], inputs.get("position_ids")
        cache = None
        while True:
            if lm.accepts("logits_to_keep"):
                inputs["logits_to_keep"] = 1
            kind = "prefill" if cache is None else "decoding"
            with lm.forward_pass(kind, inputs["input_ids"].numel()):
                output = lm.model(**inputs, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            sample_next(output.logits[:, -1], running)
            lm.activity.decoding(running)
            keep = [i for i, sequence in enumerate(running) if not sequence.done]
            if not keep:
                return
            if len(keep) < len(running):
                where = torch.tensor(keep, device=mask.device)
                # layers may be on several devices; all of them take an index of main memory
                cache.batch_select_indices(where.cpu() if lm.spread else where)
                mask = mask[where]
                positions = positions[where] if positions is not None else None
                running = [running[i] for i in keep]
            mask = torch.cat([mask, mask.new_ones(len(running), 1)], dim=1)
            inputs = {
                "input_ids": torch.tensor(
                    [[sequence.ids[-1]] for sequence in running], device=lm.device
                ),
                "attention_mask": mask,
            }
            if positions is not None:
                positions = positions[:, -1:] + 1
                inputs["position_ids"] = positions


def beam_search(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    """Generate an answer for every request by beam search, one after the other."""
    sequences = _sequences(lm, batch)
    for sequence in sequences:
        _beam_search_one(lm, sequence)
    return sequences


def _sequences(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    return [SequenceState(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]


def _beam_search_one(lm: LanguageModel, sequence: SequenceState) -> None:
    """Generate one answer with the beam search of transformers."""
    import torch

    settings = sequence.encoded.request.generation
    ids = torch.tensor([sequence.encoded.prompt], device=lm.device)
    with torch.inference_mode(), seeded(lm, sequence):
        extra = {"tokenizer": lm.tokenizer} if settings.stop else {}
        output = lm.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=generation_config(lm, sequence),
            **extra,
        )
    append_tokens(sequence, output[0, ids.shape[1] :].tolist())


def append_tokens(sequence: SequenceState, tokens: Sequence[int]) -> None:
    """Append the tokens that transformers generated for a sequence, up to its end."""
    for token in tokens:
        if sequence.done:
            break
        sequence.append(token)
    sequence.finish = sequence.finish or "stop"


@contextmanager
def seeded(lm: LanguageModel, sequence: SequenceState) -> Iterator[None]:
    """Seed torch's random generator from a sequence; the outer state is restored at the end.

    torch has one generator per process, so only one replica samples at a time.
    """
    import torch

    if not sequence.encoded.request.generation.temperature:
        yield
        return
    devices = [lm.device.index or 0] if lm.device.type == "cuda" else []
    with _SAMPLING, torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(sequence.random() * 2**63))
        yield


def generation_config(lm: LanguageModel, sequence: SequenceState, **more: Any) -> Any:
    """The generation parameters of a sequence as a ``GenerationConfig`` of transformers."""
    from transformers import GenerationConfig

    settings = sequence.encoded.request.generation
    sample: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        sample = {
            "do_sample": True,
            "temperature": settings.temperature,
            "top_k": settings.top_k or 0,
            "top_p": 1.0 if settings.top_p is None else settings.top_p,
        }
    return GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        num_beams=settings.num_beams,
        repetition_penalty=settings.repetition_penalty,
        eos_token_id=sorted(lm.eos) or None,
        pad_token_id=lm.pad,
        stop_strings=list(settings.stop) or None,
        **sample,
        **more,
    )


def _padded(lm: LanguageModel, rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Inputs of the model, padded on the left."""
    import torch

    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), lm.pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, width - len(row) :] = torch.tensor(row)
        mask[i, width - len(row) :] = 1
    inputs = {"input_ids": ids.to(lm.device), "attention_mask": mask.to(lm.device)}
    if lm.accepts("position_ids"):
        inputs["position_ids"] = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    return inputs
