"""The demo: `sealkit demo` for a checkout without an installed command."""

import sys

from sealkit.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
