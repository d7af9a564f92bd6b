"""Limits on what makes the code hard to change, over every module of evalkit."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from evalkit import tasks

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "evalkit"
LONGEST = 60
"""Lines of a function, its docstring aside."""
MOST_FIELDS = 15

Function = ast.FunctionDef | ast.AsyncFunctionDef

WIDE = {
    "evalkit.answers.refusals.rules.Rules": "the word lists of one language, read as a table",
    "evalkit.comparing.scores.ScoreComparison": "a row of results: two values, tests and counts",
    "evalkit.exchange.Response": "the stored form of a response",
    "evalkit.metrics.base.Columns": "every column that a metric may ask for; most are empty",
    "evalkit.metrics.entry.Metric": "an entry of the catalogue: most fields have a default",
    "evalkit.models.heads.options.HeadOptions": "what a declaration in evalkit.yaml may say",
    "evalkit.models.transformers.TransformersOptions": "what a declaration may say",
    "evalkit.records.CellRecord": "the stored form of a cell",
    "evalkit.records.ScoreRecord": "the stored form of a score",
    "evalkit.records.answers.Answer": "the stored form of an answer",
    "evalkit.reporting.page.SuitePage": "what the report's template of a suite reads",
    "evalkit.spec.sections.DataSpec": "the keys of `data:`",
    "evalkit.spec.suite.Suite": "the keys of a suite file",
    "evalkit.tasks._task.Task": "all that a task can say of itself; most fields have a default",
}
"""Dataclasses and models over ``MOST_FIELDS`` fields, each with the reason."""

RESOURCES = {
    "evalkit.answers.mathematics._WORKER": "the child process that compares formulas",
    "evalkit.exit_guard._GUARD": "the functions of this process that end it",
    "evalkit.models.remote.loop.LOOP": "the event loop that keeps connections open",
}
"""Objects with state that a process has one of: each holds a resource of the system, no facts."""

CALLED_BY_OTHERS = {
    "evalkit.pytest_plugin.nodes": {"reportinfo", "runtest"},  # pytest
    "evalkit.spec.scalars": {"compose_node"},  # PyYAML
    "evalkit.spec.templates": {"call_binop", "format_field", "wrap_str_format"},  # Jinja2
}
"""Methods that a library calls."""


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every module, by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


# --- sizes ------------------------------------------------------------------------------------


def length(function: Function) -> int:
    """Lines of a function without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_no_function_is_long() -> None:
    long = {
        f"{name}.{node.name}": length(node)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, Function) and length(node) > LONGEST
    }
    assert not long


def fields(node: ast.ClassDef) -> int:
    """Annotated fields of a class."""
    return sum(
        isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation)
        for one in node.body
    )


def test_classes_with_many_fields_are_listed_with_a_reason() -> None:
    wide = {
        f"{name}.{node.name}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and fields(node) > MOST_FIELDS
    }
    assert wide - WIDE.keys() == set()
    assert WIDE.keys() - wide == set(), "no longer that wide: take them off the list"


# --- imports ----------------------------------------------------------------------------------


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of evalkit that a module imports, within functions too; not for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else node.module
        yield from imported(node)


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes each of which leads to all others of its group."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in arrows[waiting.pop()] - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    of = {name: reached(name) for name in arrows}
    found: list[set[str]] = []
    for name, others in of.items():
        if name in others and not any(name in group for group in found):
            found.append({other for other in others if name in of[other]})
    return found


def test_import_cycles_are_detected() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": set[str]()}
    assert circles(arrows) == [{"b", "c"}, {"d"}]


def test_no_module_imports_itself_through_others() -> None:
    known = modules()
    arrows = {name: {m for m in imported(tree) if m in known} for name, tree in known.items()}
    assert circles(arrows) == []


# --- state ------------------------------------------------------------------------------------

CONTAINERS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
CONSTRUCTORS = {
    "dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque", "WeakKeyDictionary",
    "WeakValueDictionary", "WeakSet", "ChainMap",
}  # fmt: skip
MUTATORS = {
    "append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "insert",
    "remove", "discard", "appendleft", "popleft", "move_to_end", "sort",
}  # fmt: skip


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module assigns at its top, with their values."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign):
            yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))


def called(value: ast.expr) -> str:
    """The last name of what an expression calls; "" where it calls nothing."""
    return ast.unparse(value.func).split(".")[-1] if isinstance(value, ast.Call) else ""


