"""Hostile texts of models, applications and data files."""

from __future__ import annotations

ESCAPES = [
    "\x1b[2J\x1b[31mred",
    "\x9b31mred",
    "\x1b]0;title\x07",
    "line\n::error file=a.py::boo",
    "::stop-commands::token",
    "##[error]boo",
    "\r\n::set-output name=x::y",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\x00\x07\x08\x7f",
    "a\u2028::error::b",
    "\ud800",
    "\n\n=== 99 passed in 0.01s ===\n",
]
"""What a terminal or the log of a pipeline would obey, or a reader take for evalkit's words."""

LONG = [
    "a", "1", "1 ", "1,", "1.", ". ", ", ", "-", "(", "[", "{", "[[", '{"a":', "[1,", '"', "\\",
    '\\"', "`", "```\n", "```python\n", "$",
    "\\boxed{", "\\(", "\\frac{", "{}", "$1$ ", "\n", " ", "\t",
    "I can't ", "not ", "no, ", "positive ", "not positive, ", "A", "(A) ", "A. ", "A or B ",
    "answer: ", "the answer is ", "Answer is A. ", "é", "\u0301", "\u200b", "<think>", "</think>",
    "one hundred ", "million ", "1e9 ", "1/2 ", "1/", "½", "²", "x^", "=", "1=", "1+", "+", "*",
    "_", "#", "> ", "- ", "1) ", "user: ", "I ", "sorry ", "but ", "however, ", "if ", "def f():\n",
    "中", "１", "%", "5 % ", "10:30 ", "'", "’", "&", "|", "1 and ", "five-", "twenty-", "Mr. ",
    "e.g. ", "U.S. ", "3.14.", "1,000,", "1'000", "don't ", "As an AI, ", "neither ", " \n",
    "null,", "<div>", "&lt;", "http://a.b ", "\x1b[31m", "Rome Paris ", "::error::x\n",
]  # fmt: skip
"""Pieces of which long answers are made: what rules that read answers look at."""
