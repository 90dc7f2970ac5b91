"""Export a checkpoint to an inference folder and ONNX: `sealkit export` under the name users of PaddleX and PaddleOCR look for."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
