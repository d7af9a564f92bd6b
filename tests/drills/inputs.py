# ruff: noqa: E501
"""Seeded hostile inputs: templates that explode, and suites, projects and files with damage."""

from __future__ import annotations

import copy
import random
from typing import Any

BOMBS = [
    "{{ '%999999999s' % x }}",
    "{{ '%*s' % (999999999, x) }}",
    "{{ '%.999999999f' % 1.0 }}",
    "{{ '%999999999d' % 3 }}",
    "{{ x.center(999999999) }}",
    "{{ x.ljust(999999999) }}",
    "{{ x.zfill(999999999) }}",
    "{{ x | center(999999999) }}",
    "{{ '\t\t\t'.expandtabs(999999999) }}",
    "{{ '{:999999999}'.format(x) }}",
    "{{ '{:{w}}'.format(x, w=999999999) }}",
    "{{ '{x:999999999}'.format_map({'x': 1}) }}",
    "{{ '%999999999s' | format(x) }}",
    "{{ '%(a)999999999s' | format(a=x) }}",
    "{{ 'x' * 999999999 }}",
    "{{ [0] * 999999999 }}",
    "{{ x | indent(999999999, true) }}",
    "{{ x | indent('y' * 1000000) }}{{ ('\n' * 10000) | indent('y' * 100000) }}",
    "{{ long | wordwrap(1) }}",
    "{{ long | wordwrap(1, wrapstring='y'*10000) }}",
    "{{ [1] | batch(999999999, 0) | list }}",
    "{{ [1] | slice(999999999) | list }}",
    "{{ 1 | round(999999999, 'ceil') }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}" + "z" * 10000 + "{% endfor %}",
    "{% set ns = namespace(x='a') %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x='a') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ ns.x == [1] }}",
    "{% set ns = namespace(x=7) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x={}) %}{% for i in range(40) %}{% set ns.x = dict(a=ns.x, b=ns.x) %}{% endfor %}{{ ns.x }}",
    "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns = namespace(x='aa') %}{% for i in range(60) %}{% set ns.x = m(ns.x) %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% macro m(n) %}"
    + "z" * 5000
    + "{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for x in [1] recursive %}{% if loop.depth < 40 %}{{ loop([1,1]) }}{% endif %}{% endfor %}",
    "{% for x in [1] recursive %}{% if loop.depth < 4 %}{{ loop(range(10000)) }}{% endif %}{% endfor %}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 999 ** 99 ** 3 }}",
    "{{ range(10**9) | list }}",
    "{{ range(99999) | map('center', 99999) | list }}",
    "{{ ('a' * 100000).replace('', 'x' * 100000) }}",
    "{{ ('a' * 100000) | replace('a', 'x' * 100000) }}",
    "{{ ('x' * 100000).join(['a'] * 100000) }}",
    "{{ (['a'] * 100000) | join('x' * 100000) }}",
    "{{ range(99999) | join('x'*99999) }}",
    "{{ [['x' * 1000] * 1000] * 1000 }}",
    "{{ 'a'.translate({97: 'x' * 1000000}) * 100 }}",
    "{{ ('a' * 10000).translate({97: 'x' * 100000}) }}",
    "{{ (1).to_bytes(999999999, 'big') }}",
    "{{ ('a ' * 4000000).split() | length }}",
    "{{ ('a ' * 4000000) | list | length }}",
    "{{ ('<' * 1000000) | striptags }}",
    "{{ ('<!--' * 300000) | striptags }}",
    "{{ ('http://a.b ' * 300000) | urlize }}",
    "{{ ('a.' * 1000000) | urlize }}",
    "{{ ('a-' * 1000000) | title }}",
    "{{ ('a ' * 1000000) | pprint }}",
    "{{ long | tojson(indent=999999) }}",
    "{{ [1,[2]] | tojson(indent=99999999) }}",
    "{{ ([[0] * 3000] * 3000) | sum(start=[]) | length }}",
    "{% for i in range(99999) %}{% if ('a' * 9999999) == (x * 9999999) %}{% endif %}{% endfor %}",
    "{% set y = 'a' * 9999999 %}{% set z = 'a' * 9999999 %}{% for i in range(99999) %}{% if y == z %}{% endif %}{% endfor %}",
    "{% set y = 'a' * 9999999 %}{% for i in range(99999) %}{% if y[1:] %}{% endif %}{% endfor %}",
    "{% set y = 'a' * 9999999 %}{% for i in range(99999) %}{% if 'b' in y %}{% endif %}{% endfor %}",
    "{% set y = 'a' * 9999999 %}{% for i in range(99999) %}{% if y.upper() %}{% endif %}{% endfor %}",
    "{% set y = 'a' * 9999999 %}{% for i in range(99999) %}{% if y | upper %}{% endif %}{% endfor %}",
    "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "{{ " + "[" * 500 + "1" + "]" * 500 + " }}",
    "{{ 1" + "+1" * 20_000 + " }}",
    "{{ x" + "|upper" * 20_000 + " }}",
    "{% if x %}" * 3000 + "{% endif %}" * 3000,
    "{% for i in [1] %}" * 30 + "{% endfor %}" * 30,
    "{% for i in range(10) %}" * 15 + "{% endfor %}" * 15,
    "{% filter center(999999999) %}a{% endfilter %}",
    "{% set y | center(999999999) %}a{% endset %}",
    "{{ ('\n' * 5000000) | wordwrap }}",
    "{{ ('ab ' * 1000000) | wordwrap(5) }}",
    "{{ ('a' * 1000000) | wordwrap(1) }}",
    "{{ ('é' * 9999999).encode().decode() | urlencode | length }}",
    "{{ namespace(a='x' * 9999999, b='x' * 9999999, c='x'*9999999) }}",
    "{{ '{0:>{1}}'.format(x, 10 ** 9) }}",
    "{{ '{0[0]:>999999999}'.format([1]) }}",
    "{{ '%s' % (['x' * 1000] * 100000) }}",
    "{{ ('%s' * 10000) % ((('x' * 10000),) * 10000) }}",
    "{{ '%(a)s%(a)s%(a)s%(a)s%(a)s%(a)s' * 1000 % {'a': 'x' * 100000} }}",
    "{{ ('{0}' * 100000).format('x' * 100000) }}",
    "{% set a = ['x'] * 100000 %}{% for i in range(99999) %}{% if 'y' in a %}{% endif %}{% endfor %}",
    "{{ 'x' | attr('center')(999999999) }}",
    "{% set c = x.center %}{{ c(999999999) }}",
    "{{ ''.join(['x'*1000]*100000) }}",
    "{{ x.center(width=999999999) }}",
]
"""Templates (of ``x`` and ``long``) that would make huge texts or take for ever."""

