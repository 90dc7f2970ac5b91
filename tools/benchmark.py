"""Measurements: python tools/benchmark.py NAME …, NAME one of the table below; --help after it lists its options."""

import ast
import sys
from importlib import import_module
from pathlib import Path

from sealkit.cli import EXTRAS
from sealkit.cli.streams import show_any_character
from sealkit.errors import SealkitError

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = {
    "serving": "sealkit.bench.serving",
    "training": "sealkit.bench.training_speed",
    "pipeline": "sealkit.bench.pipeline",
    "pipelines": "sealkit.bench.configs.command",
    "data-check": "benchmarks.check_speed",
    "detection-set": "benchmarks.detection_set",
    "real-seals": "sealkit.bench.real_seals_command",
    "real-strips": "benchmarks.real_strips",
    "sealbench": "benchmarks.sealbench",
    "sheet-sizes": "benchmarks.sheet_sizes",
    "doc-ori": "benchmarks.orientation",
    "layout-pages": "benchmarks.layout_pages",
    "unwarping": "benchmarks.unwarping",
    "new-characters": "benchmarks.new_characters",
    "recognition": "benchmarks.recognition_speed",
}


def overview() -> str:
    """The measurements with the first sentence of each one's file; nothing is imported."""
    rows = [f"  {name:<15} {about(module)}" for name, module in BENCHMARKS.items()]
    return "\n".join([str(__doc__), "", *rows])


def about(module: str) -> str:
    """The first line of a file's docstring, up to a command that stands in it."""
    text = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
    return str(ast.get_docstring(ast.parse(text))).splitlines()[0].partition(": `")[0].rstrip(".")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # benchmarks/ is not installed
    show_any_character()
    if sys.argv[1:2] == ["--configs"]:  # the tutorial's table needs no name
        sys.argv.insert(1, "pipelines")
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        if {"-h", "--help"} & set(sys.argv[1:2]):
            print(overview())
            sys.exit(0)
        sys.exit(f"{overview()}\n\n  next: name one of them; --help after it lists its options")
    try:
        sys.exit(import_module(BENCHMARKS[sys.argv[1]]).main(sys.argv[2:]))
    except SealkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(f"error: this needs {error.name}, which is not installed\n  next: pip install 'sealkit[{extra}]'")
