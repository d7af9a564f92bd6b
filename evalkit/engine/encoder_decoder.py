"""Encoder-decoder models: their token ids, and batches as transformers computes them.

Rules, besides those of ``tokenization`` and ``sequence``:

* The encoder sees the prompt with all special tokens that the tokenizer adds to it. A chat goes
  through the chat template if there is one; else its messages are joined by blank lines.
* The decoder begins with the model's start token, followed by the special tokens that the tokenizer
  puts before a target (BART's ``<s>``) or that the checkpoint forces (a language code). They are
  given: they count neither as tokens of a choice nor of an answer. A choice is scored without an
  end token.
* The encoder runs once per request, whatever the number of choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.engine.choice_logprobs import ChoiceLogprobs, sum_choice_logprobs
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.plain import append_tokens, generation_config, seeded
from evalkit.engine.sampling import sample_next
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import NO_TOOLS, TokenizedRequest
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, is_text, to_openai

if TYPE_CHECKING:
    import torch


class EncoderDecoderTokenizer:
    """Turns prompts into token ids of the encoder, and choices into token ids of the decoder."""

    def __init__(self, lm: LanguageModel) -> None:
        self._lm = lm
        self._tokenizer = lm.tokenizer

    def encode(self, requests: Sequence[Request]) -> list[TokenizedRequest | Response]:
        """Each request as token ids, or the error response of one that cannot be tokenised."""
        found: list[TokenizedRequest | Response] = []
        for request in requests:
            try:
                encoded = self._encode(request)
            except Exception as error:  # a template or tokenizer may raise anything
                message = f"the prompt cannot be tokenised: {type(error).__name__}: {error}"
                found.append(Response(Status.ERROR, error=message))
            else:
                failure = encoded if isinstance(encoded, Response) else self._failure(encoded)
                found.append(failure or encoded)
        return found

    def _encode(self, request: Request) -> TokenizedRequest | Response:
        if request.reading is not None:
            message = "an encoder-decoder model cannot score a whole text"
            return Response(Status.ERROR, error=message)
        if request.tools:
            return Response(Status.ERROR, error=NO_TOOLS)
        text, special = self._text(request)
        ids = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
        choices = [_target(self._tokenizer, choice)[1] for choice in request.choices]
        return TokenizedRequest(
            request, tuple(ids), self._with_special_tokens(text, ids), tuple(map(tuple, choices))
        )

    def _text(self, request: Request) -> tuple[str, bool]:
        """The prompt's text, and whether the tokenizer adds its special tokens."""
        if is_text(request.prompt):
            return request.prompt, True
        if self._lm.chat_template is None and not getattr(self._tokenizer, "chat_template", None):
            return plain_chat(request.prompt), True
        turns = to_openai(request.prompt)
        template = self._lm.chat_template
        text = self._tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=True,
            **({"chat_template": template} if template is not None else {}),
        )
        return str(text), False

    def _with_special_tokens(self, text: str, ids: Sequence[int]) -> str:
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

    def _failure(self, encoded: TokenizedRequest) -> Response | None:
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
                f"the prompt has {len(encoded.prompt)} tokens and {what} {written}; at least one"
                f" exceeds the model's context of {limit}"
            ),
        )


def plain_chat(messages: Sequence[Message]) -> str:
    """A chat as plain text, for models without a chat template."""
    return "\n\n".join(message.text for message in messages)


