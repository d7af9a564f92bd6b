"""Reads numbers in a text; all parts of evalkit that read numbers use this module.

A number is read as a whole or not at all. Text that may be two numbers, an operation on numbers, or
a part of something longer (``2-3``, ``12/05/2020``, ``3x``, ``10:30``, ``1.2.3``) is found, but has
no value. A digit inside a word (``H2O``, ``GPT-4``) is not a number.

Supported, in the digits of any script: signs; grouped thousands (1,234; 1 234; 1'234; 1_234;
1.234.567; 12,34,567); decimals (3.14; .5; 3,14 if the comma cannot separate thousands); exponents
and powers of ten (1.5e3, 1.5 × 10^3); fractions (3/4, 1 1/2, 1½); numbers with a multiplying word
or letter (1.5 million, $50k). Currency, percent, degree and units next to a number are ignored.
Parentheses do not negate: (3) is 3, and (-3) is -3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from evalkit.written.plain import GAP, plain
from evalkit.written.surroundings import abbreviated, read_after, read_before

_MOST_DIGITS = 1_000
_MOST_EXPONENT = 400

# Digits and what may join them. A space joins only within one number: 1 234, 1 1/2.
_THREE_AT_MOST = "|".join(rf"(?<=(?<![\d.,/:^'+*–—−-])\d{{{n}}})" for n in (1, 2, 3))
_TOKEN = re.compile(
    rf"""(?:(?<![\d.])\.)?\d+
    (?:
      (?: [eE][-+−]? | \^[-+−]? | \*\* | \.{{2,3}} | … | [-.,'_:~+×·*–—−{GAP}] | [ ]?/[ ]?
        | [ ]?[×x*·][ ]?(?=10(?:\^|\*\*))
        | (?:{_THREE_AT_MOST}|(?<=[ ]\d{{3}}))[ ](?=\d{{3}}(?!\d))
        | [ ](?=\d+[ ]?/[ ]?\d)
      )\d+
    )*""",
    re.VERBOSE,
)
_LIST = re.compile(r"(?:0|[1-9]\d*)(?:,(?:0|[1-9]\d?|[1-9]\d{3,})){2,}")

_GROUPS = re.compile(
    rf"""[1-9]\d{{0,2}}(?:
        (?P<by>[,'_{GAP}\ ])\d{{3}}(?:(?P=by)\d{{3}})*(?:\.\d+)?
      | (?P<space>['{GAP}\ ])\d{{3}}(?:(?P=space)\d{{3}})*,\d+
      | (?:\.\d{{3}}){{2,}}(?:,\d+)?
      | \.\d{{3}},\d+
    ) | [1-9]\d?(?:,\d{{2}})+,\d{{3}}(?:\.\d+)?""",
    re.VERBOSE,
)
_COMMA = re.compile(r"0,\d+|[1-9]\d*,(?:\d{1,2}|\d{4,})")
_POINT = re.compile(r"\d*\.\d+|\d+")
_EXPONENT = re.compile(r"(.+)[eE]([-+−]?\d{1,3})")
_TEN = re.compile(r"(?:(.+?)[ ]?[×x*·][ ]?)?10(?:\^|\*\*)([-+−]?\d{1,3})")
_FRACTION = re.compile(rf"(?:(\d+)[ {GAP}])?(\d+)[ ]?/[ ]?(\d+)")

_BETWEEN = re.compile(
    rf"[ {GAP}]?[%°€$£]?[ {GAP}]?(?:[-–—−]|minus|±)[ {GAP}]?[-–−]?[$€£]?", re.IGNORECASE
)
_GOES_ON = re.compile(rf"[ {GAP}](?:and[ {GAP}])?", re.IGNORECASE)
_AROUND = re.compile(r"[\s$€£¥₹₽₩₪₫฿%°.,;:!?*`_\"'“”„«»()\[\]{}\\]*")


LONGEST = 100_000
"""Characters of the longest text in which an answer is looked for: reading a megabyte of numbers
takes a minute."""


class Number(NamedTuple):
    """A number found in a text.

    value: None if the text is not a single number. start, end: its span, with its sign. plain: the
    number without separators (``-1234.50``, ``3/4``); without a value, the text as written.
    fraction: whether it is written as one.
    """

    value: Fraction | None
    start: int
    end: int
    plain: str
    fraction: bool = False

    @property
    def text(self) -> str:
        """The number in its normal form: ``1234.5``, ``-3``; a fraction in lowest terms."""
        assert self.value is not None
        return str(self.value) if self.fraction else normal(self.value)


def numbers(text: str, *, scaled: bool = True) -> list[Number]:
    """The numbers in a text, in order.

    scaled: whether a word or letter after a number multiplies it (``1.5 million``). If not, such a
    word is ignored, and a number with such a letter has no value.
    """
    if not any(character.isnumeric() for character in text):
        return []
    made = plain(text)
    listed = "\n" in made.text.strip()
    found = [
        one for piece in _pieces(made.text) if (one := _read(made.text, piece, scaled, listed))
    ]
    apart = (one.number for one in _separated(made.text, found))
    return [Number(n.value, *made.span(n.start, n.end), n.plain, n.fraction) for n in apart]


def one_of(text: str, which: str) -> Number | None:
    """The ``first`` or ``last`` number of a text; None if it has no value or does not exist."""
    found = numbers(text)
    hit = found[0 if which == "first" else -1] if found else None
    return hit if hit is not None and hit.value is not None else None


def only(text: str) -> Number | None:
    """The number that a text consists of, apart from signs around it; None for other texts."""
    found = numbers(text)
    if len(found) != 1 or found[0].value is None:
        return None
    around = text[: found[0].start] + text[found[0].end :]
    return found[0] if _AROUND.fullmatch(plain(around).text) else None


def normal(value: Fraction) -> str:
    """The normal form of a value: a finite decimal (``-0.75``), else a fraction (``1/3``)."""
    bottom, twos, fives = value.denominator, 0, 0
    while bottom % 2 == 0:
        bottom, twos = bottom // 2, twos + 1
    while bottom % 5 == 0:
        bottom, fives = bottom // 5, fives + 1
    places = max(twos, fives)
    if bottom > 1:
        return str(value)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


# --- the value of digits and the signs between them -----------------------------------------


class _Piece(NamedTuple):
    """Digits with the signs between them, and their value."""

    start: int
    end: int
    value: Fraction | None
    plain: str
    fraction: bool = False


def _pieces(text: str) -> Iterator[_Piece]:
    for found in _TOKEN.finditer(text):
        if _LIST.fullmatch(found[0]):
            for item in re.finditer(r"\d+", found[0]):
                start, end = found.start() + item.start(), found.start() + item.end()
                yield _piece(item[0], start, end)
        else:
            yield _piece(found[0], *found.span())


def _piece(digits: str, start: int, end: int) -> _Piece:
    if digits.isdigit() and len(digits) <= _MOST_DIGITS:
        return _Piece(start, end, Fraction(int(digits)), digits)
    mixed = _FRACTION.fullmatch(digits)
    if len(digits) > _MOST_DIGITS:
        return _Piece(start, end, None, digits)
    if mixed:
        whole, top, bottom = int(mixed[1] or 0), int(mixed[2]), int(mixed[3])
        if bottom == 0 or (mixed[1] and top >= bottom):
            return _Piece(start, end, None, digits)
        value = whole + Fraction(top, bottom)
        written = f"{top}/{bottom}" if mixed[1] is None else str(value)
        return _Piece(start, end, value, written, fraction=True)
    decimal = _decimal(digits)
    if decimal is None:
        return _Piece(start, end, None, digits)
    return _Piece(start, end, Fraction(decimal), decimal)


def _decimal(digits: str) -> str | None:
    """Grouped digits, decimals or exponents as a plain decimal; None if they are neither."""
    if _POINT.fullmatch(digits):
        return f"0{digits}" if digits.startswith(".") else digits
    if _GROUPS.fullmatch(digits):
        return _ungrouped(digits)
    if _COMMA.fullmatch(digits):
        return digits.replace(",", ".")
    raised = _TEN.fullmatch(digits) or _EXPONENT.fullmatch(digits)
    if raised is None:
        return None
    mantissa = _decimal(raised[1]) if raised[1] else "1"
    exponent = int(raised[2].replace("−", "-"))
    if mantissa is None or abs(exponent) > _MOST_EXPONENT or "^" in (raised[1] or ""):
        return None
    return normal(Fraction(mantissa) * Fraction(10) ** exponent)


def _ungrouped(digits: str) -> str:
    """Remove the separators of thousands; a last sign of another kind is the decimal point."""
    signs = re.findall(r"\D", digits)
    decimal = signs[-1] if len(signs) > 1 and signs[-1] != signs[-2] else ""
    whole, _, part = digits.rpartition(decimal) if decimal else (digits, "", "")
    return re.sub(r"\D", "", whole) + (f".{part}" if decimal else "")


# --- how the surrounding text changes them --------------------------------------------------


class _Read(NamedTuple):
    """A number with the span of its digits."""

    number: Number
    digits: tuple[int, int]
    multiplied: bool


def _read(text: str, piece: _Piece, scaled: bool, listed: bool) -> _Read | None:
    """The number of a piece in its context; None if it is part of a word."""
    start = piece.start
    value, written = piece.value, piece.plain
    if text[start] == "." and text[start - 1 : start].isalpha():  # No.5, or a lost space
        if not abbreviated(text, start):
            return _Read(_unread(text, start, piece.end), (start, piece.end), False)
        start += 1
        piece = _piece(text[start : piece.end], start, piece.end)
        value, written = piece.value, piece.plain
    before = read_before(text, start, listed=listed)
    after = read_after(text, piece.end, text[start : piece.end], money=before.money, scaled=scaled)
    if before.kind == "word":
        return None
    tuple_like = _COMMA.fullmatch(text[start : piece.end]) and _enclosed(
        text, before.start, piece.end
    )
    if before.kind == "unclear" or not after.fine or value is None or tuple_like:
        return _Read(_unread(text, start, piece.end), (start, piece.end), False)
    changed = after.end > piece.end
    if changed:
        value = (value + Fraction(*after.added)) * after.scale
    if before.negative:
        value, written = -value, f"-{written}"
    number = Number(
        value,
        before.start,
        after.end,
        normal(value) if changed else written,
        piece.fraction and not changed,
    )
    return _Read(number, (start, piece.end), changed)


def _unread(text: str, start: int, end: int) -> Number:
    return Number(None, start, end, text[start:end])


def _enclosed(text: str, start: int, end: int) -> bool:
    """Whether digits with a comma fill a pair of brackets: (1,2) may be two numbers."""
    return text[start - 1 : start] in ("(", "[", "{") and text[end : end + 1] in (")", "]", "}")


def _separated(text: str, found: Sequence[_Read]) -> list[_Read]:
    """The numbers; those of one expression lose their values: 10 - 3, 2 million 500."""
    unclear: set[int] = set()
    for i in range(len(found) - 1):
        one, other = found[i], found[i + 1]
        between = text[one.number.end : other.digits[0]]
        if len(between) > 16:
            continue
        continues = one.multiplied or (other.number.fraction and "and" in between)
        if _BETWEEN.fullmatch(between) or (continues and _GOES_ON.fullmatch(between)):
            unclear |= {i, i + 1}
    return [
        one._replace(number=_unread(text, *one.digits)) if i in unclear else one
        for i, one in enumerate(found)
    ]
