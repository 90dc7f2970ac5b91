#!/bin/sh
# Last layer: the image works before it is finished: the example seal is read, and the doctor has no complaint.
#   docker/check.sh ENVIRONMENT
set -eu
bin=$1/bin
"$bin/sealkit" doctor --quick
example=$("$bin/python" -c 'import sealkit, pathlib; print(pathlib.Path(sealkit.__file__).parent / "assets" / "example_seal.png")')
cd "${TMPDIR:-/tmp}"
"$bin/sealkit" infer "$example" --threads 1 --jsonl | "$bin/python" -c '
import json, sys
texts = [text for seal in json.loads(sys.stdin.readline())["seal_res_list"] for text in seal["rec_texts"]]
sys.exit("收款专用章" not in texts and f"the example seal reads {texts}")'