def score_choices(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[ChoiceLogprobs]:
    """Log-likelihoods of every choice of every request as the decoder's output."""
    import torch

    flat = [choice for encoded in batch for choice in encoded.choices]
    with torch.inference_mode():
        states, mask = _encode(lm, batch)
        owner = torch.tensor(
            [i for i, encoded in enumerate(batch) for _ in encoded.choices], device=lm.device
        )
        start = _decoder_start(lm)
        width = max(len(choice) for choice in flat)
        # padding follows the choice, where earlier positions of the decoder do not see it
        inputs = [[*start, *choice[:-1], *[lm.pad] * (width - len(choice))] for choice in flat]
        decoder_ids = torch.tensor(inputs, device=lm.device)
        with lm.forward_pass("prefill", decoder_ids.numel()):
            logits = lm.model(
                encoder_outputs=(states[owner],),
                attention_mask=mask[owner],
                decoder_input_ids=decoder_ids,
                use_cache=False,
            ).logits[:, len(start) - 1 :]
        rows = [i for i, choice in enumerate(flat) for _ in choice]
        columns = [k for choice in flat for k in range(len(choice))]
        targets = [token for choice in flat for token in choice]
        where = torch.tensor([rows, columns], device=logits.device)
        needed = logits[where[0], where[1]]
        return sum_choice_logprobs(batch, needed, range(len(targets)), targets, lm.dtype)


def generate(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    """Generate an answer for every request. Finished sequences leave the batch."""
    import torch

    sequences = [SequenceState(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]
    running = list(sequences)
    with torch.inference_mode():
        states, mask = _encode(lm, batch)
        ids = torch.tensor([_decoder_start(lm)] * len(running), device=lm.device)
        cache = None
        while True:
            with lm.forward_pass("decoding", len(running)):
                output = lm.model(
                    encoder_outputs=(states,),
                    attention_mask=mask,
                    decoder_input_ids=ids,
                    past_key_values=cache,
                    use_cache=True,
                )
            cache = output.past_key_values
            sample_next(output.logits[:, -1], running)
            lm.activity.decoding(running)
            keep = [i for i, sequence in enumerate(running) if not sequence.done]
            if not keep:
                return sequences
            if len(keep) < len(running):
                where = torch.tensor(keep, device=lm.device)
                cache.batch_select_indices(where)
                states, mask = states[where], mask[where]
                running = [running[i] for i in keep]
            ids = torch.tensor([[sequence.ids[-1]] for sequence in running], device=lm.device)


def generate_singly(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    """Generate answers with beams or a repetition penalty by transformers, one at a time.

    The penalty applies to the decoder's output. The prompt does not count, as it does where prompt
    and answer are one text.
    """
    import torch

    sequences = [SequenceState(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]
    start = _decoder_start(lm)
    for sequence in sequences:
        stop = sequence.encoded.request.generation.stop
        ids = torch.tensor([sequence.encoded.prompt], device=lm.device)
        config = generation_config(lm, sequence, decoder_start_token_id=start[0])
        with torch.inference_mode(), seeded(lm, sequence):
            output = lm.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                decoder_input_ids=torch.tensor([start], device=lm.device),
                generation_config=config,
                **({"tokenizer": lm.tokenizer} if stop else {}),
            )
        append_tokens(sequence, output[0, len(start) :].tolist())
    return sequences


def kind(encoded: TokenizedRequest) -> str:
    """``choices``, ``generate``, or ``single`` for what ``generate_singly`` computes."""
    if encoded.choices:
        return "choices"
    settings = encoded.request.generation
    single = settings.num_beams > 1 or settings.repetition_penalty != 1.0
    return "single" if single else "generate"


def is_encoder_decoder(lm: LanguageModel) -> bool:
    """True for an encoder-decoder model."""
    return bool(getattr(lm.model.config, "is_encoder_decoder", False))


def _encode(
    lm: LanguageModel, batch: Sequence[TokenizedRequest]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The encoder's states of the prompts, and the mask of their tokens."""
    import torch

    width = max(len(encoded.prompt) for encoded in batch)
    ids = torch.full((len(batch), width), lm.pad, dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for i, encoded in enumerate(batch):
        ids[i, : len(encoded.prompt)] = torch.tensor(encoded.prompt)
        mask[i, : len(encoded.prompt)] = 1
    ids, mask = ids.to(lm.device), mask.to(lm.device)
    with lm.forward_pass("prefill", ids.numel()):
        states = lm.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    return states, mask


def _decoder_start(lm: LanguageModel) -> list[int]:
    """The tokens that the decoder begins with."""
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
