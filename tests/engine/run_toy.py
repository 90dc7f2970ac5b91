"""Trains the toy task in a process of its own: run_toy.py RUN_DIR '{"task": {…}, "recipe": {…}, "fit": {…}}'."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

from sealkit.errors import SealkitError
from tests.engine.toy_task import ToySamples, ToyTask, recipe


def main() -> int:
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    task: dict[str, Any] = {
        key: ToySamples(**value) if isinstance(value, dict) else value for key, value in options.get("task", {}).items()
    }
    from sealkit.engine.loop import fit

    try:
        fit(ToyTask(**task), recipe(**options.get("recipe", {})), sys.argv[1], **options.get("fit", {}))
    except SealkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
