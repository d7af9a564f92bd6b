"""A Python function as a model: an application under test.

The function is called with the final prompt (a string for a raw text, else a list of
``{"role": …, "content": …}``), and with the suite's tools if it accepts ``tools``. Of the
request's generation parameters and the declaration's ``parameters`` it gets those that it accepts
as keywords. It returns the text, or more beside it (see ``evalkit.models.returned``). An ``async``
function is awaited; each call has its own event loop.
"""

from __future__ import annotations

import inspect
import json
import math
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from evalkit import exit_guard
from evalkit.errors import stated
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import plain, shown
from evalkit.models.base import Batch, Capabilities, unanswered
from evalkit.models.call_pool import Job, Limits, perform
from evalkit.models.fingerprints import fingerprint
from evalkit.models.identity import file_digest
from evalkit.models.isolated import IsolatedCalls
from evalkit.models.options import Declaration, Options, check
from evalkit.models.remote.keys import redact
from evalkit.models.returned import response_of
from evalkit.modules import import_function, source_file

TOOLS = "tools"
"""The parameter that gets the suite's tools."""
PROMPTS_PER_CALL = 256
"""The most prompts in one call of a function that takes a list."""


class CallableOptions(Options):
    """Options of the ``callable`` backend.

    model: ``module:function``. choose: a second function ``(prompt, choices, **parameters)``
    that returns a log-likelihood for each choice. parameters: keyword arguments for every call.
    batch: whether the function takes a list of prompts and returns a list of answers.
    concurrency: calls at a time, in threads; isolated, in processes. timeout: seconds for one call.
    deadline: seconds for all calls of a cell together. isolate: whether the function runs in a
    process of its own. version: any value that distinguishes two states of the application; part
    of the cache key. cache: ``false`` calls the function every time.
    """

    model: str
    choose: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    batch: bool = False
    concurrency: int = Field(default=1, ge=1)
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    deadline: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    isolate: bool = False
    version: str | int | float | None = None
    cache: bool = True

    @field_validator("model", "choose")
    @classmethod
    def _names_a_function(cls, value: str | None) -> str | None:
        if value is not None and not all(value.partition(":")[::2]):
            raise ValueError("expected 'module:function'")
        return value


class CallableModel:
    """Answers by calling a Python function."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.declaration = declaration
        self.options = check(declaration, CallableOptions)
        self.capabilities = Capabilities(choices=self.options.choose is not None, reading=False)
        self._root = Path(declaration.root)
        self._call: Calling | IsolatedCalls | None = None

    def fingerprint(self) -> Mapping[str, Any] | None:
        """The source of the module's file, and the parameters.

        Changes in code that the module imports are not noticed: declare ``version`` or
        ``cache: false`` for them.
        """
        if not self.options.cache:
            return None
        names = [n for n in (self.options.model, self.options.choose) if n]
        sources = {n: source_file(n.partition(":")[0], self._root) for n in names}
        if any(s is None for s in sources.values()):
            return None
        functions = {n: file_digest(s) for n, s in sources.items() if s is not None}
        return fingerprint(self.options, "callable", functions=functions)

    def load(self) -> None:
        """Import the function. Raises ModelError if that fails."""
        self._loaded()

    def _loaded(self) -> Calling | IsolatedCalls:
        if self._call is None:
            self._call = self._isolated() if self.options.isolate else self._imported()
        return self._call

    def _imported(self) -> Calling:
        options = self.options
        generate, choose = (
            Caller(import_function(name, self._root), options.parameters) if name else None
            for name in (options.model, options.choose)
        )
        assert generate is not None
        return Calling(generate, choose, options.batch)

    def _isolated(self) -> IsolatedCalls:
        named = self.options.model_dump(include={"model", "choose", "parameters"})
        made = IsolatedCalls({**named, "root": str(self._root), "lists": self.options.batch})
        made.start()
        return made

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Call the function for every request. A call that raises fails only its own sample."""
        if not self.options.batch:
            yield from self.respond_each(requests, unanswered(requests, answered))
            return
        yield from perform(lists_of(requests, answered), self._loaded(), limits=self._limits)

    @property
    def one_by_one(self) -> bool:
        """Whether the function takes one prompt at a time."""
        return not self.options.batch

    def respond_each(self, requests: Sequence[Request], indices: Iterator[int]) -> Iterator[Batch]:
        """Call the function for each of these requests, taken when a thread is free for it."""
        jobs = ([(index, requests[index])] for index in indices)
        yield from perform(jobs, self._loaded(), self.options.concurrency, self._limits)

    @property
    def _limits(self) -> Limits:
        return Limits(self.options.timeout, self.options.deadline)

    def describe(self) -> Mapping[str, Any]:
        """The function and how it is called."""
        return {
            "function": self.options.model,
            "batch": self.options.batch,
            "concurrency": self.options.concurrency,
            **({"isolate": True} if self.options.isolate else {}),
        }

    def close(self) -> None:
        """Drop the functions, and end their processes."""
        call, self._call = self._call, None
        if isinstance(call, IsolatedCalls):
            call.stop()


