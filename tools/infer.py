"""Read seals: `sealkit infer` under the name users of PaddleX and PaddleOCR look for."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["infer", *sys.argv[1:]]))
