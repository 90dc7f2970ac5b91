"""Train a model: `sealkit train` under the name users of PaddleX and PaddleOCR look for."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
