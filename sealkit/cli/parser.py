"""The argument parser of all commands: flags take `-` and `_` alike, and a misspelt flag gets a suggestion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from sealkit.errors import ConfigError


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of worked examples, with room for our longest flags."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)
        self._action_max_length = 18  # argparse forgets the indent of commands: the longest would stand on a line alone


class Parser(argparse.ArgumentParser):
    """ArgumentParser with sealkit's conventions.

    Flags are declared with `-` (`--model-dir`); on the command line `--model_dir` is the same. Abbreviations are off:
    a flag added later must not change the meaning of an old command line.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", Formatter)
        super().__init__(**{**kwargs, "allow_abbrev": False})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse with `_` and `-` in flags taken alike."""
        given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(list(_with_dashes(given)), namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; unknown arguments get a suggestion."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            chosen: Parser = getattr(known, "parser", self)  # of the sub-command, whose --help is the right one
            chosen.error(f"unknown argument: {' '.join(rest)}{chosen._suggestion(rest[0])}")
        return known

    def error(self, message: str) -> NoReturn:
        """A ConfigError (exit code 2) rather than a page of usage."""
        raise ConfigError(message, hint=f"{self.prog} --help shows the flags and examples")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A word that is none of an argument's choices, with the nearest of them."""
        if action.choices is None or value in action.choices:
            return
        from sealkit.text import did_you_mean

        choices = [str(choice) for choice in action.choices]
        name = "/".join(action.option_strings) or str(action.metavar or action.dest).lower()
        hint = did_you_mean(str(value), choices, also=f"one of {', '.join(choices)}")
        raise ConfigError(f"unknown {name}", where=self.prog, value=value, hint=hint)

    def _suggestion(self, flag: str) -> str:
        from sealkit.text import did_you_mean

        flags = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        asked = did_you_mean(flag.partition("=")[0], flags, cutoff=70) if flag.startswith("--") else ""
        return f"; {asked}" if asked else ""


def _with_dashes(arguments: Sequence[str]) -> Iterator[str]:
    """`--model_dir=a_b` → `--model-dir=a_b`; what follows a lone `--` stays as it is."""
    plain = False
    for argument in arguments:
        plain = plain or argument == "--"
        if argument.startswith("--") and not plain:
            flag, equals, value = argument.partition("=")
            yield flag.replace("_", "-") + equals + value
        else:
            yield argument
