"""Tests in a process of their own: honest programs are judged as if they shared one."""

# ruff: noqa: E501 (programs in texts)

from __future__ import annotations

import json

import pytest

from evalkit.content import folder
from evalkit.sandbox import Limits, Program, isolation_problem, run_program
from evalkit.sandbox.placement import placement

MODE = "unsafe" if isolation_problem() else "sandbox"

VALUES = """
import collections, datetime, decimal, fractions
Point = collections.namedtuple('Point', 'x y')
VALUES = [
    None, True, 0, -7, 10 ** 5000, 1.5, float('inf'), 2j, '', 'é\\ud800', b'\\x00\\xff',
    [], [1, [2, (3, 'x')]], (1,), {}, {1: 'a', (2, 3): [4]}, {1, 2}, frozenset({'x'}), range(3),
    collections.Counter('abca'), collections.OrderedDict(a=1), collections.deque([(1, 2)], 5),
    decimal.Decimal('1.10'), fractions.Fraction(1, 3), datetime.date(2020, 1, 2), Point(1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.timezone.utc), slice(1, 2), Ellipsis,
    bytearray(b'xy'), {'k': 1}.keys(),
]
def echo(x): return x
"""

CASES = {
    "values": (
        VALUES,
        VALUES.replace("def echo(x): return x", "")
        + "for value in VALUES:\n    back = echo(value)\n"
        "    assert back == value, value\n    assert type(back).__name__ == type(value).__name__, value\n"
        "nan = echo(float('nan'))\nassert nan != nan\n",
    ),
    "arguments are changed in place": (
        "def sort(xs): xs.sort()\ndef deep(d): d['a'][0].append(9); d['new'] = d['a']\n"
        "def same(x): return x\n",
        "xs = [3, 1, 2]\nassert sort(xs) is None\nassert xs == [1, 2, 3]\n"
        "inner = [1]\nd = {'a': [inner]}\ndeep(d)\nassert inner == [1, 9]\n"
        "assert d['new'] is d['a']\nassert same(inner) is inner\n"
        "s = {1}\n(lambda f: f(s))(same)\nassert same([inner, inner])[0] is inner\n",
    ),
    "exceptions": (
        "import json\nclass Odd(ValueError):\n    def __init__(self, code):\n"
        "        super().__init__(f'odd {code}')\n        self.code = [code]\n"
        "def f(n):\n    if n == 1: raise ValueError('one')\n    if n == 2: raise Odd(2)\n"
        "    if n == 3: return {}['k']\n    if n == 4: json.loads('{')\n    return [][n]\n",
        "import json, unittest\ncase = unittest.TestCase()\n"
        "with case.assertRaisesRegex(ValueError, 'one'): f(1)\n"
        "with case.assertRaises(Odd) as caught: f(2)\nassert caught.exception.code == [2]\n"
        "assert str(caught.exception) == 'odd 2'\nassert issubclass(Odd, ValueError)\n"
        "try: f(3)\nexcept KeyError as error: assert error.args == ('k',)\n"
        "with case.assertRaises(json.JSONDecodeError) as caught: f(4)\n"
        "assert caught.exception.pos == 1\n"
        "try: f(5)\nexcept LookupError as error: assert type(error) is IndexError\n",
    ),
    "classes": (
        "class Stack:\n    made = 0\n    def __init__(self, *items): self.items = list(items);"
        " Stack.made += 1\n    def push(self, x): self.items.append(x); return self\n"
        "    def __len__(self): return len(self.items)\n"
        "    def __iter__(self): return iter(self.items)\n"
        "    def __contains__(self, x): return x in self.items\n"
        "    def __getitem__(self, i): return self.items[i]\n"
        "    def __eq__(self, other): return list(self) == list(other)\n"
        "    def __add__(self, other): return Stack(*self.items, *other)\n"
        "    def __repr__(self): return f'Stack{self.items}'\n"
        "    @staticmethod\n    def of(n): return Stack(*range(n))\n"
        "    @property\n    def top(self): return self.items[-1]\n"
        "    def __enter__(self): return self\n    def __exit__(self, *a): self.items.clear()\n"
        "class Sub(Stack): pass\n",
        "s = Stack(1)\ns.push(2).push(3)\nassert len(s) == 3 and 2 in s and 5 not in s\n"
        "assert list(s) == [1, 2, 3] and s[0] == 1 and s[1:] == [2, 3]\nassert s == [1, 2, 3]\n"
        "assert s + [4] == Stack(1, 2, 3, 4)\nassert repr(s) == 'Stack[1, 2, 3]'\n"
        "assert isinstance(s, Stack) and type(s) is Stack and not isinstance(s, list)\n"
        "assert Stack.of(2) == [0, 1] and s.top == 3\nassert Stack.made == 4\n"
        "s.name = 'x'\nassert s.name == 'x' and hasattr(s, 'items') and not hasattr(s, 'no')\n"
        "assert isinstance(Sub(), Stack) and issubclass(Sub, Stack)\n"
        "with s as t: assert t is s\nassert not s\n",
    ),
    "generators, closures and callbacks": (
        "import functools\ndef gen(n):\n    for i in range(n): yield i\n"
        "def adder(n): return lambda x: x + n\n"
        "def apply(f, *xs, **more): return [f(x, **more) for x in xs]\n"
        "def memo(f):\n    seen = {}\n    @functools.wraps(f)\n    def inner(n):\n"
        "        if n not in seen: seen[n] = f(n)\n        return seen[n]\n    return inner\n",
        "g = gen(3)\nassert next(g) == 0 and list(g) == [1, 2]\n"
        "try: next(g)\nexcept StopIteration: pass\nelse: raise AssertionError\n"
        "assert sum(gen(5)) == 10 and adder(2)(3) == 5 and callable(adder(1))\n"
        "assert apply(lambda x, k=1: x * k, 1, 2, k=3) == [3, 6]\nassert apply(str, 1) == ['1']\n"
        "import math\nassert apply(math.sqrt, 4.0) == [2.0]\n"
        "calls = []\n@memo\ndef f(n):\n    calls.append(n)\n    return n < 2 or f(n - 1) + 1\n"
        "assert f(3) == 3 and f(3) == 3 and calls == [3, 2, 1]\nassert f.__name__ == 'f'\n"
        "def boom(x): raise OSError(x)\n"
        "try: apply(boom, 1)\nexcept OSError as error: assert error.args == (1,)\n",
    ),
    "classes of the tests": (
        "def total(node):\n    out = 0\n    while node: out += node.value; node = node.next\n"
        "    return out\ndef reverse(node):\n    last = None\n    while node:\n"
        "        node.next, last, node = last, node, node.next\n    return last\n"
        "def build(xs):\n    return Node(xs[0], build(xs[1:])) if xs else None\n"
        "def scaled():\n    return FACTOR * 2\n",
        "class Node:\n    def __init__(self, value, next=None): self.value, self.next = value, next\n"
        "FACTOR = 21\nassert scaled() == 42\nFACTOR = 2\nassert scaled() == 4\n"
        "n = Node(1, Node(2, Node(3)))\nassert total(n) == 6\nr = reverse(n)\n"
        "assert [r.value, r.next.value, r.next.next.value, n.next] == [3, 2, 1, None]\n"
        "b = build([4, 5])\nassert isinstance(b, Node) and b.next.value == 5\n",
    ),
    "streams and patches": (
        "import time\ndef main():\n    name = input('who? ')\n    print('hello', name)\n"
        "    time.sleep(10)\n    return time.time()\ndef evil(): return eval('1')\n",
        "import io, sys, time, contextlib\nfrom unittest import mock\n"
        "with mock.patch('time.sleep') as slept, mock.patch('time.time', return_value=7.5):\n"
        "    with mock.patch('builtins.input', side_effect=['Ada']):\n"
        "        out = io.StringIO()\n        with contextlib.redirect_stdout(out):\n"
        "            assert main() == 7.5\n    slept.assert_called_once_with(10)\n"
        "assert out.getvalue() == 'hello Ada\\n'\n"
        "time.sleep = lambda s: None\nkeep = sys.stdin\nsys.stdin = io.StringIO('Bob\\n')\n"
        "with contextlib.redirect_stdout(out): main()\nsys.stdin = keep\n"
        "assert out.getvalue().endswith('who? hello Bob\\n')\n"
        "import builtins\ndef forbidden(*a): raise AssertionError('no eval')\n"
        "builtins.eval = forbidden\n"
        "try: evil()\nexcept AssertionError: pass\nelse: raise RuntimeError\n",
    ),
    "global variables": (
        "count = 0\nitems = []\ndef add():\n    global count\n    count += 1\n"
        "    items.append(count)\nPI = 3\n",
        "assert PI == 3 and count == 0\nadd(); add()\nassert count == 2 and items == [1, 2]\n",
    ),
    "numpy": (
        "import numpy as np\ndef double(a): return a * 2\ndef fill(a): a[:] = 7\n"
        "def mean(a): return np.mean(a)\n",
        "import numpy as np\na = np.arange(6, dtype=np.float32).reshape(2, 3)\nb = double(a)\n"
        "np.testing.assert_allclose(b, a * 2)\nassert b.dtype == a.dtype and b.shape == (2, 3)\n"
        "fill(a)\nassert (a == 7).all()\nassert isinstance(mean(a), np.floating)\n",
    ),
    "enumerations and dataclasses": (
        "import enum, dataclasses\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\n"
        "@dataclasses.dataclass\nclass P:\n    x: int\n    y: list\n"
        "def pick(n): return Color(n)\ndef make(): return P(1, [2])\n",
        "assert pick(1) is Color.RED and pick(2) == Color.BLUE and pick(1) != Color.BLUE\n"
        "assert pick(1).name == 'RED' and [c.value for c in Color] == [1, 2]\n"
        "assert make().x == 1 and make().y == [2] and make() == P(1, [2])\n",
    ),
    "unittest": (
        "def add(a, b): return a + b\n",
        "import unittest\nclass T(unittest.TestCase):\n"
        "    def test_add(self): self.assertEqual(add(1, 2), 3)\n"
        "    def test_type(self):\n        with self.assertRaises(TypeError): add(1, 'x')\n"
        "suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)\n"
        "result = unittest.TextTestRunner().run(suite)\n"
        "assert result.wasSuccessful() and result.testsRun == 2\n",
    ),
}  # fmt: skip