class Caller:
    """Calls a function with the keyword arguments that it accepts."""

    def __init__(self, function: Callable[..., Any], parameters: Mapping[str, Any]) -> None:
        self.function = function
        self.parameters = dict(parameters)
        self._accepts = _accepted(function)
        self._memory: tuple[Generation, dict[str, Any]] | None = None

    def __call__(self, request: Request, *values: Any) -> Any:
        """The function's result for these values with the parameters of ``request``."""
        returned = self.function(*values, **self.arguments(request))
        if isinstance(returned, str) or not inspect.isawaitable(returned):
            return returned
        return _await_result(returned)

    def arguments(self, request: Request) -> dict[str, Any]:
        """The keyword arguments: accepted generation parameters, then declared ones."""
        if self._memory is not None and (
            self._memory[0] is request.generation or self._memory[0] == request.generation
        ):
            arguments = self._memory[1]
        else:
            every = asdict(request.generation)
            accepted = every.keys() if self._accepts is None else self._accepts & every.keys()
            arguments = {name: every[name] for name in every if name in accepted}
            arguments.update(self.parameters)
            self._memory = (request.generation, arguments)
        if request.tools and (self._accepts is None or TOOLS in self._accepts):
            arguments = {TOOLS: json.loads(request.tools), **arguments}
        if self._accepts is not None and "repeat" in self._accepts:
            return {**arguments, "repeat": request.repeat}
        return arguments


@dataclass(frozen=True, slots=True)
class Calling:
    """Answers requests by calling functions in this process.

    generate: answers a prompt, or with ``lists`` a list of prompts. choose: compares choices; None:
    they cannot be compared.
    """

    generate: Caller
    choose: Caller | None = None
    lists: bool = False
    stops: ClassVar[bool] = False

    def __call__(self, requests: Sequence[Request], seconds: float | None) -> list[Response]:
        """The responses to one request, or to several that share a call. A call cannot be stopped,
        so ``seconds`` is for others to mind."""
        if self.lists and not requests[0].choices:
            return _of_list(requests, self.generate)
        return [_one(request, self.generate, self.choose) for request in requests]


def lists_of(requests: Sequence[Request], answered: frozenset[int]) -> Iterator[Job]:
    """The requests that share a call of a function that takes lists: those of equal parameters.

    The lists depend on the requests alone. Choices are compared one request at a time.
    """
    for start in range(0, len(requests), PROMPTS_PER_CALL):
        end = min(start + PROMPTS_PER_CALL, len(requests))
        groups: dict[Any, Job] = {}
        for i in (i for i in range(start, end) if i not in answered):
            if requests[i].choices:
                yield [(i, requests[i])]
            else:
                shared = (requests[i].generation, requests[i].repeat, requests[i].tools)
                groups.setdefault(shared, []).append((i, requests[i]))
        yield from groups.values()


