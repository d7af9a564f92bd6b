r"""Prepares the formulas of a text for math-verify: pure functions of text.

math-verify parses what is between delimiters (``$``, ``\(``, ``\[``), and of a text without them
single numbers and fractions: of ``2\sqrt{3} + 1`` the 1, of ``(3, 4)`` the 4, of ``1.5e3`` the 1.5.
This module adds delimiters to such formulas and rewrites numbers in a form that it parses (see
:mod:`evalkit.written.numbers`), so that a part of a formula is never taken for the whole.
"""

from __future__ import annotations

import re

from evalkit.written.numbers import Number, normal, numbers, only
from evalkit.written.plain import plain_characters

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*(?=\{|[^\s{])")
_REGION = re.compile(
    r"(?<!\\)\$\$.{1,4000}?(?<!\\)\$\$ | \\\[.{1,4000}?\\\] | \\\(.{1,4000}?\\\)"
    r"| (?<![\\\d])\$(?=\S)(?:\\.|[^$\n\\]){1,1000}?(?<=\S)(?<!\\)\$(?!\d)"
    r"| \\begin\{(\w{1,20}\*?)\}.{1,4000}?\\end\{\1\}",
    re.VERBOSE | re.DOTALL,
)
_RAISED = re.compile(r"(?<=[\d)\]}a-ln-zA-Z√π])([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_AS_READ = re.compile(r"-?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?|\.\d+|-?\d+/\d+")
_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_LISTED = re.compile(r"[^\S\n]*(?:,[^\S\n]*)?(?<![^\W_])(?:and|or)(?![^\W_])[^\S\n]*")

_SOLUTION = re.compile(r"(?:[A-Za-z][ ]?=)?[^=;()\n]+")
_FUNCTION = r"(?:sqrt|sin|cos|tan|log|ln|exp|pi)(?![A-Za-z])"
# A letter on its own; the words a and I only where they must be variables.
_VARIABLE = r"""(?<![A-Za-z])(?:[b-hj-zB-HJ-Z]|(?<=[\d)}])[aAiI]
    |(?<![\d)}])[aAiI](?=[^\S\n]*[-+*/^=)_,\]]))(?![A-Za-z'’])"""
_SIGNS = r"[-+*/^_=<>≤≥≠|!√π∞°×÷·±(){}\[\],;]|(?<=\d)[ ]?:[ ]?(?=\d(?!\d))"
# No text is cut into these in two ways: what matches again and again takes no long time to fail.
_PIECE = rf"""(?:
      \d | \.(?=\d) | \\text\s*\{{[^{{}}\n]*\}} | \\(?!text(?![A-Za-z]))[A-Za-z]+(?![A-Za-z])
    | \\[{{}}|,;:!] | (?<![A-Za-z\\]){_FUNCTION} | (?<=[\d)}}])(?!pi|ln)[A-Za-z]{{2}}(?![A-Za-z])
    | {_SIGNS} | [ ] | VARIABLE
    )"""
_RUN = re.compile(f"{_PIECE}+".replace("VARIABLE", _VARIABLE), re.VERBOSE)
_WHOLE = re.compile(
    f"{_PIECE}+".replace("VARIABLE", r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])"), re.VERBOSE
)
_PRODUCT = re.compile(r"(?<![A-Za-z\\])[a-z]{2}(?![A-Za-z])")
_WORDS = re.compile(
    "a[mnst]|b[ey]|do|go|he|i[fnst]|m[ey]|no|o[fnr]|so|to|u[ps]|we|pm|[ckm]m|[km]g|[cdm]l|ft|oz|lb|hr"
    "|pi|ln"
)
# What makes a run of such pieces a formula that math-verify does not read without delimiters.
_FORMULA = re.compile(
    rf"""\\(?!text|quad|qquad|ldots|dots|newline|item|begin|end)[A-Za-z]{{2,}} | [√π∞^]
      | {_FUNCTION}\( | \d[ ]?:[ ]?\d | \d[abcijknpqruvwxyz](?![A-Za-z])
      | {_VARIABLE}[ ]?[-+*/][ ]?[\dA-Za-z(\\] | [\dA-Za-z)][ ]?[-+*/][ ]?{_VARIABLE}
      | [(\[](?=[^()\[\]]*\d)[^()\[\],]*,[^()\[\]]*[)\]] | \\\{{""",
    re.VERBOSE,
)
_ROOT = re.compile(
    r"(?:√|(?<![A-Za-z\\])sqrt)[ ]?(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z])))"
)
_LATEX_SIGNS = str.maketrans(
    {"π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "×": r"\times "}
)
# Units behind a number that look like products and powers: 25 cm^2, 5 m/s.
_UNITS = re.compile(
    r"""(?<=\d)(\ ?(?:[kcmd]m|ft|in|yd|mi|k?g|[kM]?[JWNL])|\ [mlg])(?:
          [ ]?(?:\^[ ]?\{?[23]\}?|[²³])(?![\d\w])
        | [ ]?/[ ]?(?:[kcm]?m|k?g|[smhlL]|hr|min|day|year|mol)(?:\^\{?[23]\}?|[²³])?(?![\d\w])
    )""",
    re.VERBOSE,
)
_EDGES = " ,;:=!"
_PAIRS = {"(": ")]", "[": ")]", "{": "}"}


def boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{}`` of a text; None if there is none.

    Raises ValueError if it is empty or not closed.
    """
    openings = list(_BOXED.finditer(text))
    if not openings:
        return None
    at = openings[-1].end()
    if text[at] != "{":  # \boxed 5
        return re.split(r"[\s$]", text[at:], maxsplit=1)[0].rstrip(".,;")
    depth, end = 0, at
    while end < len(text):
        if text[end] == "\\":
            end += 2
            continue
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            break
        end += 1
    if depth or end >= len(text):
        raise ValueError(r"the last \boxed{ is not closed")
    inside = text[at + 1 : end].strip()
    if not inside:
        raise ValueError(r"the last \boxed{} is empty")
    return inside


def prepared(text: str) -> str:
    """A text rewritten so that math-verify parses its numbers and formulas as people read them."""
    text = in_plain_signs(text)
    pieces, done = [], 0
    for region in _REGION.finditer(text):
        pieces += [_outside(text[done : region.start()]), _region(region[0])]
        done = region.end()
    return "".join([*pieces, _outside(text[done:])])


def in_plain_signs(text: str) -> str:
    """ASCII digits and minus signs, powers and fractions in ASCII."""
    raised = _RAISED.sub(
        lambda m: f"^{{{m[1].translate(_RAISED_DIGITS)}}}", _UNITS.sub(r"\1", text)
    )
    shown = plain_characters(raised).text.replace("−", "-")
    shown = re.sub(r"(?<![\w)\]}])–(?=[\d.\\a-z(])", "-", shown)
    return re.sub(r"(?<![\d/.,])(\d+) (\d+)/(\d+)(?![\d/.,])", _mixed, shown)


def formula(text: str) -> str | None:
    """A text that is one formula without delimiters, with delimiters; None for any other."""
    bare = in_plain_signs(text).strip().strip("*").rstrip(".").strip()
    listed = _LISTED.sub(", ", bare)
    if listed != bare and not all(map(_SOLUTION.fullmatch, listed.split(", "))):
        return None
    letters = _PRODUCT.sub(lambda m: m[0] if _WORDS.fullmatch(m[0]) else " ".join(m[0]), listed)
    if re.search(r"(?<!\\);", listed) or listed.casefold() == "n/a":
        return None
    if _WHOLE.fullmatch(letters) and _balanced(letters) and re.search(r"[\dA-Za-z∞π]", letters):
        return f"${_in_latex(listed)}$"
    return None


def as_number(text: str) -> tuple[str, str]:
    """A text that is one number, as math-verify parses it; and as a list of two, if its comma may
    separate them. Each "" if it is not."""
    number = only(text)
    if number is None or number.value is None or "!" in text:
        return "", ""
    percent = "%" if re.search(r"[%٪％]", text[number.end :]) else ""
    shown = _shown(number) + percent
    comma = re.fullmatch(r"-?\d+,\d{1,2}|-?\d+,\d{4,}", undelimited(in_plain_signs(text)).strip())
    return shown, f"${comma[0].replace(',', ', ')}$" if comma else ""


def undelimited(text: str) -> str:
    """A text without delimiters that enclose it as a whole."""
    bare = text.strip()
    for opening, closing in _DELIMITERS:
        inside = bare[len(opening) : -len(closing)]
        whole = bare.startswith(opening) and bare.endswith(closing) and inside.strip()
        if whole and closing not in inside:
            return inside.strip()
    return bare


def _mixed(found: re.Match[str]) -> str:
    whole, top, bottom = found[1], found[2], found[3]
    proper = 0 < int(top[:20]) < int(bottom[:20])
    return rf"{whole}\frac{{{top}}}{{{bottom}}}" if proper else found[0]


def _region(delimited: str) -> str:
    inside = undelimited(delimited)
    number, listed = as_number(inside) if inside != delimited else ("", "")
    if not number or listed or "%" in number:
        return delimited
    return f"${number}$"


def _outside(text: str) -> str:
    pieces, done = [], 0
    for number in numbers(text):
        written = text[number.start : number.end]
        if number.value is None or _AS_READ.fullmatch(written):
            continue
        pieces += [text[done : number.start], _shown(number)]
        done = number.end
    return _RUN.sub(_delimited, "".join([*pieces, text[done:]]))


def _shown(number: Number) -> str:
    assert number.value is not None
    return str(number.value) if number.fraction else normal(number.value)


def _delimited(run: re.Match[str]) -> str:
    return "".join(map(_marked, _parts(run[0])))


def _parts(run: str) -> list[str]:
    """A run split after its commas and semicolons, except for those in brackets."""
    parts, depth, begin = [], 0, 0
    for i, sign in enumerate(run):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ",;" and depth <= 0 and run[i - 1 : i] != "\\":
            parts.append(run[begin : i + 1])
            begin = i + 1
    return [*parts, run[begin:]]


def _marked(part: str) -> str:
    bare = part.strip(_EDGES)
    if not bare or not _FORMULA.search(bare) or not _balanced(bare):
        return part
    before, _, after = part.partition(bare)
    return f"{before}${_in_latex(bare)}${after}"


def _in_latex(formula: str) -> str:
    """A formula with Unicode signs replaced by LaTeX commands."""
    rooted = _ROOT.sub(lambda m: rf"\sqrt{{{m[1] or m[2]}}}", formula)
    return rooted.translate(_LATEX_SIGNS)


def _balanced(text: str) -> bool:
    waiting = []
    for sign in re.sub(r"\\[{}|]", "", text):
        if sign in _PAIRS:
            waiting.append(sign)
        elif sign in ")]}" and (not waiting or sign not in _PAIRS[waiting.pop()]):
            return False
    return not waiting
