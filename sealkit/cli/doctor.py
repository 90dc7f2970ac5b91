"""`sealkit doctor`: checks the machine and its packages against known problems."""

from __future__ import annotations

import argparse
import json

NAME = "doctor"
HELP = "Check versions, devices, memory, disk and fonts against known problems."
EXAMPLES = """
  sealkit doctor
  sealkit doctor --json > report.json         # for a bug report
  sealkit doctor --quick                      # without starting Paddle
  sealkit doctor --gpu                        # 20 training steps in every way this machine's GPUs compute
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit doctor`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="do not start Paddle for the inference test")
    parser.add_argument(
        "--gpu", action="store_true", help="test training on the GPUs of this machine (on its CPU where it has none)"
    )


def run(args: argparse.Namespace) -> int:
    """0, or 1 where a check failed (a warning alone is 0)."""
    from sealkit.cli.checkup import examine
    from sealkit.cli.gpu_checkup import examine_gpu

    findings = examine_gpu() if args.gpu else examine(quick=args.quick)
    if args.json:
        print(json.dumps([finding.__dict__ for finding in findings], ensure_ascii=False, indent=2))
    else:
        signs = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{signs[finding.status]} {finding.name:<{width}}  {finding.value}")
            if finding.advice:
                print(f"  {'':<{width}}  next: {finding.advice}")
        wrong = sum(finding.status == "error" for finding in findings)
        doubtful = sum(finding.status == "warning" for finding in findings)
        print(f"\n{wrong} error(s), {doubtful} warning(s)" if wrong or doubtful else "\nall well")
        if args.gpu:
            print("please send us this report: sealkit doctor --gpu --json; no test of ours has run on a GPU")
    return int(any(finding.status == "error" for finding in findings))
