"""The environment with paddlex."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def paddlex_python() -> str:
    python = os.environ.get("SEALKIT_PADDLEX_PYTHON")
    if not python or not Path(python).is_file():
        pytest.fail("no environment with paddlex: run `make test-paddlex`, or name one in SEALKIT_PADDLEX_PYTHON")
    return python