def run(code: str, tests: str, **more: str) -> str:
    verdict = run_program(Program(code, tests, **more), Limits(seconds=10), MODE)
    return "" if verdict.passed else verdict.reason or "failed"


@pytest.mark.parametrize("name", CASES)
def test_honest_programs_pass_apart(name: str) -> None:
    code, tests = CASES[name]
    assert not placement(code, tests).together
    assert run(code, tests) == ""


TOGETHER = {
    "subclass": (
        "class Base:\n    def f(self): return self.g() + 1\n",
        "class Child(Base):\n    def g(self): return 1\nassert Child().f() == 2\n",
    ),
    "signature": (
        "def f(a, b=2): return a\n",
        "import inspect\nassert list(inspect.signature(f).parameters) == ['a', 'b']\n",
    ),
    "asynchronous": (
        "async def f(): return 42\n",
        "import asyncio\nassert asyncio.run(f()) == 42\n",
    ),
    "threads": (
        "def f(out): out.append(1)\n",
        "import threading\nout = []\nt = [threading.Thread(target=f, args=(out,)) for _ in range(3)]\n"
        "[x.start() for x in t]; [x.join() for x in t]\nassert out == [1, 1, 1]\n",
    ),
    "global variables": (
        "FACTOR = 1\nN = 0\ndef f():\n    global N\n    N += 1\n    return FACTOR\n",
        "import gc\nFACTOR = 3\nassert f() == 3 and N == 1\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOGETHER)
def test_tests_that_need_the_answers_own_objects_share_its_process(name: str) -> None:
    code, tests = TOGETHER[name]
    assert placement(code, tests).together
    assert run(code, tests) == ""
    assert "AssertionError" in run(code, tests + "\nassert False\n")


def test_an_answer_does_not_choose_where_its_tests_run() -> None:
    tests = "assert answer(1) == 2"
    places = [placement(code, tests) for code in ("import inspect", "class answer: pass", "x = (")]
    assert [place.together for place in places] == ["", "", ""]
    assert placement("", "assert Find_Max([1]) == 1\nx = Find_Max([2])\nx.sort()").used == []


def test_a_function_may_have_the_name_of_a_builtin() -> None:
    code = "def sum(a, b): return a * b\n"
    assert run(code, "assert sum(2, 3) == 6", entry_point="sum") == ""
    assert run(code, "assert sum(2, 3) == 6") == ""
    assert "assert sum([4]) == 6" in run("def answer(): return 6\ndef sum(x): return 6\n",
                                         "assert answer() == 6\nassert sum([4]) == 6")  # fmt: skip


def test_the_prefix_gives_the_tests_what_it_defines() -> None:
    prefix = (
        "import math\nfrom typing import List\ndef poly(xs: List[int], x): return sum(xs) * x\n"
        "def find(xs: List[int]):\n    '''The root.'''\n"
    )
    tests = "assert math.isclose(poly([1], find([1])), 0)\n"
    assert run(prefix + "    return 0.0", tests, prefix=prefix, entry_point="find") == ""
    lie = prefix + "    return 5.0\ndef poly(xs, x): return 0.0\nclass math: isclose = max\n"
    assert "AssertionError" in run(lie, tests, prefix=prefix, entry_point="find")


def test_shipped_solutions_run_apart() -> None:
    lines = (folder("suites") / "data/functions.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        place = placement(row["solution"], row["tests"], row["function"], row["entry_point"])
        assert not place.together
