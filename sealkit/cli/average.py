"""`sealkit average`: the weighted mean of checkpoints."""

from __future__ import annotations

import argparse

NAME = "average"
HELP = "Average the weights of several checkpoints of one network, e.g. of a fine-tuned model and its initial weights."
EXAMPLES = """
  sealkit average runs/rec_v6_small_seal initial --weights 0.7 0.3 --output mean
  sealkit average runs/a runs/b runs/c --output mean              # equal shares
  sealkit average mean initial --weights 0.6 0.4 --only backbone.blocks5 --output mean2   # one stage of the network
  sealkit import-weights rapidocr --model PP-OCRv6_small_rec --output initial   # a wheel's weights as a checkpoint
  sealkit export -c rec_v6_small_seal --checkpoint mean --output my_model
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit average`."""
    parser.add_argument(
        "sources", nargs="+", metavar="PATH", help="run folders, checkpoints or weights files; two or more"
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="SHARE", help="share of each, in the same order; default: equal"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="PART",
        help="average these layers alone (backbone.blocks5), the rest is the first's; default: the whole network",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="checkpoint folder to write (must be new)")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit average`; returns the exit code."""
    from sealkit.weights.average import average_checkpoints

    made_of = average_checkpoints(args.sources, args.output, args.weights, args.only)
    for source, share in made_of:
        print(f"  {share:.3f}  {source}")
    if args.only:
        print(f"  only {', '.join(args.only)}; the rest is that of {args.sources[0]}")
    print(f"mean written to {args.output}\nnext: sealkit eval -c RECIPE --checkpoint {args.output}")
    return 0
