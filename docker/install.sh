#!/bin/sh
# Layer 1: a virtual environment with sealkit and what its service needs.
#   docker/install.sh TARGET [SOURCE]         TARGET: where the environment goes; SOURCE: a checkout (default: this one)
# Environment: PYTHON (default python3), EXTRAS (default onnx,serve), CONSTRAINTS (default docker/constraints.txt).
# Runs anywhere with Python: tests/surroundings/test_docker.py runs it without Docker.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=$1
source=${2:-$(dirname "$here")}
extras=${EXTRAS:-onnx,serve}
constraints=${CONSTRAINTS:-$here/constraints.txt}

"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
  --constraint "$constraints" "$source[$extras]"
"$target/bin/python" -m pip uninstall --quiet --yes --disable-pip-version-check pip
find "$target" -type d \( -name __pycache__ -o -name tests -o -name test \) -prune -exec rm -rf {} +
# compiled once here: a container without a writable disk would compile at every start
"$target/bin/python" -m compileall -q "$target/lib" || true # templates of some packages are no Python