DIGITS = "9" * 400
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 10**18, int(DIGITS), -int(DIGITS), float("inf"),
    float("nan"), "", " ", "\n", "x", "x" * 300, "x" * 20_000, "é\u0301\u202e", "\x1b[31m", "\x00",
    "\ud800", "::error::x", "../../etc/passwd", "/dev/zero", "/dev/stdin", "file:///etc/passwd", "{{ x",
    "{{ x }}", "{{ target }}", "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ '%999999999s' % 1 }}", "(a+)+b", "(", "[", "(?P<n>a)", "label", "text", "id", "accuracy",
    "accuracy >= 0.5", f"accuracy >= {DIGITS}", f"accuracy >= 0.{DIGITS}", "accuracy >= baseline - 1e400",
    "accuracy >= nan", "f1[good] >= 0.5 at 95%", "accuracy[x=y] >= 0.1", "((((" * 50, "=1+1", "yes", "2024-01-01",
    "&a", "*a", "!!python/object:os.system", "<<", "null", "0x" + "f" * 400, "1e999", "0o7", "12:30",
    [], [None], [[]], ["good", "bad"], ["good"] * 50, [1, "x", {}], {}, {"": None}, {"x": 1}, {"file": "x.csv"},
    {"rows": []}, {"rows": [{}]}, {"regex": "(a+)+b", "group": 7}, {"regex": "((x))"}, {"json": "$.a[999999999999999999999]"},
    {"after": "x"}, {"number": "last"}, {"max_words": int(DIGITS)}, {"regex": "(?R)"}, {"metric": "accuracy", "min": int(DIGITS)},
    {"from": "data", "count": 2}, {"backend": "callable", "model": "os:getcwd"}, {"1": {"2": {"3": [4]}}}, 10**4000,
]  # fmt: skip
"""Values that replace those of a valid document."""

