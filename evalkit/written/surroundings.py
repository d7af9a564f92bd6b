"""Reads the text next to digits that affects their value: a sign, a word, an operation."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from evalkit.written.plain import GAP

# Scripts whose words have no space between them and adjacent digits or other scripts.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")

_WINDOW = 48
_BLANKS = f" {GAP}\t"
_DASHES = "-–—−+"
_MONEY_ENDS = "$€£¥₹₽₩₪₫฿DRPFs."
_CURRENCY = re.compile(
    rf"(?:(?:US|[ACRS]|HK|NZ)?[$€£¥₹₽₩₪₫฿]|(?<![^\W_])(?:USD|EUR|GBP|INR|CHF|Rs\.?))[ {GAP}]?$"
)
_DASH = re.compile(rf"([-–—−+])([ {GAP}\t]*)$")
_CLOSING = (")", "]", "}")
_RAISING = ("{", "^")
_SAID_MINUS = re.compile(r"(?<![^\W_])(?:minus|negative|moins|menos)[^\S\n]$", re.IGNORECASE)
_OPERAND = re.compile(r"(?:[\d)\]}%°]|(?<![^\W_])(?<!')[B-HJ-Zb-hj-z])\s+$")
_ABBREVIATED = re.compile("no|nr|num|pp?|fig|eq|ch|vol|sec|art|q|ca|approx|rs", re.IGNORECASE)
# LaTeX commands that only separate a number from adjacent text.
_SEPARATING = re.compile(
    "l(?:e|eq|eqslant|t)|g(?:e|eq|eqslant|t)|approx|sim|simeq|equiv|neq?|q?quad|to|[rR]ightarrow"
    "|implies|iff|therefore|[pb]?mod|in|cup|cap|and|or|end|begin|l?dots|item|newline|hline|circ"
)
_COMMAND_BEFORE = re.compile(r"\\([A-Za-z]+)(\s*)$")
_COMMAND_AFTER = re.compile(r"\\([A-Za-z]+)")

_HALVES = re.compile(
    r"[^\S\n](?:and|&)[^\S\n](?:a|one)[-\s](half|third|quarter)(?![^\W_])", re.IGNORECASE
)
_ADDED = {"half": (1, 2), "third": (1, 3), "quarter": (1, 4)}
_SCALES: dict[str, int] = {
    word: scale
    for scale, words in {
        10**2: "hundred 百 백",
        10**3: "thousand thousands tausend mille tusen duizend тысяч тысячи 千 천",
        10**4: "万 萬 만",
        10**5: "lakh lakhs",
        10**6: "million millions millionen millones millón milhões miljoen milioni mln mio mn"
        " миллион миллиона миллионов",
        10**7: "crore crores",
        10**8: "億 亿 억",
        10**9: "billion billions milliarde milliarden milliard milliards miljard miliardi bn mrd"
        " миллиард миллиарда миллиардов",
        10**12: "trillion trillions billionen 兆 조",
    }.items()
    for word in words.split()
}
_SCALE_WORD = re.compile(rf"[ {GAP}-]?([^\W\d_]+)")
_PARTS = re.compile(
    rf"[ {GAP}-](?:thirds|fifths|sixths|sevenths|eighths|ninths|tenths|hundredths|thousandths"
    r"|millionths)(?![^\W_])",
    re.IGNORECASE,
)
_LETTER_SCALES = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_MONEY_AFTER = re.compile(r"[^\S\n]?(?:[$€£¥₹]|(?:USD|EUR|GBP|dollars|euros|pounds)(?![^\W_]))")
_UNIT_LETTERS = frozenset("gmshlLNJWVCF")
_VARIABLES = re.compile(r"(?!in$)[abcnxyzi]{2,3}|pi")
_PLAIN_STARTS = ",;:!?(\n"
_PLAIN_ENDS = ",.;:!?\n"
_OPERATION_AFTER = re.compile(
    r"""\^ | [)\]}]+\s?\^ | ∞ | [^\S\n]?[√∛π±]
      | [^\S\n]\\(?:[dt]?frac|sqrt|pi|theta|alpha|beta|log|ln|sin|cos|tan)(?![A-Za-z])
      | \+(?!\s*[\d(\\]) | -[A-Za-z](?![A-Za-z])
      | \((?:\d|[A-Za-z](?![A-Za-z])) | /(?:[(\\]|[A-Za-z](?![A-Za-z])) | \*[A-Za-z](?![A-Za-z])
    """,
    re.VERBOSE,
)


class Before(NamedTuple):
    """The text before digits.

    kind: ``fine``; ``word`` if the digits are part of one; ``unclear``. start: where the number
    begins, including its sign. money: whether a currency precedes it.
    """

    kind: str
    start: int
    negative: bool = False
    money: bool = False


class After(NamedTuple):
    """The text after digits.

    fine: whether it leaves them a number and does not form an expression. scale: the factor it
    multiplies by. added: a fraction in words ("and a half"). end: where the number ends.
    """

    fine: bool
    end: int
    scale: int = 1
    added: tuple[int, int] = (0, 1)


def unspaced(character: str) -> bool:
    """Whether a letter is of a script written without spaces (also next to digits)."""
    return not character.isascii() and unicodedata.name(character, "").startswith(_UNSPACED)


# --- before -------------------------------------------------------------------------------


def read_before(text: str, start: int, *, listed: bool) -> Before:
    """How the text before ``start`` affects the digits there.

    text: from ``plain``. listed: whether it has several lines, so that a dash may be a bullet.
    """
    if text[start - 1 : start] in _PLAIN_STARTS:
        return Before("fine", start)
    window = text[max(0, start - _WINDOW) : start]
    from_here = start - len(window)
    last = window.rstrip(_BLANKS)[-1:]
    currency = _CURRENCY.search(window) if last in _MONEY_ENDS else None
    if currency:
        window = window[: currency.start()]
        last = window.rstrip(_BLANKS)[-1:]
    dash = _DASH.search(window) if last in _DASHES else None
    minus_word = _SAID_MINUS.search(window) if last in "sS" or last in "eE" else None
    kind, negative, begin = "fine", False, start
    if dash:
        kind, negative = _signed(window[: dash.start()], dash[1], bool(dash[2]), listed)
        if negative or (dash[1] == "+" and not dash[2]):
            begin = from_here + dash.start()
    elif minus_word:
        kind = "unclear" if _OPERAND.search(window[: minus_word.start()]) else "fine"
        negative, begin = True, from_here + minus_word.start()
    elif window[-1:] not in _BLANKS or "\\" in window:
        kind = _unsigned(window)
    return Before(kind, begin, negative, bool(currency))


def _unsigned(rest: str) -> str:
    if not rest:
        return "fine"
    last, head = rest[-1], rest[:-1]
    command = _COMMAND_BEFORE.search(rest)
    if command:
        return "fine" if _SEPARATING.fullmatch(command[1]) else "unclear"
    if last == "_":
        return "word" if head[-1:].isalnum() else "fine"
    if last.isalnum():
        return "fine" if unspaced(last) else "word"
    if last == "^":
        return "word" if head[-1:].isalpha() or head[-1:] in _CLOSING else "unclear"
    if last == "." and not head.endswith("..") and not abbreviated(rest, len(head)):
        return "unclear"
    if last in "±∓√∛":
        return "unclear"
    if last in "*×·÷/" and (head[-1:].isalnum() or head[-1:] in _CLOSING):
        return "unclear"
    return _in_braces(head.rstrip()) if last == "{" else "fine"


def _in_braces(head: str) -> str:
    if head.endswith(("^", "_")):
        return "word" if head[-2:-1].isalpha() or head[-2:-1] in _CLOSING else "unclear"
    return "unclear" if head.endswith(("}", "]")) or _COMMAND_BEFORE.search(head) else "fine"


def _signed(head: str, mark: str, apart: bool, listed: bool) -> tuple[str, bool]:
    """The kind of digits after a dash or plus, and whether it is a minus sign.

    head: the text before the sign. apart: whether a space separates it from the digits.
    """
    beside = head[-1:]
    closed = beside.isalnum() or beside in _CLOSING
    if beside in _RAISING:
        return _unsigned(head), mark != "+"
    if mark == "+":
        return ("unclear" if closed and not apart and not unspaced(beside) else "fine"), False
    if apart:
        return _spaced_dash(head, mark, listed)
    if mark == "—":
        punctuation = beside.isalpha() or beside in tuple(".!?:;,*_\"'")
        return ("fine" if punctuation else "unclear"), False
    if not beside or beside.isspace():
        return ("unclear" if _OPERAND.search(head) else "fine"), True
    if beside.isalpha():
        if unspaced(beside):
            return "fine", True
        return ("word" if beside.isupper() and mark == "-" else "unclear"), True
    return ("unclear" if closed or beside in tuple("%°.!?-–—−") else "fine"), True


def _spaced_dash(head: str, mark: str, listed: bool) -> tuple[str, bool]:
    line = head.rpartition("\n")[2].rstrip()
    if not line:  # the dash begins a line: a bullet, if there are several lines
        if mark == "−":
            return "fine", True
        return ("fine" if listed and mark in "-–" else "unclear"), False
    last = line[-1]
    if last in "=([{<>≤≥≈," or (mark == "−" and not last.isalnum() and last not in ")]}%°"):
        return "fine", mark != "—"
    return ("fine" if mark == "—" and not last.isdigit() else "unclear"), False


def abbreviated(text: str, start: int) -> bool:
    """Whether the point at ``start`` belongs to the word before it: ``No.5``."""
    word = re.search(r"([^\W\d_]+)$", text[max(0, start - 12) : start])
    return word is not None and bool(_ABBREVIATED.fullmatch(word[1]))


# --- after --------------------------------------------------------------------------------


def read_after(text: str, end: int, digits: str, *, money: bool, scaled: bool) -> After:
    """How the text from ``end`` on affects the digits before it."""
    if text[end : end + 1] in _PLAIN_ENDS:
        return After(True, end)
    window = text[end : end + _WINDOW]
    if _OPERATION_AFTER.match(window):
        return After(False, end)
    command = _COMMAND_AFTER.match(window)
    if command:
        return After(_SEPARATING.fullmatch(command[1]) is not None, end)
    letters = re.match(r"[^\W\d_]+", window)
    if letters and not (scaled and _scale(letters[0]) is not None):
        return _attached(letters[0], window, end, digits, money=money, scaled=scaled)
    if not scaled:
        return After(True, end)
    if _PARTS.match(window):
        return After(False, end)
    halved = _HALVES.match(window)
    if halved:
        return After(True, end + halved.end(), added=_ADDED[halved[1].casefold()])
    return _multiplied(text, end)


def _multiplied(text: str, end: int) -> After:
    scale, at = 1, end
    while word := _SCALE_WORD.match(text, at):
        by = _scale(word[1])
        if by is None:
            break
        scale, at = scale * by, at + word.end() - word.start()
    return After(True, at, scale)


def _scale(word: str) -> int | None:
    """The factor of a word after a number; of a run of signs (百万), their product."""
    known = _SCALES.get(word.casefold())
    if known is not None or not unspaced(word[0]):
        return known
    scale, signs = 1, 0
    for sign in word:
        if sign not in _SCALES:
            break
        scale, signs = scale * _SCALES[sign], signs + 1
    return scale if signs else None


def _attached(run: str, window: str, end: int, digits: str, *, money: bool, scaled: bool) -> After:
    """Letters directly after digits: a unit, a word, a factor, a variable."""
    if unspaced(run[0]):
        return After(_scale(run) is None, end)
    if window[len(run) : len(run) + 1].isdigit():
        return After(False, end)
    if run.casefold() in _LETTER_SCALES:
        if money or run == "k" or _MONEY_AFTER.match(window, len(run)):
            by = _LETTER_SCALES[run.casefold()]
            return After(scaled, end + len(run), by)
        return After(run == "m", end)
    if run == "s" and len(digits) == 4:  # the 1990s
        return After(False, end)
    if len(run) == 1:
        return After(run in _UNIT_LETTERS, end)
    return After(not _VARIABLES.fullmatch(run), end)
