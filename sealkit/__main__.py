"""`python -m sealkit` is the command `sealkit`."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
