"""The command `sealkit`. One file per command; this table is the whole dispatch."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sealkit.cli.paddlex_words import with_command
from sealkit.cli.streams import STDOUT, flush_stdout, show_any_character
from sealkit.errors import ConfigError, SealkitError, first_line
from sealkit.runtime.engines import ENGINES
from sealkit.runtime.signals import deaf_threads, stopping

if TYPE_CHECKING:
    from sealkit.cli.parser import Parser

# command → file, in the order a user meets them. Each file has NAME, HELP, EXAMPLES, add_arguments(parser) and
# run(args) -> int, and imports nothing heavy at its top.
COMMANDS: Mapping[str, str] = {
    "models": "sealkit.cli.models",
    "show": "sealkit.cli.show",
    "download": "sealkit.cli.download",
    "data": "sealkit.cli.data",
    "train": "sealkit.cli.train",
    "eval": "sealkit.cli.eval",
    "average": "sealkit.cli.average",
    "export": "sealkit.cli.export",
    "infer": "sealkit.cli.infer",
    "config": "sealkit.cli.config",
    "serve": "sealkit.cli.serve",
    "import-weights": "sealkit.cli.import_weights",
    "convert-weights": "sealkit.cli.convert_weights",
    "demo": "sealkit.cli.demo",
    "doctor": "sealkit.cli.doctor",
    "completion": "sealkit.cli.completion",
}

# package that is missing → extra that brings it
EXTRAS: Mapping[str, str] = {
    "fastapi": "serve",
    "fastapi_offline": "serve",
    "httpx": "bench",
    "matplotlib": "train",
    "numba": "fast",
    "onnx": "train",
    "optuna": "tune",
    "paddle2onnx": "train",
    "prometheus_client": "serve",
    "psutil": "bench",
    "pynvml": "bench",
    "pypdfium2": "pdf",
    "python_multipart": "serve",
    "rapidocr": "embedded",
    "safetensors": "train",
    "uvicorn": "serve",
    "visualdl": "train",
    **{info.package: info.extra for info in ENGINES.values() if info.extra},
}

ALIASES: Mapping[str, str] = {"predict": "infer"}
"""Second names of commands: they run."""
OTHER_WORDS: Mapping[str, str] = {
    "read": "infer",
    "ocr": "infer",
    "recognize": "infer",
    "detect": "infer",
    "version": "--version",
    "help": "--help",
    "val": "eval",
    "evaluate": "eval",
    "finetune": "train",
    "server": "serve",
    "check": "doctor",
    "fetch": "download",
    "pull": "download",
}
"""What other toolkits call a command → what it is called here."""

_ABOUT = "Check data, train, fine-tune, evaluate, export and run the models of seal (stamp, 印章) text recognition."
_EXAMPLES = """examples:
  sealkit models                                     what can be trained, and from which weights
  sealkit infer seal.png --save-path out             read a seal
  sealkit data check my_seals                        labels: every problem with file, line and what to do
  sealkit train --data my_seals --output runs/mine   fine-tune; ends with a report and an exported model
  sealkit infer seal.png --det runs/mine             read with your own detector

Errors are short messages; SEALKIT_TRACEBACK=1 adds the traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        the exit code: 0; that of the SealkitError (2 settings, 3 data, 4 weights, 5 training, 6 export, 7 engine,
        8 download);
        130 on Ctrl-C, 143 on SIGTERM.
    """
    show_any_character()
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    # Paddle's import looks for a compiler cache nobody asked for; its batch norm tells what it does in every training
    for message in ("No ccache found", "When training, we now always track global mean and variance"):
        warnings.filterwarnings("ignore", message=message)
    with stopping() as stop:
        try:
            with deaf_threads():
                command, args = _parse(arguments)
                import_module("numpy")
                import_module("cv2")
            args.command_line = arguments  # for a command that starts itself again, once per device
            code = int(command.run(args))
            flush_stdout()
            return code
        except SystemExit:  # --help, --version
            raise
        except BaseException as error:
            stop.handled = True
            if stop.number is not None:  # and whatever else happened follows from that
                return _fail(stop.message, stop.exit_code)
            return _told(error)


def _told(error: BaseException) -> int:
    """Exit code of an error, after its message; one that has no message of ours is raised again."""
    if isinstance(error, SealkitError):
        return _fail(str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return _fail("stopped by the user", 130)
    if isinstance(error, BrokenPipeError):  # the reader of our output (`| head`) is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if isinstance(error, OSError) and error.filename == STDOUT:  # what is still in it would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, MemoryError):
        return _fail(f"out of memory: {first_line(error)}\n  next: smaller images, batches or fewer processes", 1)
    if isinstance(error, ModuleNotFoundError):
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is not None:
            return _fail(f"this needs {error.name}, which is not installed\n  next: pip install 'sealkit[{extra}]'", 1)
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding() != "utf-8":
        what = f"a file name with {error.object[error.start]!a} cannot be used: names are {error.encoding} here"
        return _fail(f"{what}\n  next: set PYTHONUTF8=1, or a UTF-8 locale (LC_ALL=C.UTF-8)", 1)
    if isinstance(error, OSError) and error.filename is not None:
        return _fail(
            f"{error.filename}: {error.strerror}\n  next: check the path, its permissions and the free space", 1
        )
    raise error


def _parse(arguments: list[str]) -> tuple[Any, Any]:
    """(command module, parsed arguments). Only the chosen command's file is imported, for `--help` all of them."""
    arguments[:] = with_command(arguments)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    if chosen is not None and chosen in ALIASES:
        arguments[arguments.index(chosen)] = chosen = ALIASES[chosen]
    if chosen is not None and chosen not in COMMANDS:
        raise _unknown_command(chosen, arguments)
    parser = make_parser([chosen] if chosen is not None else COMMANDS)
    args = parser.parse_args(arguments)
    return import_module(COMMANDS[args.command]), args


def make_parser(wanted: Iterable[str]) -> Parser:
    """The parser of these commands; their files are imported."""
    from sealkit.cli.parser import Parser

    parser = Parser(prog="sealkit", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=_version())
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="sealkit")
    for name in wanted:
        command = import_module(COMMANDS[name])
        examples = command.EXAMPLES.removeprefix("examples:").strip("\n")
        epilog = f"examples:\n{examples}"
        sub = subparsers.add_parser(name, help=command.HELP, description=command.HELP, epilog=epilog)
        sub.set_defaults(parser=sub)
        command.add_arguments(sub)
    return parser


def _unknown_command(name: str, arguments: Sequence[str]) -> SealkitError:
    from sealkit.text import did_you_mean

    rest = list(arguments)
    if name in OTHER_WORDS:
        rest[rest.index(name)] = OTHER_WORDS[name]
        return ConfigError("unknown command", value=name, hint=f"use: {_line(rest)}")
    if os.path.exists(name):
        return ConfigError(
            "a file, where a command is expected", value=name, hint=f"read it: {_line(['infer', *rest])}"
        )
    hint = did_you_mean(name, COMMANDS, also="commands: " + ", ".join(COMMANDS))
    return ConfigError("unknown command", value=name, hint=hint)


def _line(words: Sequence[str]) -> str:
    """A command line that can be pasted into a shell."""
    return shlex.join(["sealkit", *words])


def _version() -> str:
    from sealkit.version import __version__

    return f"sealkit {__version__}"


def _fail(message: str, code: int) -> int:
    if os.environ.get("SEALKIT_TRACEBACK"):
        traceback.print_exc()
    if sys.stdout is not None:  # pythonw has none
        sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr)
    return code