def mutated(tree: ast.Module) -> Iterator[str]:
    """Names whose value some statement within a function changes in place or replaces."""
    for function in (n for n in ast.walk(tree) if isinstance(n, Function)):
        own = local(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield from node.names
            target: ast.expr | None = None
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                target = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                target = node.func.value if node.func.attr in MUTATORS else None
            if isinstance(target, ast.Name) and target.id not in own:
                yield target.id
            elif isinstance(target, ast.Attribute):
                yield target.attr if target.attr.isupper() else ""


def local(function: Function) -> set[str]:
    """Names that a function binds itself."""
    arguments = [*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs]
    stored = {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return stored | {argument.arg for argument in arguments}


def registries(trees: dict[str, ast.Module]) -> set[str]:
    """Containers at the top of a module that some function of any module changes."""
    changed = {name for tree in trees.values() for name in mutated(tree)}
    return {
        f"{module}.{name}"
        for module, tree in trees.items()
        for name, value in assigned(tree)
        if name in changed and (isinstance(value, CONTAINERS) or called(value) in CONSTRUCTORS)
    } | {
        f"{module}.{name}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
        for name in node.names
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("K = {}\ndef f(): K['a'] = 1", {"m.K"}),
        ("K = []\ndef f(): K.append(1)", {"m.K"}),
        ("K: dict[str, int] = {}\ndef f(): K.update(a=1)", {"m.K"}),
        ("K = 1\ndef f():\n    global K\n    K = 2", {"m.K"}),
        ("K = {}\ndef f():\n    K = {}\n    K['a'] = 1", set()),
        ("K = {'a': 1}\ndef f(): return K['a']", set()),
    ],
)
def test_registries_are_detected(text: str, found: set[str]) -> None:
    assert registries({"m": ast.parse(text)}) == found


def test_no_registry_is_shared_by_a_whole_process() -> None:
    assert registries(modules()) == set()


def test_stateful_objects_are_listed_with_a_reason() -> None:
    """Instances at the top of a module of a class of evalkit that is no frozen value."""
    stateful = {
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and not any("frozen=True" in ast.unparse(one) for one in node.decorator_list)
        and not any(ast.unparse(base) in ("NamedTuple", "Enum", "Protocol") for base in node.bases)
    }
    frozen = {
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name not in stateful
    }
    found = {
        f"{module}.{name}"
        for module, tree in modules().items()
        for name, value in assigned(tree)
        if called(value) in stateful - frozen
    }
    assert found == RESOURCES.keys()


# --- callers ----------------------------------------------------------------------------------


def names_in(tree: ast.AST) -> Counter[str]:
    """The names that a piece of code refers to, in strings without spaces too."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found[node.id] += 1
        elif isinstance(node, ast.Attribute):
            found[node.attr] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\w+", node.value) if " " not in node.value else ())
    return found


def test_every_function_has_a_caller_outside_the_tests() -> None:
    used: Counter[str] = Counter()
    for tree in modules().values():
        used += names_in(tree)
    for template in (ROOT / "reports").rglob("*.j2"):
        used.update(re.findall(r"\w+", template.read_text(encoding="utf-8")))
    unused = {
        f"{name}.{node.name}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, Function | ast.ClassDef)
        and not node.decorator_list
        and not node.name.startswith(("__", "pytest_"))
        and node.name not in CALLED_BY_OTHERS.get(name, ())
        and used[node.name] <= names_in(node)[node.name]
    }
    assert unused == set()


def task_names_compared() -> list[str]:
    """Where code outside ``tasks/`` compares something with the name of a task."""
    known = set(tasks.names())
    found = []
    for name, tree in modules().items():
        if name.startswith("evalkit.tasks"):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            about = {one.id for one in sides if isinstance(one, ast.Name)}
            texts = {
                leaf.value
                for side in sides
                for leaf in ast.walk(side)
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
            }
            if texts & known and "head" not in about:  # heads share names with tasks
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    return found


def test_task_names_are_compared_only_in_tasks() -> None:
    assert task_names_compared() == []


# --- tests ------------------------------------------------------------------------------------

DECLARATIONS = {
    "answers/test_answers.py": "answers.extracted",
    "judging/test_refusal_rates.py": "answers.refusal_rules",
    "answers/test_refusals.py": (
        "answers.refusals.asked answers.refusals.english answers.refusals.helping "
        "answers.refusals.languages answers.refusals.lecturing answers.refusals.rules "
        "answers.refusals.text"
    ),
    "cli/test_runs.py": "cli.common",
    "models/test_fingerprints.py": "engine.version",
    "metrics/test_catalogue.py": "metrics.entries metrics.entry tasks._metrics",
    "models/test_registry.py": "models.base",
    "pytest_plugin/test_metrics_hook.py": "pytest_plugin.hookspecs",
    "pytest_plugin/test_session.py": "pytest_plugin.stash",
    "records/test_older.py": "records.suites",
    "judging/test_perplexity.py": "scoring.reference_models",
    "runner/test_decide.py": "scoring.scored_cell",
    "judging/test_load.py": "spec.judges",
    "spec/test_fields.py": "spec.sections",
    "metrics/test_retrieval.py": "tasks._retrieval tasks.retrieval",
    "tasks/test_own_task.py": "tasks._task",
    "runner/test_execute.py": "tasks.classification",
    "models/heads/test_fill_mask.py": "tasks.fill_mask",
    "scoring/test_metric_names.py": "tasks.generation tasks.summarisation",
    "answers/test_mathematics.py": "tasks.math",
    "spec/test_load.py": "tasks.qa",
    "tools/test_matching.py": "tasks.tools",
    "test_suites.py": "tasks.translation",
}
"""Modules of declarations (word lists, tables, protocols, tasks), by the test of what uses them."""

PARTS = {
    "answers/test_mathematics.py": "answers.formulas answers.math_worker metrics.mathematics",
    "tasks/test_context_use.py": "answers.facts metrics.context_use",
    "answers/test_labels.py": "answers.qualified",
    "judging/test_calibrate.py": "cli.judge",
    "runner/test_baseline.py": "comparing.baseline models.resolve",
    "comparing/test_baseline_file.py": "comparing.operand",
    "metrics/test_bertscore.py": "encoders.bertscore",
    "metrics/test_embeddings.py": "encoders.sentences encoders.source",
    "reporting/test_heartbeat.py": "engine.activity",
    "engine/test_local.py": "engine.language_model",
    "engine/test_decode.py": "engine.prefill engine.prefix_cache",
    "engine/test_paged_decode.py": "engine.decode_graphs",
    "engine/test_paged_kernels.py": "engine.fused_kernels",
    "judging/test_grounding.py": "judging.claims",
    "models/test_isolated.py": "exit_guard models.call_pool models.isolated_worker models.wire",
    "pytest_plugin/test_session.py": "experiment pytest_plugin.ids pytest_plugin.nodes",
    "gates/test_verdicts.py": "gates.samples",
    "metrics/test_base.py": "metrics.build",
    "tasks/test_code.py": "metrics.code",
    "metrics/test_catalogue.py": "metrics.run",
    "metrics/test_hugging_face.py": "metrics.scripts",
    "models/test_langchain.py": "models.remote.chat_models",
    "models/remote/test_client.py": "models.remote.loop",
    "models/test_openai.py": "models.remote.prompts",
    "models/test_returned.py": "passages",
    "runner/test_execute.py": (
        "plan respond.batch respond.cells scoring.extract scoring.samples scoring.scorer"
    ),
    "store/test_serialization.py": "provenance records.judgments",
    "pytest_plugin/test_exit_status.py": "pytest_plugin.outcomes",
    "reporting/test_html.py": "reporting.analyses",
    "reporting/test_document.py": "reporting.answers",
    "cli/test_models.py": "reporting.parity",
    "reporting/test_export.py": "reporting.tables",
    "judging/test_stage.py": "respond.client",
    "metrics/test_custom.py": "respond.direct",
    "reporting/test_progress.py": "respond.progress",
    "cli/test_cache.py": "runner.explain",
    "sandbox/test_answering.py": (
        "sandbox.borrowed sandbox.inside sandbox.remote sandbox.testing sandbox.wire"
    ),
    "sandbox/test_supervisor.py": "sandbox.cgroups",
    "sandbox/test_bubblewrap.py": "sandbox.placement",
    "sandbox/test_namespaces.py": "sandbox.seccomp",
    "models/heads/test_select.py": "spec.inputs",
    "tools/test_declared.py": "spec.tools",
    "metrics/test_exchange.py": "stats.exchange",
    "respond/test_shared.py": "store.claims",
    "answers/test_answers.py": "tasks._extraction",
    "tools/test_matching.py": "tools.expected tools.functions tools.rules tools.schemas",
    "written/test_numbers.py": "written.plain written.surroundings",
}
"""Modules that are one part of something, by the test of the whole of it."""


def own_test(module: str) -> str:
    """The path of a module's test below ``tests/``."""
    *rooms, name = module.removeprefix("evalkit.").split(".")
    return "/".join([*rooms, f"test_{name.lstrip('_')}.py"])


def test_tests_mirror_modules() -> None:
    """A failing line is near its test: its file has the same name, or is listed here."""
    tests = ROOT / "tests"
    files = {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        for path in PACKAGE.rglob("*.py")
        if not path.name.startswith("__")
    }
    listed = [
        name
        for table in (DECLARATIONS, PARTS)
        for names in table.values()
        for name in names.split()
    ]
    mirrored = {name for name in files if (tests / own_test(name)).is_file()}
    assert sorted(files - mirrored - set(listed)) == [], "they have no test of their name"
    assert sorted(mirrored & set(listed)) == [], "they have a test of their own: unlist them"
    assert sorted(set(listed) - files) == [], "they do not exist"
    assert len(listed) == len(set(listed))
    assert [f for f in (*DECLARATIONS, *PARTS) if not (tests / f).is_file()] == []
