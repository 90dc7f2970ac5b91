"""`sealkit infer` under the name that users of PaddleX and PaddleOCR look for; same flags."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["infer", *sys.argv[1:]]))
