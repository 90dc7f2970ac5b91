"""Command lines that stand in documents, in the heads of recipes and in help texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from sealkit.cli import COMMANDS
from tests.cli.hints import messages

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("sealkit", "make", "pip", "python", "tools")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "datasets/*.md", "sealkit/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
_STARTS = re.compile(r"(?:sealkit|make|(?:\.venv/bin/)?(?:python3? -m )?pip|python3?(?= tools/)|tools/\w+\.py) \S")
_MENTION = re.compile(rf"(?<![\w./-])sealkit (?:{'|'.join(COMMANDS)}) [^`\n;,]*")


def in_markdown(text: str) -> Iterator[str]:
    """Lines of shell blocks, and inline code that begins with one of the programs."""
    for block in re.findall(r"^ *```(?:bash|console|sh)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        yield from shell_lines(block)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        line = " ".join(code.split())
        if _STARTS.match(line):
            yield line


def shell_lines(block: str) -> Iterator[str]:
    """Single commands of a block: continued lines joined, comments, prompts and pipes dropped, `a && b` parted."""
    for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
        for part in line.strip().removeprefix("$ ").split("&&"):
            plain = re.split(r"\s[#|>]\s*|\s2?>", part)[0].strip()
            if _STARTS.match(plain):
                yield plain


def in_recipe(text: str) -> Iterator[str]:
    """Commands of the comments at the head of a YAML file."""
    head = "\n".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", head).replace(" && ", "\n")
    for found in _MENTION.findall(joined):
        yield re.split(r"\s#|\)|:(?:\s|$)|\.(?:\s|$)", found)[0].strip()


def written() -> Iterator[tuple[str, str]]:
    """(file, command line) of every document, recipe, config and help text."""
    for path in DOCUMENTS:
        for line in in_markdown(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), line
    for path in sorted([*ROOT.glob("recipes/*.yaml"), *ROOT.glob("configs/*.yaml")]):
        for line in in_recipe(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), line
    for name, module in COMMANDS.items():
        for line in shell_lines(import_module(module).EXAMPLES):
            yield f"sealkit {name} --help", line
    for where, text in messages():
        for found in re.findall(
            r"(?<![\w/'-])((?:pip install|(?<=`)make|apt-get install) (?:'[^']+'|[^\n;,)`'])+)", text
        ):
            line = re.split(r" \(| or |: |\.$| and ", found)[0].strip()
            yield where, line


def words(line: str) -> list[str]:
    """Words of a line; optional ones (`[--json]`) count, `…` does not; numbers stand for N and S."""
    plain = re.sub(r"(?<=\s)\[([^\]=]*)\]", r"\1", line).replace("…", "").replace("...", "")
    return ["1" if word in ("N", "S") else word for word in shlex.split(plain, comments=True) if word]
