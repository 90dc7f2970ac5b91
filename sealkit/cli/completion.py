"""`sealkit completion`: shell completion scripts, generated from the parsers of all commands."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

NAME = "completion"
HELP = "Print the completion script for a shell: commands and flags after Tab."
EXAMPLES = """
  sealkit completion bash > ~/.local/share/bash-completion/completions/sealkit
  sealkit completion zsh > ~/.zfunc/_sealkit            # a folder of your fpath
  sealkit completion fish > ~/.config/fish/completions/sealkit.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit completion`."""
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="which shell")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit completion`; returns the exit code."""
    from sealkit.cli import COMMANDS, make_parser

    print(_SCRIPTS[args.shell](words_of(make_parser(COMMANDS))), end="")
    return 0


def words_of(parser: argparse.ArgumentParser, path: str = "") -> dict[str, list[str]]:
    """What may follow each command: its flags, sub-commands and choices; "" is `sealkit` itself, " data check" a
    sub-command."""
    words: list[str] = []
    below: dict[str, list[str]] = {}
    for action in parser._actions:  # argparse has no public list of them
        if action.help == argparse.SUPPRESS:
            continue
        words += [flag for flag in action.option_strings if flag.startswith("--")]
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                words.append(name)
                below |= words_of(inner, f"{path} {name}")
        elif not action.option_strings and action.choices is not None:
            words += [str(choice) for choice in action.choices]
    return {path: words, **below}


def _bash(words: Mapping[str, Sequence[str]]) -> str:
    return f"""# sealkit completion bash
_sealkit() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" at="" found="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$at $word" in
      {_known(words)}) at="$at $word" ;;
    esac
  done
  case "$at" in
{_cases(words, 'found="{}"')}
  esac
  COMPREPLY=($(compgen -W "$found" -- "$current"))
}}
complete -o bashdefault -o default -F _sealkit sealkit
"""


def _zsh(words: Mapping[str, Sequence[str]]) -> str:
    return f"""#compdef sealkit
_sealkit() {{
  local at="" word
  local -a found
  for word in ${{words[2,CURRENT-1]}}; do
    case "$at $word" in
      {_known(words)}) at="$at $word" ;;
    esac
  done
  case "$at" in
{_cases(words, "found=({})")}
  esac
  compadd -- $found
  _files
}}
compdef _sealkit sealkit
"""


def _fish(words: Mapping[str, Sequence[str]]) -> str:
    cases = "\n".join(
        f'    case "{path}"\n      string split " " -- "{" ".join(found)}"' for path, found in words.items()
    )
    return f"""# sealkit completion fish
function __sealkit_words
  set -l at ""
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case {" ".join(f'"{path}"' for path in words if path)}
        set at "$at $word"
    end
  end
  switch "$at"
{cases}
  end
end
complete -c sealkit -a "(__sealkit_words)"
"""


def _known(words: Mapping[str, Sequence[str]]) -> str:
    return " | ".join(f'"{path}"' for path in words if path)


def _cases(words: Mapping[str, Sequence[str]], form: str) -> str:
    return "\n".join(f'    "{path}") {form.format(" ".join(found))} ;;' for path, found in words.items())


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
