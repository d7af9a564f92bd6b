"""Models with an encoder and a decoder: their token ids, and batches as transformers computes them.

Rules, besides those of ``encoding`` and ``rows``:

* The encoder reads the prompt with every special token that the tokenizer puts around it. A chat
  goes through the chat template where there is one; else its messages are joined by blank lines.
* The decoder begins with the model's start token, then whatever special tokens the tokenizer puts
  before a target (BART's ``<s>``) or the checkpoint forces (a language code). These are given: they
  count neither as a choice's tokens nor as an answer's. A choice is scored without an end token.
* The encoder runs once per request, however many choices there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.engine.comparison import Comparison, comparisons
from evalkit.engine.encoding import Encoded
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.plain import generation_config, push, seeded
from evalkit.engine.rows import Row
from evalkit.engine.sampling import advance
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, is_text, to_openai

if TYPE_CHECKING:
    import torch


class SourceEncoder:
    """Turns requests into what the encoder reads, and choices into what the decoder writes."""

    def __init__(self, lm: LanguageModel) -> None:
        self._lm = lm
        self._tokenizer = lm.tokenizer

    def encode(self, requests: Sequence[Request]) -> list[Encoded | Response]:
        """Each request as ids, or the response that says why that could not be done."""
        found: list[Encoded | Response] = []
        for request in requests:
            try:
                encoded = self._encode(request)
            except Exception as error:  # a template or tokenizer may raise anything
                told = f"the prompt could not be tokenised ({type(error).__name__}: {error})"
                found.append(Response(Status.ERROR, error=told))
            else:
                refused = encoded if isinstance(encoded, Response) else self._refused(encoded)
                found.append(refused or encoded)
        return found

    def _encode(self, request: Request) -> Encoded | Response:
        if request.reading is not None:
            told = "a model with an encoder and a decoder cannot say how likely a text is"
            return Response(Status.ERROR, error=told)
        text, special = self._text(request)
        ids = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
        choices = [_target(self._tokenizer, choice)[1] for choice in request.choices]
        return Encoded(request, tuple(ids), self._around(text, ids), tuple(map(tuple, choices)))

    def _text(self, request: Request) -> tuple[str, bool]:
        """The prompt's text, and whether the tokenizer adds its special tokens."""
        if is_text(request.prompt):
            return request.prompt, True
        if self._lm.chat_template is None and not getattr(self._tokenizer, "chat_template", None):
            return joined(request.prompt), True
        turns = to_openai(request.prompt)
        template = self._lm.chat_template
        text = self._tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=True,
            **({"chat_template": template} if template is not None else {}),
        )
        return str(text), False

    def _around(self, text: str, ids: Sequence[int]) -> str:
        """A text with the special tokens at its ends."""
        tokenizer = self._tokenizer
        special = set(tokenizer.all_special_ids)
        first = next((i for i, token in enumerate(ids) if token not in special), len(ids))
        last = next((i for i, t in enumerate(reversed(ids)) if t not in special), 0)
        if first == len(ids):
            return text
        before = "".join(tokenizer.convert_ids_to_tokens(list(ids[:first])))
        after = "".join(tokenizer.convert_ids_to_tokens(list(ids[len(ids) - last :])))
        return before * (not text.startswith(before)) + text + after * (not text.endswith(after))

    def _refused(self, encoded: Encoded) -> Response | None:
        request, limit = encoded.request, self._lm.context_length
        if not all(encoded.choices):
            return Response(Status.ERROR, sent=encoded.sent, error="a choice is empty")
        if request.choices:
            written, what = max(map(len, encoded.choices)), "the longest choice has"
        else:
            written, what = request.generation.max_new_tokens, "max_new_tokens is"
        if limit is None or max(len(encoded.prompt), written) <= limit:
            return None
        return Response(
            Status.OVERFLOW,
            sent=encoded.sent,
            prompt_tokens=len(encoded.prompt),
            error=(
                f"the prompt has {len(encoded.prompt)} tokens and {what} {written}: one of them is"
                f" more than the model's context of {limit}"
            ),
        )


def joined(messages: Sequence[Message]) -> str:
    """A conversation as plain text, for models without a chat template."""
    return "\n\n".join(message.text for message in messages)


