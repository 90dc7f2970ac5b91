"""Evaluate a checkpoint or an exported folder: `sealkit eval` under the name users of PaddleX and PaddleOCR look for."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["eval", *sys.argv[1:]]))
