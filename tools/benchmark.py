"""Measurements: python tools/benchmark.py NAME …, NAME one of the table below; --help after it lists its options."""

import sys
from importlib import import_module
from pathlib import Path

from sealkit.cli.streams import show_any_character
from sealkit.errors import SealkitError

BENCHMARKS = {
    "serving": "sealkit.bench.serving",
    "training": "sealkit.bench.training_speed",
    "pipeline": "sealkit.bench.pipeline",
    "detection-set": "benchmarks.detection_set",
    "real-seals": "sealkit.bench.real_seals",
    "real-strips": "benchmarks.real_strips",
    "doc-ori": "benchmarks.orientation",
    "layout-pages": "benchmarks.layout_pages",
    "unwarping": "benchmarks.unwarping",
    "new-characters": "benchmarks.new_characters",
    "recognition": "benchmarks.recognition_speed",
}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # benchmarks/ is not installed
    show_any_character()
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        sys.exit(f"{__doc__}\n  next: name one of {', '.join(BENCHMARKS)}; --help after it lists its options")
    try:
        sys.exit(import_module(BENCHMARKS[sys.argv[1]]).main(sys.argv[2:]))
    except SealkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
