#!/usr/bin/env bash
# Tests against the lowest versions that pyproject.toml allows, in a venv of its own: tools/test_lowest.sh [pytest arguments]
# Slow: it installs everything anew. uv resolves; without it, it is put into the venv. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=${LOWEST_VENV:-.venv-lowest}
PYTHON=${PYTHON:-python3}
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
[ -x "$VENV/bin/uv" ] || "$VENV/bin/python" -m pip install --quiet uv
# Not the extra `dev`: it pins the Paddle that results are reproduced on.
"$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --resolution lowest-direct \
  -e '.[train,onnx,openvino,embedded,pdf,serve]' 'pytest>=8' 'hypothesis>=6.100' 'httpx>=0.27' 'psutil>=5.9' 'pytest-xdist>=3.5' 'import-linter>=2.1' 'setuptools>=77,<82' 'packaging>=24.2'
# Wheels with weights; what they depend on is not needed.
read -ra WHEELS <<<"${WHEELS:-$(sed -n 's/^WHEELS ?= //p' Makefile)}"
"$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --no-deps "${WHEELS[@]}"
"$VENV/bin/uv" pip list --quiet --python "$VENV/bin/python"
exec "$VENV/bin/python" -m pytest -q -m 'not slow and not paddlex and not network and not browser' "$@"
