"""evalkit under pytest: the hooks only.

Importing this module imports nothing else of evalkit, and none of the libraries it uses; a session
without suites never does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.pytest_plugin.stash import SESSION

if TYPE_CHECKING:
    from evalkit.api import Run
    from evalkit.pytest_plugin.session import DirectModel

# as in evalkit.spec.files, which sessions without suites never import
SUFFIXES = (".eval.yaml", ".eval.yml")
ON_REQUEST = "ON_REQUEST"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of evalkit."""
    group = parser.getgroup("evalkit", "evaluation of language models (evalkit)")
    add = group.addoption
    add("--eval-model", action="append", default=[], metavar="NAME",
        help="model to evaluate: declared in evalkit.yaml, built in (smollm2), or"
        " backend:name?key=value; repeatable")  # fmt: skip
    add("--eval-judge", action="append", default=[], metavar="NAME",
        help="judge for suites that name rubrics but no judge: as --eval-model, or a judge of"
        " evalkit.yaml; several (comma-separated or repeated) form a panel")  # fmt: skip
    add("--eval-prompt", action="append", default=[], metavar="NAME",
        help="run only this prompt variant; repeatable")  # fmt: skip
    add("--eval-limit", type=int, metavar="N",
        help="use only N samples of each suite: a seeded subset, stated in the report")  # fmt: skip
    add("--eval-report", metavar="FILE.html", help="write the HTML report to a file")
    add("--eval-json", metavar="FILE.json", help="write scores and verdicts as JSON to a file")
    add("--eval-markdown", metavar="FILE", help="write a short summary in Markdown to a file")
    add("--eval-store", metavar="DIR",
        help="folder of the run store and the cache (default: .evalkit in rootdir)")  # fmt: skip
    add("--eval-allow-outside", action="store_true",
        help="let suites read files outside the project")  # fmt: skip
    add("--eval-no-cache", action="store_true", help="send every request again")
    add("--eval-stored", action="store_true",
        help="if a model server is unreachable, fall back to cached responses; the report says"
        " so")  # fmt: skip
    add(
        "--eval-save",
        metavar="NAME",
        help="name this run, so that later runs can use it as a baseline",
    )
    add("--eval-baseline", metavar="NAME|FILE",
        help="baseline of gates such as 'f1 >= baseline - 0.02': the name or id of a run in the"
        " store, or a file written by --eval-json")  # fmt: skip
    add("--eval-baseline-model", default="", metavar="NAME",
        help="compare every model with this model of the baseline (default: the one of the same"
        " name, or the only one)")  # fmt: skip
    add("--eval-baseline-missing", choices=("error", "skip"), default="error",
        help="outcome of gates against a baseline that does not exist yet"
        " (default: error)")  # fmt: skip
    add("--eval-baseline-changed", choices=("refuse", "allow"), default="refuse",
        help="whether to compare with a baseline whose suite, rows or prompts differ (default:"
        " refuse, and list the changes; added and removed rows are always allowed)")  # fmt: skip
    add("--eval-allow-code", nargs="?", const="sandbox", type=_code_mode, metavar="unsafe",
        help="run generated code (task: code) in a sandbox without network or access to your"
        " files; =unsafe runs it without the sandbox, limited in time and memory only")  # fmt: skip
    add("--eval-inconclusive", choices=("fail", "warn"), default="fail",
        help="outcome of an inconclusive gate (default: fail)")  # fmt: skip


def _code_mode(value: str) -> str:
    if value not in ("sandbox", "unsafe"):
        raise argparse.ArgumentTypeError(
            f"the only value is 'unsafe', found '{value}'; put --eval-allow-code after the paths,"
            " or write --eval-allow-code=sandbox"
        )
    return value


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks that projects may implement."""
    from evalkit.pytest_plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "eval: an evaluation of a model by evalkit")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Skip folders whose suites run on request only; explicit paths are always collected."""
    return True if (collection_path / ON_REQUEST).is_file() else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect suites."""
    if not file_path.name.endswith(SUFFIXES):
        return None
    from evalkit.pytest_plugin.nodes import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``eval_model`` runs once for each model of the session."""
    if "eval_model" in metafunc.fixturenames:
        from evalkit.pytest_plugin.session import session_of

        names = session_of(metafunc.config).experiment.model_names
        metafunc.parametrize("eval_model", names, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Plan the selected items, before the first of them runs, and before xdist learns of them."""
    evals = session.config.stash.get(SESSION, None)
    if evals is None:
        return
    from evalkit.errors import UsageError
    from evalkit.pytest_plugin.nodes import planned_cells
    from evalkit.pytest_plugin.outcomes import USAGE

    try:
        evals.plan(planned_cells(session.items))
    except UsageError as error:
        from evalkit.written.printable import block

        if not evals.is_worker:
            raise pytest.UsageError(block(str(error))) from None
        session.config.workeroutput[USAGE] = block(str(error))  # type: ignore[attr-defined]
        session.items.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Share one run among all xdist workers."""
    from evalkit.pytest_plugin.session import share_run

    share_run(node)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report and the other outputs."""
    evals = session.config.stash.get(SESSION, None)
    if evals is not None:
        session.exitstatus = evals.outcomes.exit_status(session, whole=evals.finish())
        evals.exit_status = int(session.exitstatus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the cells scored and where the report is."""
    evals = terminalreporter.config.stash.get(SESSION, None)
    if evals is not None:
        evals.summarise(terminalreporter)


@pytest.fixture(scope="session")
def evaluate(request: pytest.FixtureRequest) -> Callable[..., Run]:
    """Evaluate a suite inside a test, with the session's models, store and options."""
    from evalkit.pytest_plugin.session import session_of

    return session_of(request.config).evaluate


@pytest.fixture(scope="session")
def eval_model(request: pytest.FixtureRequest) -> Iterator[DirectModel]:
    """A model of the session, to call directly: ``eval_model.generate("…")``, ``.choose(…)``."""
    from evalkit.pytest_plugin.session import session_of

    with session_of(request.config).direct_model(request.param) as model:
        yield model
