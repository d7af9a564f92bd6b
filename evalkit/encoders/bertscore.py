"""BERTScore of pairs of texts: every token is matched with the most similar one of the other text.

Model, layer and tokens are those of bert-score; only the order of work differs. Each text is
encoded once, in batches of similar length, and the vectors of references are cached for other cells
and scores.

Source: T. Zhang et al., BERTScore: Evaluating Text Generation with BERT, ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalkit.encoders.source import INSTALL_SEMANTIC, EncoderSource
from evalkit.errors import ModelError, UsageError
from evalkit.models import hardware

if TYPE_CHECKING:
    import torch

Pair = tuple[str, str]
Triple = tuple[float, float, float]
PAIRS_AT_ONCE = 1024
"""Pairs whose vectors are in memory at a time."""
MAX_CACHED_BYTES = 256 * 2**20
"""Bytes of reference vectors that are cached for the next cell."""
MAX_CACHED_PAIRS = 200_000


@lru_cache(maxsize=1)
def scorer(encoder: EncoderSource, layer: int | None, dtype: str, device: str) -> BertScorer:
    """The scorer with these settings; the last one stays loaded."""
    return BertScorer(encoder, layer, dtype, device)


class BertScorer:
    """Precision, recall and F1 of pairs of texts under one model.

    layer: the number of layers to use; None: bert-score's choice, or all layers of a model that it
    does not list. dtype: the precision.

    Raises ModelError if the model cannot be loaded, UsageError if it has fewer layers.
    """

    def __init__(self, encoder: EncoderSource, layer: int | None, dtype: str, device: str) -> None:
        utils = _bert_score()
        import torch

        self.device = hardware.choose_device(device)
        self.tokenizer, config = _tokenizer(utils, encoder)
        known = utils.model2layers.get(encoder.path)
        self.layer = layer or known or int(config.num_hidden_layers)
        if self.layer > int(config.num_hidden_layers):
            raise UsageError(
                f"bertscore: layer {self.layer} does not exist: {encoder.name} has"
                f" {config.num_hidden_layers} layers"
            )
        self.limit = int(self.tokenizer.model_max_length)
        self.name = encoder.name
        path = _ModelPath.of(encoder.path, str(config.model_type))
        model = _loaded(encoder, lambda: utils.get_model(path, self.layer))
        self.model = model.to(device=self.device, dtype=getattr(torch, dtype)).eval()
        self.dtype = dtype
        self._sent_encode = utils.sent_encode
        self._cached: dict[str, torch.Tensor] = {}
        self._cached_bytes = 0
        self._ids: dict[str, tuple[int, ...]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._special_tokens = {self.tokenizer.cls_token_id, self.tokenizer.sep_token_id}
        self._long: set[str] = set()
        self._done: dict[Pair, Triple] = {}

    def signature(self, *, rescaled: bool = False, own_baseline: bool = False) -> str:
        """bert-score's hash of the settings, followed by the precision if it is not float32."""
        settings = (self.name, self.layer, False, rescaled, own_baseline, False)
        made = str(_bert_score().get_hash(*settings))
        return made if self.dtype == "float32" else f"{made}_{self.dtype}"

    def score(self, answers: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
        """Precision, recall and F1 of each pair, shape (n, 3); 0 for an empty text."""
        pairs = list(zip(answers, references, strict=True))
        if len(self._done) > MAX_CACHED_PAIRS:
            self._done.clear()
            self._counts.clear()
        missing = iter(dict.fromkeys(pair for pair in pairs if pair not in self._done))
        found = dict(self._done)
        while block := list(islice(missing, PAIRS_AT_ONCE)):
            found |= self._block(block)
        self._done |= found
        return np.array([found[pair] for pair in pairs], dtype=np.float64).reshape(-1, 3)

    def count_truncated(self, texts: Iterable[str]) -> int:
        """How many of the texts scored so far fill the model's context and may be truncated."""
        return len(self._long.intersection(texts))

    def count_unknown(self, text: str) -> tuple[int, int]:
        """The number of unknown tokens of a text, and of all its tokens, without special tokens."""
        if text not in self._counts:
            ids = [i for i in self._tokens(text) if i not in self._special_tokens]
            self._counts[text] = sum(i == self.tokenizer.unk_token_id for i in ids), len(ids)
        return self._counts[text]

    def _block(self, pairs: Sequence[Pair]) -> dict[Pair, Triple]:
        import torch

        found = {pair: (0.0, 0.0, 0.0) for pair in pairs if not all(map(self._tokens, pair))}
        full = [pair for pair in pairs if pair not in found]
        with torch.inference_mode():
            for text in dict.fromkeys(text for pair in pairs for text in pair):
                self.count_unknown(text)  # while its tokens are in memory
            vectors = self._vectors(dict.fromkeys(text for pair in full for text in pair))
            self._cache_references(vectors, {reference for _, reference in full})
            order = sorted(full, key=lambda pair: tuple(len(vectors[text]) for text in pair))
            for start in range(0, len(order), 64):
                part = order[start : start + 64]
                found |= zip(part, self._matched(part, vectors), strict=True)
        self._ids.clear()
        return found

    def _vectors(self, texts: Iterable[str]) -> dict[str, torch.Tensor]:
        """The unit vectors of each text's tokens, (tokens, width)."""
        found = {text: self._cached[text] for text in texts if text in self._cached}
        waiting = [text for text in texts if text not in found]
        waiting.sort(key=lambda text: len(self._tokens(text)), reverse=True)
        budget = 32768 if self.device.startswith("cuda") else 2048
        while waiting:
            rows = max(1, budget // len(self._tokens(waiting[0])))
            batch, waiting = waiting[:rows], waiting[rows:]
            found |= zip(batch, self._encoded(batch), strict=True)
        return found

    def _encoded(self, texts: Sequence[str]) -> list[torch.Tensor]:
        import torch

        ids = [self._tokens(text) for text in texts]
        width = max(map(len, ids))
        pad = self.tokenizer.pad_token_id or 0
        padded = torch.tensor([[*some, *[pad] * (width - len(some))] for some in ids])
        mask = torch.tensor([[1] * len(some) + [0] * (width - len(some)) for some in ids])
        output = self.model(padded.to(self.device), attention_mask=mask.to(self.device))[0].float()
        unit = output / output.norm(dim=-1, keepdim=True)
        return [row[: len(some)].clone() for row, some in zip(unit, ids, strict=True)]

    def _cache_references(self, vectors: dict[str, torch.Tensor], references: set[str]) -> None:
        for text in references - self._cached.keys():
            size = vectors[text].numel() * 4
            if self._cached_bytes + size > MAX_CACHED_BYTES:
                self._cached.clear()
                self._cached_bytes = 0
            self._cached[text] = vectors[text]
            self._cached_bytes += size

    def _matched(self, pairs: Sequence[Pair], vectors: dict[str, torch.Tensor]) -> list[Triple]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        answers = pad_sequence([vectors[answer] for answer, _ in pairs], batch_first=True)
        targets = pad_sequence([vectors[reference] for _, reference in pairs], batch_first=True)
        answer_weights = self._weights([answer for answer, _ in pairs])
        reference_weights = self._weights([reference for _, reference in pairs])
        here, there = answer_weights >= 0, reference_weights >= 0
        similarity = torch.bmm(answers, targets.transpose(1, 2))
        similarity = similarity.masked_fill(~(here[:, :, None] & there[:, None, :]), -1.0)
        answer_weights, reference_weights = (
            answer_weights.clamp(min=0),
            reference_weights.clamp(min=0),
        )
        precision = (similarity.amax(2) * answer_weights).sum(1) / answer_weights.sum(1)
        recall = (similarity.amax(1) * reference_weights).sum(1) / reference_weights.sum(1)
        f1 = 2 * precision * recall / (precision + recall)
        empty = (answer_weights.sum(1) == 0) | (reference_weights.sum(1) == 0)
        scores = torch.stack([precision, recall, f1], dim=1).masked_fill(empty[:, None], 0.0)
        return [(p, r, f) for p, r, f in scores.nan_to_num(nan=0.0).tolist()]

    def _weights(self, texts: Sequence[str]) -> torch.Tensor:
        """1 for a token, 0 for a special token, -1 for padding."""
        import torch

        rows = [
            [float(i not in self._special_tokens) for i in self._tokens(text)] for text in texts
        ]
        width = max(map(len, rows))
        padded = [[*row, *[-1.0] * (width - len(row))] for row in rows]
        return torch.tensor(padded, device=self.device)

    def _tokens(self, text: str) -> tuple[int, ...]:
        """Token ids with special tokens; () for a blank text."""
        found = self._ids.get(text)
        if found is None:
            # bert-score fails on an empty text with recent versions of transformers
            found = tuple(self._sent_encode(self.tokenizer, text)) if text.strip() else ()
            self._ids[text] = found
            if len(found) >= self.limit:
                self._long.add(text)
        return found


def baseline(name: str, language: str, layer: int, file: str | None = None) -> NDArray[np.float64]:
    """The scores of unrelated texts, which rescaling maps to 0: precision, recall and F1.

    They come from bert-score's table for the model and language, or from ``file`` in the same
    format. Raises UsageError if there is no table or no line for the layer.
    """
    from pathlib import Path

    place = Path(_bert_score().__file__).parent / "rescale_baseline" / language
    table = Path(file) if file else place / f"{name.partition('@')[0]}.tsv"
    if not table.is_file():
        raise UsageError(
            f"bertscore: bert-score has no baseline for {name} in language '{language}';"
            " remove `rescale`, or provide a table with `baseline: FILE`"
        )
    rows = np.loadtxt(table, delimiter=",", skiprows=1, ndmin=2)
    if layer >= len(rows):
        raise UsageError(f"bertscore: the baseline {table.name} has no line for layer {layer}")
    values: NDArray[np.float64] = rows[layer, 1:4]
    return values


class _ModelPath(str):
    """A path in which bert-score finds "t5" only if the model is one.

    bert-score tells T5 from other encoders by these letters anywhere in the path.
    """

    __slots__ = ("_t5",)
    _t5: bool

    @classmethod
    def of(cls, path: str, model_type: str) -> _ModelPath:
        made = cls(path)
        made._t5 = "t5" in model_type
        return made

    def __contains__(self, part: object) -> bool:
        return self._t5 if part == "t5" else str(part) in str(self)


def _tokenizer(utils: Any, encoder: EncoderSource) -> tuple[Any, Any]:
    from transformers import AutoConfig

    tokenizer = _loaded(encoder, lambda: utils.get_tokenizer(encoder.path))
    config = _loaded(encoder, lambda: AutoConfig.from_pretrained(encoder.path))
    config = config.get_text_config()
    if tokenizer.model_max_length > 10**9:  # transformers writes 1e30 for "not stated"
        tokenizer.model_max_length = int(getattr(config, "max_position_embeddings", 512))
    return tokenizer, config


def _loaded(encoder: EncoderSource, load: Any) -> Any:
    from evalkit.models.loading import quiet

    try:
        with quiet():
            return load()
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ModelError(
            f"bertscore: {encoder.name} cannot be loaded: {type(error).__name__}: {reason}"
        ) from error


def _bert_score() -> Any:
    try:
        from bert_score import utils
    except ImportError as error:
        raise ModelError(
            f"bertscore needs the package bert-score ({error}): {INSTALL_SEMANTIC}"
        ) from None
    return utils