ROWS = [
    {"id": f"r{i}", "text": f"text {i}", "label": ("good", "bad")[i % 2], "topic": f"t{i % 3}"}
    for i in range(8)
]
SUITES: dict[str, dict[str, Any]] = {
    "classification": {
        "suite": "s", "task": "classification", "labels": ["good", "bad"],
        "data": {"rows": ROWS, "target": "label", "group": "topic", "id": "id", "limit": 6},
        "prompts": {
            "p": "Say: {{ text }}",
            "q": {"system": "s {{ labels | join }}", "user": "{{ text }}",
                  "shots": {"from": "data", "count": 2, "balanced": True, "seed": 3}},
        },
        "answer": {"regex": "(good|bad)"}, "metrics": ["accuracy", "macro_f1", {"f1": {}}],
        "gates": ["accuracy >= 0.5", {"metric": "macro_f1", "min": 0.1, "confidence": 0.9}],
        "checks": [{"max_words": 30}, {"not_regex": "sorry"}], "max_errors": 2, "tags": ["fast"],
    },
    "qa": {
        "task": "qa", "data": {"rows": [{"q": "2+2?", "a": ["4", "four"]}] * 4, "target": "a"},
        "prompts": {"p": {"messages": [{"role": "user", "content": "{{ q }}"}]}},
        "answer": {"after": "is ", "which": "last"}, "repeats": 2,
        "generation": {"temperature": 0.5, "max_new_tokens": 9, "stop": ["\n"], "seed": 1},
    },
    "multiple-choice": {
        "task": "multiple-choice", "answer": {"choice": "letter"},
        "data": {"rows": [{"q": "?", "c": ["a", "b", "c"], "t": 1}] * 4, "choices": "c", "target": "t"},
        "prompts": {"p": "{{ q }} {% for c in choices %}{{ c }}{% endfor %}"},
    },
    "token-classification": {
        "task": "token-classification", "labels": ["PER", "LOC"],
        "data": {"rows": [{"w": ["Ann", "in", "Rome"], "t": ["B-PER", "O", "B-LOC"]}] * 4,
                 "tokens": "w", "target": "t"},
        "prompts": {"p": {"user": "{{ w }}", "shots": {"rows": [{"w": ["Bob"], "t": ["B-PER"]}]}}},
    },
    "extractive-qa": {
        "task": "extractive-qa", "prompts": {"p": "{{ context }} {{ q }}"},
        "data": {"rows": [{"context": "Rome is big", "q": "?", "a": "Rome"}] * 3, "target": "a",
                 "input": "context"},
    },
    "generation": {
        "task": "generation", "data": {"rows": ROWS, "columns": {"long": "text ~ topic", "n": "text | length"}},
        "prompts": {"p": "{{ long }} {{ n }}"}, "metrics": ["length", "distinct_2"],
        "checks": [{"json": False}, {"contains": "x"}],
    },
    "math": {"task": "math", "data": {"rows": [{"q": "1+1", "a": "2"}] * 3, "target": "a"},
             "prompts": {"p": "{{ q }}"}},
    "summarisation": {
        "task": "summarisation", "prompts": {"p": "{{ d }}"}, "metrics": ["rougeL", "compression_ratio"],
        "data": {"rows": [{"d": "a long text", "s": "text"}] * 3, "source": "d", "target": "s"},
    },
}  # fmt: skip
"""One valid suite of each kind."""
RULES = [
    "accuracy >= 0.1", "macro_f1 > 10% at 95%", "f1[good] >= 0.1 and f1[bad] >= 0.1",
    "accuracy[topic=t1] < 2", "accuracy >= app/p - 0.1", "f1 != 0.3",
]  # fmt: skip
"""Valid gates of the first."""
RUBRIC = {
    "name": "clear", "description": "Is it clear?", "judged": "text", "mode": "pointwise",
    "criteria": ["short", "plain"], "scale": {1: "no", 2: "partly", 3: "yes"},
    "prompt": "Judge:\n{{ output }}", "examples": [{"output": "x", "answer": 3, "why": "short"}],
}  # fmt: skip
PROJECT = {
    "models": {
        "app": {"backend": "callable", "model": "os:getcwd"},
        "local": "transformers:some/folder?dtype=float32",
        "served": {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"},
    },
    "default": ["app"],
    "metrics": {"own": "statistics:fmean", "other": {"function": "math:fsum", "better": "lower", "low": 0}},
    "judges": {"j": {"model": "app", "method": "likelihood"}, "default": "j"},
}  # fmt: skip
TABLES = {
    "csv": 'text,label\n"a, b",good\nc,bad\n"d ""e""",good\nf,bad\n',
    "tsv": "text\tlabel\na\tgood\nb\tbad\n",
    "jsonl": '{"text": "a", "label": "good"}\n{"text": ["b", {"c": 1}], "label": "bad"}\n',
    "json": '[{"text": "a", "label": "good"}, {"text": "b\\u00e9", "label": "bad", "n": 1.5}]',
}


def nested(depth: int) -> Any:
    """A list in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document, but for the whole."""
    found = [path] if path else []
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, one in items:
        found += places(one, (*path, key))
    return found


def mutated(document: Any, chance: random.Random) -> Any:
    """A copy of a document with one to three changes."""
    changed = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        found = places(changed)
        if not found:
            return changed
        *parents, last = chance.choice(found)
        holder = changed
        for key in parents:
            holder = holder[key]
        _change(holder, last, changed, chance)
    return changed


def _change(holder: Any, key: Any, whole: Any, chance: random.Random) -> None:
    how = chance.randrange(8)
    value = holder[key]
    if how <= 2:
        holder[key] = copy.deepcopy(chance.choice(HOSTILE))
    elif how == 3:
        del holder[key]
    elif how == 4 and isinstance(holder, dict):
        new = chance.choice(
            ["", "x", 1, None, f"{key}s", str(key)[:-1], "x" * 500, True, 1.5, "\x1b", DIGITS]
        )
        holder[new] = holder.pop(key)
    elif how == 5:
        holder[key] = chance.choice([[value], {"x": value}, [value, value], {key: value}])
    elif how == 6 and isinstance(value, str) and value:
        at = chance.randrange(len(value))
        piece = chance.choice(
            ["{{", "}}", "'", '"', "\\", "[", "(", "\n", "\x00", "*", "9" * 50, ""]
        )
        holder[key] = value[:at] + piece + value[at + 1 :]
    elif how == 7 and isinstance(value, list) and value:
        holder[key] = chance.choice(
            [value * 40, value[:1], value[::-1], [*value, None], nested(200)]
        )
    else:
        found = places(whole)
        other = whole
        for step in chance.choice(found):
            other = other[step]
        holder[key] = copy.deepcopy(other)


def damaged(text: str, chance: random.Random) -> bytes:
    """The bytes of a text with one to four damages."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    pieces = [
        b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b"[", b"{", b"{{", b"]" * 9, b":", b",", b"\t",
        b"&a ", b"*a", b"- " * 99, b"[" * 50_000, b"{\"a\":" * 20_000, b"9" * 5000, b"1e999", b"NaN", b"\\u",
        b"\\ud800", b"? ", b"|\n", b">\n", b"%YAML 9\n", b"---\n", b"...\n", b"#", b"x" * 70_000, "é\u202e".encode(),
    ]  # fmt: skip
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        how = chance.randrange(4)
        if how == 0:
            data[at:at] = chance.choice(pieces)
        elif how == 1:
            data[at : at + chance.randint(1, 30)] = b""
        elif how == 2:
            data[at : at + 1] = bytes([chance.randrange(256)])
        else:
            end = min(len(data), at + chance.randint(1, 200))
            data[at:at] = data[at:end]
    return bytes(data)
