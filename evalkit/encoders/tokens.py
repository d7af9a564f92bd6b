"""BERTScore of pairs of texts: a vector for every token, each matched with its nearest.

The model, its layers and its tokens are bert-score's own; what differs is the order of work.
Texts are encoded once each, in batches of similar length, and a reference that returns (with
another cell, another score) is not encoded again.

Source: T. Zhang et al., BERTScore: Evaluating Text Generation with BERT, ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalkit.encoders.source import INSTALL, Encoder
from evalkit.errors import ModelError, UsageError
from evalkit.models import hardware

if TYPE_CHECKING:
    import torch

Pair = tuple[str, str]
Triple = tuple[float, float, float]
BLOCK = 1024
"""Pairs whose vectors are in memory together."""
KEPT_BYTES = 256 * 2**20
"""Vectors of references that are kept for the next cell."""
KEPT_PAIRS = 200_000


@lru_cache(maxsize=1)
def matcher(encoder: Encoder, layer: int | None, dtype: str, device: str) -> Matcher:
    """The matcher of these settings; the one used last stays loaded."""
    return Matcher(encoder, layer, dtype, device)


class Matcher:
    """Precision, recall and F1 of pairs of texts under one model.

    layer: how many of the model's layers to use; None: bert-score's choice for the model, for a
    model it does not know all of them. dtype: what to compute in. Raises ModelError when the
    model cannot be loaded, UsageError when it has fewer layers.
    """

    def __init__(self, encoder: Encoder, layer: int | None, dtype: str, device: str) -> None:
        utils = _bert_score()
        import torch

        self.device = hardware.choose_device(device)
        self.tokenizer, config = _tokenizer(utils, encoder)
        known = utils.model2layers.get(encoder.path)
        self.layer = layer or known or int(config.num_hidden_layers)
        if self.layer > int(config.num_hidden_layers):
            raise UsageError(
                f"bertscore: layer {self.layer} of {encoder.name}, which has"
                f" {config.num_hidden_layers}"
            )
        self.limit = int(self.tokenizer.model_max_length)
        self.name = encoder.name
        model = _loaded(encoder, lambda: utils.get_model(encoder.path, self.layer))
        self.model = model.to(device=self.device, dtype=getattr(torch, dtype)).eval()
        self.dtype = dtype
        self._sent_encode = utils.sent_encode
        self._kept: dict[str, torch.Tensor] = {}
        self._kept_bytes = 0
        self._ids: dict[str, tuple[int, ...]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._marks = {self.tokenizer.cls_token_id, self.tokenizer.sep_token_id}
        self._long: set[str] = set()
        self._done: dict[Pair, Triple] = {}

    def signature(self, *, rescaled: bool = False, own_baseline: bool = False) -> str:
        """bert-score's hash of the settings; with the precision when it is not float32."""
        settings = (self.name, self.layer, False, rescaled, own_baseline, False)
        made = str(_bert_score().get_hash(*settings))
        return made if self.dtype == "float32" else f"{made}_{self.dtype}"

    def match(self, answers: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
        """Precision, recall and F1 of each pair: shape (n, 3). An empty text matches nothing: 0."""
        pairs = list(zip(answers, references, strict=True))
        if len(self._done) > KEPT_PAIRS:
            self._done.clear()
            self._counts.clear()
        missing = iter(dict.fromkeys(pair for pair in pairs if pair not in self._done))
        found = dict(self._done)
        while block := list(islice(missing, BLOCK)):
            found |= self._block(block)
        self._done |= found
        return np.array([found[pair] for pair in pairs], dtype=np.float64).reshape(-1, 3)

    def cut(self, texts: Iterable[str]) -> int:
        """How many of the texts matched so far fill all the model can see: a rest may be cut."""
        return len(self._long.intersection(texts))

    def unknown(self, text: str) -> tuple[int, int]:
        """How many of a text's tokens the model does not know, of how many; marks aside."""
        if text not in self._counts:
            ids = [i for i in self._tokens(text) if i not in self._marks]
            self._counts[text] = sum(i == self.tokenizer.unk_token_id for i in ids), len(ids)
        return self._counts[text]

    def _block(self, pairs: Sequence[Pair]) -> dict[Pair, Triple]:
        import torch

        found = {pair: (0.0, 0.0, 0.0) for pair in pairs if not all(map(self._tokens, pair))}
        full = [pair for pair in pairs if pair not in found]
        with torch.inference_mode():
            for text in dict.fromkeys(text for pair in pairs for text in pair):
                self.unknown(text)  # while its tokens are here
            vectors = self._vectors(dict.fromkeys(text for pair in full for text in pair))
            self._keep(vectors, {reference for _, reference in full})
            order = sorted(full, key=lambda pair: tuple(len(vectors[text]) for text in pair))
            for start in range(0, len(order), 64):
                part = order[start : start + 64]
                found |= zip(part, self._matched(part, vectors), strict=True)
        self._ids.clear()
        return found

    def _vectors(self, texts: Iterable[str]) -> dict[str, torch.Tensor]:
        """The unit vectors of each text's tokens, (tokens, width)."""
        found = {text: self._kept[text] for text in texts if text in self._kept}
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

    def _keep(self, vectors: dict[str, torch.Tensor], references: set[str]) -> None:
        for text in references - self._kept.keys():
            size = vectors[text].numel() * 4
            if self._kept_bytes + size > KEPT_BYTES:
                self._kept.clear()
                self._kept_bytes = 0
            self._kept[text] = vectors[text]
            self._kept_bytes += size

    def _matched(self, pairs: Sequence[Pair], vectors: dict[str, torch.Tensor]) -> list[Triple]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        said = pad_sequence([vectors[answer] for answer, _ in pairs], batch_first=True)
        wanted = pad_sequence([vectors[reference] for _, reference in pairs], batch_first=True)
        weights_said = self._weights([answer for answer, _ in pairs])
        weights_wanted = self._weights([reference for _, reference in pairs])
        here, there = weights_said >= 0, weights_wanted >= 0
        alike = torch.bmm(said, wanted.transpose(1, 2))
        alike = alike.masked_fill(~(here[:, :, None] & there[:, None, :]), -1.0)
        weights_said, weights_wanted = weights_said.clamp(min=0), weights_wanted.clamp(min=0)
        precision = (alike.amax(2) * weights_said).sum(1) / weights_said.sum(1)
        recall = (alike.amax(1) * weights_wanted).sum(1) / weights_wanted.sum(1)
        f1 = 2 * precision * recall / (precision + recall)
        empty = (weights_said.sum(1) == 0) | (weights_wanted.sum(1) == 0)
        scores = torch.stack([precision, recall, f1], dim=1).masked_fill(empty[:, None], 0.0)
        return [(p, r, f) for p, r, f in scores.nan_to_num(nan=0.0).tolist()]

    def _weights(self, texts: Sequence[str]) -> torch.Tensor:
        """1 for a token, 0 for the marks at the ends of a text, -1 where there is none."""
        import torch

        rows = [[float(i not in self._marks) for i in self._tokens(text)] for text in texts]
        width = max(map(len, rows))
        padded = [[*row, *[-1.0] * (width - len(row))] for row in rows]
        return torch.tensor(padded, device=self.device)

    def _tokens(self, text: str) -> tuple[int, ...]:
        """Token ids with the marks at the ends; () for a text of nothing but space."""
        found = self._ids.get(text)
        if found is None:
            # bert-score fails on an empty text with recent versions of transformers
            found = tuple(self._sent_encode(self.tokenizer, text)) if text.strip() else ()
            self._ids[text] = found
            if len(found) >= self.limit:
                self._long.add(text)
        return found


def baseline(name: str, language: str, layer: int, file: str | None = None) -> NDArray[np.float64]:
    """The scores of unrelated texts that rescaling takes as 0: precision, recall, F1.

    From bert-score's tables by model and language, or a file of the same form. Raises UsageError.
    """
    from pathlib import Path

    place = Path(_bert_score().__file__).parent / "rescale_baseline" / language
    table = Path(file) if file else place / f"{name.partition('@')[0]}.tsv"
    if not table.is_file():
        raise UsageError(
            f"bertscore: no baseline for {name} in language '{language}' comes with bert-score;"
            " leave `rescale` out, or give a table of it as `baseline: FILE`"
        )
    rows = np.loadtxt(table, delimiter=",", skiprows=1, ndmin=2)
    if layer >= len(rows):
        raise UsageError(f"bertscore: the baseline {table.name} has no line for layer {layer}")
    values: NDArray[np.float64] = rows[layer, 1:4]
    return values


def _tokenizer(utils: Any, encoder: Encoder) -> tuple[Any, Any]:
    from transformers import AutoConfig

    tokenizer = _loaded(encoder, lambda: utils.get_tokenizer(encoder.path))
    config = _loaded(encoder, lambda: AutoConfig.from_pretrained(encoder.path))
    config = config.get_text_config()
    if tokenizer.model_max_length > 10**9:  # transformers writes 1e30 for "not stated"
        tokenizer.model_max_length = int(getattr(config, "max_position_embeddings", 512))
    return tokenizer, config


def _loaded(encoder: Encoder, load: Any) -> Any:
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
        raise ModelError(f"bertscore needs the package bert-score ({error}): {INSTALL}") from None
    return utils
