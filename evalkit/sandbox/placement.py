"""Where tests run: in a process of their own, or, if they need it, in that of the answer.

Decided by the tests and the suite alone; nothing in an answer changes it.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from dataclasses import dataclass, field

_BUILTINS = frozenset(dir(builtins))
_INSIDE = {
    "inspect", "ast", "dis", "asyncio", "threading", "multiprocessing", "concurrent", "gc",
    "ctypes", "doctest", "pickle", "tracemalloc", "weakref", "signal", "queue", "_thread",
    "importlib", "runpy", "code", "trace", "timeit", "cProfile", "profile", "pdb", "subprocess",
}  # fmt: skip
"""Modules that need the answer's own objects, or threads that run both."""
_INTERPRETER = re.compile(r"__(code|globals|closure|defaults|kwdefaults|annotations|subclasses)__")
_BY_TEXT = {"eval", "exec", "globals", "locals", "vars", "getattr", "setattr", "hasattr"}
_DYNAMIC = {"patch", "setattr", "monkeypatch", "delattr"}


@dataclass(frozen=True, slots=True)
class Placement:
    """How tests run with an answer.

    together: why they run in the process of the answer; "" if they have their own. names: what they
    may want of the answer. used: classes of the answer whose instances they use. imports: modules
    that they import. patches: modules whose attributes they may set. given: code of the prefix that
    both processes have. lent: names of the tests that the answer uses. own: names of builtins that
    mean the answer's.
    """

    together: str = ""
    names: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    given: str = ""
    lent: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)


def placement(code: str, tests: str, prefix: str = "", entry_point: str = "") -> Placement:
    """Where these tests run, and what they need.

    code: the answer, read only for the names of the tests that it uses.
    """
    tree = _parsed(tests)
    if tree is None:
        return Placement()  # the tests fail where they are compiled
    loaded, stored = _names(tree)
    imports = _imports(tree)
    given = _given(prefix, entry_point)
    given_names = _names(given)[1] if given else set()
    free = loaded - stored - given_names - _BUILTINS
    own = {entry_point} & _BUILTINS
    if not free and not entry_point:
        own = _called(tree) & _BUILTINS - stored
    wanted = (loaded | own) - given_names - (_BUILTINS - own)
    if loaded & _BY_TEXT or "answer" in loaded | set(imports):
        wanted |= _words(tree) - _BUILTINS - given_names
    used = _classes(tree, free | wanted, _parsed(prefix))
    return Placement(
        together=_together(tree, imports, free),
        names=sorted(wanted),
        used=sorted(used),
        imports=imports,
        patches=_patches(tree, imports),
        given=ast.unparse(given) if given else "",
        lent=sorted(stored & _borrowed(code)),
        own=sorted(own),
    )


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _names(tree: ast.AST) -> tuple[set[str], set[str]]:
    """Names that are read, and names that are bound anywhere, in a piece of code."""
    loaded: set[str] = set()
    stored: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            stored.add(node.name)
        elif isinstance(node, ast.arg):
            stored.add(node.arg)
        elif isinstance(node, ast.alias):
            bound = node.asname or node.name.split(".")[0]
            if bound == "*":
                continue
            stored.add(bound)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            stored.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module == "answer":
            loaded.update(alias.name for alias in node.names)
    return loaded, stored


def _words(tree: ast.AST) -> set[str]:
    """Every name that the code could reach by a text or an attribute."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"[^\W\d]\w*", node.value))
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def _imports(tree: ast.AST) -> list[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return sorted(found - {"answer"})


def _called(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


def _given(prefix: str, entry_point: str) -> ast.Module | None:
    """Imports and helper functions of the prefix, which an answer cannot change.

    Functions whose body is only a description are the answer's to write.
    """
    tree = _parsed(prefix)
    if tree is None:
        return None
    classes = any(isinstance(node, ast.ClassDef) for node in tree.body)
    kept: list[ast.stmt] = []
    for node in tree.body:
        helper = isinstance(node, ast.FunctionDef) and not (
            classes or node.name == entry_point or _is_stub(node)
        )
        if helper or isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(node)
    return ast.Module(kept, []) if kept else None


def _is_stub(node: ast.FunctionDef) -> bool:
    return all(
        isinstance(statement, ast.Pass | ast.Raise)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in node.body
    )


def _classes(tree: ast.AST, names: set[str], prefix: ast.Module | None) -> set[str]:
    """The names that tests use as classes: an attribute of what a call of them returns is read.

    Functions do not count: what they return cannot claim to equal what is expected.
    """
    found = (
        {node.name for node in prefix.body if isinstance(node, ast.ClassDef)} if prefix else set()
    )
    functions = set()
    if prefix:
        functions = {node.name for node in prefix.body if isinstance(node, ast.FunctionDef)}
    made: dict[str, str] = {}  # variable or attribute → the class of its value
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (kind := _made_by(node.value)):
            made.update((ast.unparse(target), kind) for target in node.targets)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            kind = _made_by(node.value) or made.get(ast.unparse(node.value), "")
            if not kind and isinstance(node.value, ast.Name):
                kind = node.value.id
            if kind in names and kind[:1].isupper() and "_" not in kind and kind not in functions:
                found.add(kind)
    return found


def _made_by(node: ast.expr) -> str:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node.func.id if is_call else ""  # type: ignore[attr-defined]


def _together(tree: ast.AST, imports: list[str], free: set[str]) -> str:
    """Why tests cannot have a process of their own; "" if they can."""
    for name in imports:
        top = name.split(".")[0]
        if top in _INSIDE:
            return f"the tests use {top}"
        if top not in sys.stdlib_module_names and top != "numpy":
            return f"the tests use {top}"
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            return "the tests are asynchronous"
        if isinstance(node, ast.ClassDef):
            bases = {name for base in node.bases for name in _names(base)[0]}
            if bases & free:
                return "the tests derive classes from the answer's"
        if isinstance(node, ast.Attribute) and _INTERPRETER.fullmatch(node.attr):
            return f"the tests read {node.attr}"
    return ""


def _patches(tree: ast.AST, imports: list[str]) -> list[str]:
    """Modules whose attributes the tests may set, for the answer too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            root = ast.unparse(node.value)
            if root in imports or root in _aliases(tree):
                break
        name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        if name in _DYNAMIC:
            break
    else:
        return []
    texts = {w for w in _dotted(tree) if w.split(".")[0] in sys.stdlib_module_names}
    return sorted({"builtins", *imports, *texts} - {"unittest", "unittest.mock", "sys"})


def _aliases(tree: ast.AST) -> set[str]:
    return {
        a.asname for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names if a.asname
    }


def _dotted(tree: ast.AST) -> set[str]:
    """The module parts of texts such as ``time.sleep``."""
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    named = (t for t in texts if isinstance(t, str) and re.fullmatch(r"\w+(\.\w+)+", t))
    return {text.rpartition(".")[0] for text in named}


def _borrowed(code: str) -> set[str]:
    """The global names that an answer reads."""
    tree = _parsed(code)
    return _names(tree)[0] - _BUILTINS if tree else set()
