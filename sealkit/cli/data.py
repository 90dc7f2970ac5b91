"""`sealkit data`: everything about datasets. The table is the whole dispatch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module

NAME = "data"
HELP = "Check, convert, split, show, crop and generate datasets."
EXAMPLES = """
  sealkit data check my_seals --module seal_text_detection --html check.html
  sealkit data convert labelme_folder my_seals
  sealkit data split my_seals --labels labels.txt --group owner
  sealkit data show my_seals/train.txt --out sheet.png
  sealkit data crop my_seals my_strips
  sealkit data synth out_folder --count 1000
"""

# sub-command → file, with the same names as a command's file
COMMANDS: Mapping[str, str] = {
    "check": "sealkit.cli.data_check",
    "convert": "sealkit.cli.data_convert",
    "split": "sealkit.cli.data_split",
    "show": "sealkit.cli.data_show",
    "crop": "sealkit.cli.data_crop",
    "synth": "sealkit.cli.data_synth",
    "prelabel": "sealkit.cli.data_prelabel",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data`."""
    parsers = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    for name, path in COMMANDS.items():
        command = import_module(path)
        examples = f"examples:\n{command.EXAMPLES.strip(chr(10))}" if command.EXAMPLES else None
        sub = parsers.add_parser(name, help=command.HELP, description=command.HELP, epilog=examples)
        sub.set_defaults(parser=sub)
        command.add_arguments(sub)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data`; returns the exit code."""
    return int(import_module(COMMANDS[args.data_command]).run(args))
