"""The page of commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from docs.generate.markdown import code, page, table


def commands() -> str:
    """Every command of ``evalkit``."""
    from evalkit.cli import _parser

    parts = [
        part
        for words, parser, about in _leaves(_parser())
        for part in _command(words, parser, about)
    ]
    about = (
        "`evalkit COMMAND --help` prints the same. Exit status 0: success; 2: invalid input, "
        "explained on standard error; `evalkit models check` and `evalkit parity` exit with 1 if a "
        "model does not answer."
    )
    return page("Commands", about, *parts)


def _leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = (), about: str = ""
) -> Iterable[tuple[tuple[str, ...], argparse.ArgumentParser, str]]:
    """The commands that can be run, with the words that name them."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if parser.get_default("command") is not None:
        yield words, parser, about
    for action in below:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, child in action.choices.items():
            yield from _leaves(child, (*words, name), helps.get(name, ""))


def _command(
    words: tuple[str, ...], parser: argparse.ArgumentParser, about: str
) -> tuple[str, ...]:
    actions = [
        action
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    rows = [[code(_argument(a)), _help(a)] for a in actions]
    heading = f"## evalkit {' '.join(words)}"
    if not rows:
        return heading, _sentence(about)
    return heading, _sentence(about), table(["argument", "meaning"], rows)


def _help(action: argparse.Action) -> str:
    return (action.help or "") + (
        " (required)" if action.required and action.option_strings else ""
    )


def _argument(action: argparse.Action) -> str:
    if not action.option_strings:
        name = str(action.metavar or action.dest)
        return {"+": f"{name}…", "*": f"[{name}…]", "?": f"[{name}]"}.get(str(action.nargs), name)
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    value = action.metavar or (action.choices and ",".join(map(str, action.choices)))
    return f"{names} {value or action.dest.upper()}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
