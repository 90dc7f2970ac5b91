"""`sealkit --pipeline …`: PaddleX's command line, which has flags and no commands, with the package's name changed."""

from __future__ import annotations

from collections.abc import Sequence

GET, SERVE = "--get-pipeline-config", "--serve"
_TOLD_BY = frozenset({"--pipeline", "--input", GET, SERVE})


def with_command(arguments: Sequence[str]) -> list[str]:
    """The same line with the command that PaddleX's flags stand for; any other line as it is.

    `--serve` is `serve`, `--get-pipeline-config NAME` is `config get NAME` into the working folder, all else `infer`.
    """
    if not arguments or not arguments[0].startswith("--"):
        return list(arguments)
    flags = [_flag(word) for word in arguments]
    if not _TOLD_BY & set(flags):
        return list(arguments)
    if SERVE in flags:
        return ["serve", *(word for word, flag in zip(arguments, flags) if flag != SERVE)]
    if GET not in flags:
        return ["infer", *arguments]
    place = flags.index(GET)
    _, equals, value = arguments[place].partition("=")
    after = place + (1 if equals else 2)
    name = [value] if equals else list(arguments[place + 1 : after])
    rest = [*arguments[:place], *arguments[after:]]
    if name and "--save-path" not in flags:
        rest += ["--save-path", "."]
    return ["config", "get", *name, *rest]


def _flag(word: str) -> str:
    """`--save_path=x` → `--save-path`."""
    return word.partition("=")[0].replace("_", "-") if word.startswith("--") else ""


__all__ = ["with_command"]