def _one(request: Request, generate: Caller, choose: Caller | None) -> Response:
    started = time.perf_counter()
    prompt = plain(request.prompt)
    try:
        if request.choices:
            if choose is None:
                raise TypeError(
                    "this function cannot compare choices; declare `choose: module:function`"
                )
            raw = choose(request, prompt, list(request.choices))
            return _chosen(request, raw, time.perf_counter() - started)
        raw = generate(request, prompt)
        return response_of(raw, request, time.perf_counter() - started)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an application may raise anything, exit, or skip a test
        return _failed(error, request, time.perf_counter() - started)


def _of_list(requests: Sequence[Request], generate: Caller) -> list[Response]:
    """The responses from one call with a list of prompts."""
    started = time.perf_counter()
    try:
        raws = _list_of(generate(requests[0], [plain(one.prompt) for one in requests]))
        if len(raws) != len(requests):
            raise ValueError(
                f"expected {len(requests)} answers, one for each prompt, got {len(raws)}"
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raws = [error] * len(requests)
    seconds = (time.perf_counter() - started) / len(requests)
    return [_response_of(raw, one, seconds) for raw, one in zip(raws, requests, strict=True)]


def _list_of(returned: Any) -> list[Any]:
    """The answers of a batch function. A string or a dict is not a list of answers."""
    if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        found = type(returned).__name__
        raise TypeError(f"expected a list of answers, one for each prompt, got {found}")
    return list(returned)


def _await_result(returned: Awaitable[Any]) -> Any:
    """The result of an ``async`` function, also when a loop is running already (in a notebook)."""
    import asyncio

    async def wait() -> Any:
        return await returned

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, wait()).result()


def _response_of(raw: Any, request: Request, seconds: float) -> Response:
    try:
        if isinstance(raw, BaseException):
            raise raw
        return response_of(raw, request, seconds)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _failed(error, request, seconds)


def _failed(error: BaseException, request: Request, seconds: float) -> Response:
    sent = shown(request.prompt)
    return Response(Status.ERROR, sent=sent, seconds=seconds, error=_explain(error))


def _chosen(request: Request, raw: Any, seconds: float) -> Response:
    try:
        logprobs = tuple(float(value) for value in raw)
    except (TypeError, ValueError):
        raise TypeError(
            f"expected a list of log-likelihoods, one for each choice, got {str(raw)[:80]}"
        ) from None
    if len(logprobs) != len(request.choices):
        raise ValueError(
            f"expected {len(request.choices)} log-likelihoods, one for each choice,"
            f" got {len(logprobs)}"
        )
    if any(math.isnan(value) or value == math.inf for value in logprobs):
        raise ValueError("a choice's log-likelihood is NaN or infinite")
    if max(logprobs) == -math.inf:
        raise ValueError("the log-likelihood of every choice is minus infinity")
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Response(
        Status.OK,
        text=request.choices[best],
        sent=shown(request.prompt),
        logprobs=logprobs,
        seconds=seconds,
    )


def _accepted(function: Callable[..., Any]) -> frozenset[str] | None:
    """Names of the keyword parameters after the prompt; None: any keyword is accepted."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return frozenset()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    keyword = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    first = next((p.name for p in parameters if p.kind is not p.KEYWORD_ONLY), None)
    return frozenset(name for name in keyword if name != first)


def _explain(error: BaseException) -> str:
    """The error with the last line of the application's own code, without API keys."""
    summary = redact(stated(error))
    own = (str(Path(__file__).parent), exit_guard.__file__)
    every = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in every if not frame.filename.startswith(own)]
    if not frames:
        return summary
    last = next((f for f in reversed(frames) if "site-packages" not in f.filename), frames[-1])
    return f"{summary} (in {last.name}, {last.filename}:{last.lineno})"