def choose(lm: LanguageModel, batch: Sequence[Encoded]) -> list[Comparison]:
    """Log-likelihoods of every choice of every request, given to the decoder."""
    import torch

    flat = [choice for encoded in batch for choice in encoded.choices]
    with torch.inference_mode():
        states, mask = _encoder(lm, batch)
        owner = torch.tensor(
            [i for i, encoded in enumerate(batch) for _ in encoded.choices], device=lm.device
        )
        start = _start(lm)
        width = max(len(choice) for choice in flat)
        # padding comes after a choice, where the decoder's earlier positions do not see it
        inputs = [[*start, *choice[:-1], *[lm.pad] * (width - len(choice))] for choice in flat]
        logits = lm.model(
            encoder_outputs=(states[owner],),
            attention_mask=mask[owner],
            decoder_input_ids=torch.tensor(inputs, device=lm.device),
            use_cache=False,
        ).logits[:, len(start) - 1 :]
        rows = [i for i, choice in enumerate(flat) for _ in choice]
        columns = [k for choice in flat for k in range(len(choice))]
        targets = [token for choice in flat for token in choice]
        needed = logits[torch.tensor(rows), torch.tensor(columns)]
        return comparisons(batch, needed, range(len(targets)), targets, lm.dtype)


def generate(lm: LanguageModel, batch: Sequence[Encoded]) -> list[Row]:
    """Write every request to its end. Rows that are done leave the batch."""
    import torch

    rows = [Row(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]
    alive = list(rows)
    with torch.inference_mode():
        states, mask = _encoder(lm, batch)
        ids = torch.tensor([_start(lm)] * len(alive), device=lm.device)
        cache = None
        while True:
            output = lm.model(
                encoder_outputs=(states,),
                attention_mask=mask,
                decoder_input_ids=ids,
                past_key_values=cache,
                use_cache=True,
            )
            cache = output.past_key_values
            advance(output.logits[:, -1], alive)
            keep = [i for i, row in enumerate(alive) if not row.done]
            if not keep:
                return rows
            if len(keep) < len(alive):
                where = torch.tensor(keep, device=lm.device)
                cache.batch_select_indices(where)
                states, mask = states[where], mask[where]
                alive = [alive[i] for i in keep]
            ids = torch.tensor([[row.ids[-1]] for row in alive], device=lm.device)


def one_by_one(lm: LanguageModel, batch: Sequence[Encoded]) -> list[Row]:
    """Write requests with beams or a repetition penalty as transformers does it.

    The penalty is on what the decoder has written; the prompt does not count, as it would where
    prompt and answer are one text.
    """
    import torch

    rows = [Row(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]
    start = _start(lm)
    for row in rows:
        stop = row.encoded.request.generation.stop
        ids = torch.tensor([row.encoded.prompt], device=lm.device)
        config = generation_config(lm, row, decoder_start_token_id=start[0])
        with torch.inference_mode(), seeded(lm, row):
            output = lm.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                decoder_input_ids=torch.tensor([start], device=lm.device),
                generation_config=config,
                **({"tokenizer": lm.tokenizer} if stop else {}),
            )
        push(row, output[0, len(start) :].tolist())
    return rows


def kind(encoded: Encoded) -> str:
    """``choose``, ``generate``, or ``alone`` for what only transformers itself computes."""
    if encoded.choices:
        return "choose"
    settings = encoded.request.generation
    alone = settings.num_beams > 1 or settings.repetition_penalty != 1.0
    return "alone" if alone else "generate"


def has_both(lm: LanguageModel) -> bool:
    """True for a model with an encoder and a decoder."""
    return bool(getattr(lm.model.config, "is_encoder_decoder", False))


def _encoder(lm: LanguageModel, batch: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the encoder makes of the prompts, and which of its columns are tokens."""
    import torch

    width = max(len(encoded.prompt) for encoded in batch)
    ids = torch.full((len(batch), width), lm.pad, dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for i, encoded in enumerate(batch):
        ids[i, : len(encoded.prompt)] = torch.tensor(encoded.prompt)
        mask[i, : len(encoded.prompt)] = 1
    ids, mask = ids.to(lm.device), mask.to(lm.device)
    states = lm.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    return states, mask


def _start(lm: LanguageModel) -> list[int]:
    """What the decoder is given before it writes."""
    settings = lm.model.generation_config
    start = settings.decoder_start_token_id
    start = lm.model.config.decoder_start_token_id if start is None else start
    forced = getattr(settings, "forced_bos_token_id", None)
    before = [forced] if forced is not None else _target(lm.tokenizer, "a")[0]
    return [start if start is not None else lm.pad, *before]


def _target(tokenizer: Any, text: str) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before a target, and the target's own."""
    whole = list(tokenizer(text_target=text, verbose=False)["input_ids"])
    bare = list(tokenizer(text_target=text, add_special_tokens=False, verbose=False)["input_ids"])
    at = next((i for i in range(len(whole)) if whole[i : i + len(bare)] == bare), 0)
    return whole[:at], bare
