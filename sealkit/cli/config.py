"""`sealkit config`: the shipped pipeline configs."""

from __future__ import annotations

import argparse
from pathlib import Path

from sealkit.files import write_text

NAME = "config"
HELP = "List the shipped pipeline configs, or get a copy of one to edit."
EXAMPLES = """
  sealkit config list
  sealkit config get seal_recognition                           # on stdout
  sealkit config get seal_recognition --save-path .             # ./seal_recognition.yaml
  sealkit config get seal_recognition-nopp-lightweight --save-path my.yaml
  sealkit infer page.png --pipeline my.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit config`."""
    parser.add_argument("action", choices=("list", "get"), help="what to do")
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of a shipped config")
    parser.add_argument("--save-path", metavar="PATH", help="folder or .yaml file to write; default: stdout")
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit config`; returns the exit code."""
    from sealkit.config.find import find, shipped
    from sealkit.errors import ConfigError

    if args.action == "list":
        if args.name or args.save_path:
            hint = "sealkit config get NAME [--save-path PATH] gives a copy"
            raise ConfigError("list takes no name and no path", where="sealkit config list", value=args.name, hint=hint)
        for name, path in shipped("configs").items():
            print(f"{name:<44}  {_about(path)}")
        return 0
    if args.name is None:
        known = ", ".join(shipped("configs"))
        raise ConfigError("which config?", where="sealkit config get", hint=f"one of {known}")
    source = find("configs", args.name)
    text = standalone(source)
    if args.save_path is None:
        print(text, end="")
        return 0
    target = Path(args.save_path)
    if target.suffix not in (".yaml", ".yml"):
        target = target / f"{source.stem}.yaml"
    if target.exists() and not args.overwrite:
        raise ConfigError("the file already exists", where=str(target), hint="add --overwrite, or choose another path")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    print(target)
    return 0


def standalone(source: Path) -> str:
    """A config's text; one that builds on another is written out in full, so that a copy needs no other file."""
    from sealkit.config.load import merged_tree
    from sealkit.config.yamlfile import read_yaml

    if "base" not in read_yaml(source).tree:
        return source.read_text(encoding="utf-8")
    import yaml

    body = yaml.safe_dump(merged_tree("configs", source), sort_keys=False, allow_unicode=True)
    return "\n".join(f"# {line}" for line in _comments(source)) + "\n" + body


def _comments(path: Path) -> list[str]:
    """The comment at the head of a config."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return lines


def _about(path: Path) -> str:
    """Its first sentence."""
    return " ".join(_comments(path)).partition(". ")[0].rstrip(".")
