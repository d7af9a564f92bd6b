# ruff: noqa: E501
"""Templates that would make huge texts or never end."""

from __future__ import annotations

import time

import pytest

from evalkit.spec.templates import BadTemplateError, Expression, Template
from tests.drills.inputs import BOMBS

VALUES = {"x": "text", "long": "lorem ipsum " * 20_000, "rows": [{"id": i} for i in range(300)]}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_an_error_that_says_what_it_is(bomb: str) -> None:
    began = time.process_time()
    with pytest.raises(BadTemplateError) as caught:
        Template(bomb).render(VALUES)
    assert time.process_time() - began < 4
    assert any(
        said in str(caught.value)
        for said in ("too much text", "too long", "too large", "Range too big", "nested", "itself")
    )


EXPRESSIONS = [b[3:-3] for b in BOMBS if b.startswith("{{") and b.count("{{") == 1]


@pytest.mark.parametrize("bomb", EXPRESSIONS[::4])
def test_a_bomb_in_a_column_is_an_error(bomb: str) -> None:
    with pytest.raises(BadTemplateError):
        Expression(bomb).value(VALUES)


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("{{ -1 * 'x' }}{{ 2 * 'ab' }}{{ [1] + [2] }}{{ 5 % 3 }}{{ 'a' + 'b' }}", "abab[1, 2]2ab"),
        ("{{ 'a' ~ 1 ~ none }}{{ '%s-%03d' % (x, 7) }}", "a1Nonetext-007"),
        ("{{ '{:>6}|{k}'.format(x, k=1) }}{{ '{a}'.format_map({'a': 2}) }}", "  text|12"),
        ("{{ '%s' | format(x) }}{{ x.center(8) }}{{ x | center(8) }}", "text  text    text  "),
        ("{% for r in rows if r.id < 3 %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/3 2/3 3/3 "),
        ("{% for r in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for a in [1, 2] recursive %}{{ a }}{% if loop.depth < 3 %}{{ loop([a]) }}{% endif %}{% endfor %}", "111222"),
        ("{% macro m(a, b='!') %}{{ a }}{{ b }}{% endmacro %}{{ m(x) }}{{ m(x, b=1) }}", "text!text1"),
        ("{% macro m() %}{{ caller(x) }}{% endmacro %}{% call(v) m() %}{{ v }}!{% endcall %}", "text!"),
        ("{{ rows | map(attribute='id') | batch(100) | map('length') | join(',') }}", "100,100,100"),
        ("{{ rows[:2] }}{{ (1, 2) }}{{ {'a': [1]} }}{{ x[1:3] }}", "[{'id': 0}, {'id': 1}](1, 2){'a': [1]}ex"),
        ("{{ 1 < 2 < 3 }}{{ 'e' in x }}{{ x is in(['text']) }}{{ x == 'text' }}", "TrueTrueTrueTrue"),
        ("{{ 'a b c'.split() | sort(reverse=true) | join }}{{ 'a-b'.replace('-', '+') }}", "cbaa+b"),
        ("{{ 1.2345 | round(2) }}{{ [1, 2] | sum }}{{ 'é' | urlencode }}{{ '<' | e }}", "1.233%C3%A9&lt;"),
        ("{% set ns = namespace(n=0) %}{% for i in range(9) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "36"),
        ("{% filter upper %}a{{ x }}{% endfilter %}{% set b %}c{% endset %}{{ b }}", "ATEXTc"),
        ("{{ 'a\n\nb' | indent(2, first=true) }}|{{ 'aa bb' | wordwrap(2) }}", "  a\n\n  b|aa\nbb"),
    ],
)  # fmt: skip
def test_everything_else_renders_as_it_does_in_jinja2(written: str, rendered: str) -> None:
    assert Template(written).render(VALUES) == rendered


def test_a_long_text_fits() -> None:
    text = "word " * 400_000
    template = Template("{% if text %}{{ text | trim | replace('w', 'W') }}{% endif %}")
    assert len(template.render({"text": text})) == len(text) - 1


def test_every_rendering_has_its_own_account() -> None:
    template = Template("{% for i in range(60000) %}{{ x }}{% endfor %}")
    assert {len(template.render(VALUES)) for _ in range(4)} == {240_000}


def test_an_error_has_the_line_of_the_template() -> None:
    with pytest.raises(BadTemplateError) as caught:
        Template("a\n{{ x }}\n{{ x.center(999999999) }}\n").render(VALUES)
    assert caught.value.line == 3
