"""`sealkit convert-weights`: converts Paddle's pickled weights to safetensors, which cannot hold code."""

from __future__ import annotations

import argparse

NAME = "convert-weights"
HELP = (
    "Convert a .pdparams file to safetensors. The file is read in a restricted child process; code in it is never run."
)
EXAMPLES = """
  sealkit convert-weights PP-OCRv4_mobile_seal_det_pretrained.pdparams weights/v4.safetensors
  sealkit train -c seal_det_mobile -o weights.init=weights/v4.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit convert-weights`."""
    parser.add_argument("source", metavar="IN.pdparams", help="the file to read")
    parser.add_argument("target", metavar="OUT.safetensors", help="the file to write; must not exist yet")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit convert-weights`; returns the exit code."""
    from sealkit.weights.convert import convert_pdparams

    arrays = convert_pdparams(args.source, args.target)
    size = sum(array.nbytes for array in arrays.values())
    print(f"{len(arrays)} tensors, {size / 1e6:.1f} MB, from {args.source}")
    print(f"written to {args.target}\nnext: use it as weights.init={args.target}")
    return 0
