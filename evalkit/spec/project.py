"""The project file ``evalkit.yaml``, and models written on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from evalkit.errors import Problem, SpecError, UsageError, unknown
from evalkit.spec.fields import shown
from evalkit.spec.files import project_root
from evalkit.spec.scalars import scalar
from evalkit.spec.source import Source, scan_yaml

FILE = "evalkit.yaml"
MEANINGS = {
    "models": "models by name: `backend:` and its options, or `backend:name?key=value`",
    "default": "the model or models to use when none is given",
    "metrics": "custom metrics by name: `module:function`, or a mapping with `function`, "
    "`better`, `low`, `high`, `needs`",
    "judges": "judges by name: a model, or a mapping of its settings; `default` grades when a "
    "suite names no judge",
}
"""The keys of the file and their descriptions."""
_KEYS = tuple(MEANINGS)
_COMMAND_LINE = "command line"
_PATHS = ("model", "adapter")
"""Options that may hold a path relative to the project."""


@dataclass(frozen=True, slots=True)
class ModelDeclaration:
    """A model as declared; its backend checks the options.

    file, line: the place of the declaration (line 0: the command line). root: the folder that
    relative paths in options start from; those of ``model`` and ``adapter`` are already absolute.
    """

    name: str
    backend: str
    options: Mapping[str, Any]
    file: str
    line: int
    root: Path


@dataclass(frozen=True, slots=True)
class Project:
    """What ``evalkit.yaml`` declares; empty if there is no such file.

    root: the project's folder. file: the project file, or None. default: the models to use when
    none is given. metrics, judges: as written; other packages validate them.
    """

    root: Path
    file: Path | None = None
    models: dict[str, ModelDeclaration] = field(default_factory=dict)
    default: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, Any] = field(default_factory=dict)


def find_project(start: Path) -> Project:
    """The project of a file or folder: that of the nearest ``evalkit.yaml`` upwards.

    Without such a file, an empty project. Raises SpecError with every problem of the file.
    """
    folder = start.resolve()
    if not folder.is_dir():
        folder = folder.parent
    for candidate in (folder, *folder.parents):
        if (candidate / FILE).is_file():
            return read_project(candidate / FILE)
    return Project(project_root(folder))


def read_project(file: Path) -> Project:
    """Read a project file. Raises SpecError with every problem of it."""
    source = scan_yaml(file)
    problems = list(source.problems)
    root = file.resolve().parent
    value = source.value if source.value is not None else {}
    if not isinstance(value, dict):
        message = f"expected a mapping with {', '.join(_KEYS)}; found {shown(value)}"
        raise SpecError([Problem(source.file, 1, "", message)])
    for key in value:
        if key not in _KEYS:
            problems.append(source.problem((key,), unknown("key", str(key), _KEYS)))
    models: dict[str, ModelDeclaration] = {}
    for name, declared in _mapping(source, "models", problems).items():
        found = _declared(source, str(name), declared, root, problems)
        if found is not None:
            models[found.name] = found
    default = _default(source, problems)
    metrics = _mapping(source, "metrics", problems)
    judges = _mapping(source, "judges", problems)
    if problems:
        raise SpecError(problems)
    return Project(root, file.resolve(), models, default, metrics, judges)


def parse_model(text: str, root: Path | None = None) -> ModelDeclaration:
    """A model written as ``backend:name?key=value&key2=value2``.

    Values are YAML scalars (``4``, ``true``, ``nf4``), with ``%26`` for an ``&``; dots set nested
    options (``quantization.bits=4``). ``name`` becomes the option ``model``. Relative paths
    (``./folder``) start from ``root``; default: the working directory.
    Raises UsageError.
    """
    root = (root or Path.cwd()).resolve()
    backend, colon, rest = text.partition(":")
    if not colon or not rest:
        raise UsageError(f"unknown model '{text}': declare it in {FILE}, or write backend:name")
    if rest.startswith("//"):
        raise UsageError(f"no backend in '{text}'; for a server, write openai:NAME?base_url={text}")
    if re.match(r"[A-Za-z]:[\\/]", text) or not re.fullmatch(r"[A-Za-z][\w.-]*", backend):
        raise UsageError(f"no backend in '{text}'; for a folder, write transformers:{text}")
    name, _, query = rest.partition("?")
    options: dict[str, Any] = {"model": name} if name else {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"'{pair}' in '{text}' is not an option; write key=value")
        _put(options, key, scalar(unquote(value)), text)
    for path in secrets(options):
        raise UsageError(_secret_message(path, backend))
    return ModelDeclaration(text, backend, _with_paths(options, root), _COMMAND_LINE, 0, root)


def _put(options: dict[str, Any], key: str, value: Any, text: str) -> None:
    """Set an option; dots in its key denote nested options."""
    *outer, last = key.split(".")
    inner = options
    for step in outer:
        inner = inner.setdefault(step, {})
        if not isinstance(inner, dict):
            raise UsageError(f"'{key}' in '{text}': '{step}' already has the value {inner}")
    if last in inner:
        raise UsageError(f"'{key}' is given twice in '{text}'")
    inner[last] = value


def _mapping(source: Source, key: str, problems: list[Problem]) -> Mapping[str, Any]:
    value = source.value.get(key) if source.value else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        message = f"expected a mapping of names, found {shown(value)}"
        problems.append(source.problem((key,), message))
        return {}
    return value


def _declared(
    source: Source, name: str, declared: Any, root: Path, problems: list[Problem]
) -> ModelDeclaration | None:
    """One model of the file, or None; its problems are added to ``problems``."""
    path = ("models", name)
    line = source.line(*path)
    if not re.fullmatch(r"\w[\w.+:@-]*", name):
        message = f"'{name}' is not a valid name: use letters, digits and . _ + - : @"
        problems.append(source.problem(path, message))
        return None
    if isinstance(declared, str):
        try:
            short = parse_model(declared, root)
        except UsageError as error:
            problems.append(source.problem(path, str(error)))
            return None
        return ModelDeclaration(name, short.backend, short.options, source.file, line, root)
    if not isinstance(declared, dict):
        message = f"expected {{backend: …, model: …}}, found {shown(declared)}"
        problems.append(source.problem(path, message))
        return None
    backend = declared.get("backend")
    if not isinstance(backend, str) or not backend.strip():
        message = "no backend: add 'backend:' (transformers, callable, openai, ollama, …)"
        problems.append(source.problem((*path, "backend"), message))
        return None
    options = {str(key): value for key, value in declared.items() if key != "backend"}
    found = list(secrets(options))
    for secret in found:
        problems.append(source.problem((*path, *secret), _secret_message(secret, backend)))
    return ModelDeclaration(name, backend, _with_paths(options, root), source.file, line, root)


def _default(source: Source, problems: list[Problem]) -> tuple[str, ...]:
    value = source.value.get("default") if source.value else None
    names = [value] if isinstance(value, str) else value
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        message = f"expected the name of a model or a list of names, found {shown(value)}"
        problems.append(source.problem(("default",), message))
        return ()
    return tuple(names)


def _with_paths(options: dict[str, Any], root: Path) -> dict[str, Any]:
    """The options with relative paths made absolute."""

    def absolute(key: str, value: Any) -> Any:
        relative = isinstance(value, str) and re.match(r"\.\.?[/\\]", value)
        return str((root / value).resolve()) if relative and key in _PATHS else value

    return {key: absolute(key, value) for key, value in options.items()}


_SECRET_WORDS = re.compile(
    r"(^|[_.-])(key|apikey|token|secret|password|passwd|passphrase|credentials?|authorization)$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_SECRET = re.compile(
    r"^(pad|eos|bos|unk|sep|cls|mask|stop|start|end|think|image|audio|video|special|first|last|"
    r"next|new|forced_[be]os|decoder_start)[_-]token$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^(Bearer\s+\S{8,}|sk-[\w-]{16,}|hf_\w{16,}|gh[pousr]_\w{20,}|AKIA\w{12,}|xox[abp]-\S+)"
    r"|^\w+://[^/\s:@]+:[^/\s@]+@"
)


def secrets(
    options: Mapping[Any, Any] | list[Any], path: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """Paths of options whose value is a literal secret."""
    for key, value in options.items() if isinstance(options, Mapping) else enumerate(options):
        here = (*path, key)
        if isinstance(value, Mapping | list):
            yield from secrets(value, here)
        elif isinstance(value, str) and value:
            name = _CAMEL.sub("_", str(key))
            named = _SECRET_WORDS.search(name) and not _NOT_SECRET.match(name)
            if named or _SECRET_VALUE.search(value):
                yield here


def _secret_message(path: tuple[Any, ...], backend: str) -> str:
    """The message for a secret in a declaration, without the secret."""
    variable = re.sub(r"\W+", "_", backend).upper()
    return (
        f"'{'.'.join(map(str, path))}' looks like a secret; do not write it here: put it in an "
        f"environment variable and name that, e.g. api_key_env: {variable}_API_KEY"
    )
