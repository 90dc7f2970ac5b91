"""What tests of several rooms need."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sealkit.engine.mkl import use_avx2


def pytest_configure(config: pytest.Config) -> None:
    """All tests of one run multiply matrices alike, those that start processes and those that do not.

    Goldens of whole networks (`--golden-dir`) were made with MKL's own choice of kernels: BatchNorm in train mode
    amplifies rounding on their filled weights, up to 7e-4 where 1e-4 is allowed.
    """
    if not config.getoption("golden_dir", None):
        use_avx2()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def serve_folder() -> Iterator[Callable[[Path], str]]:
    """Serves a folder's files on this machine until the test ends; returns where."""
    with ExitStack() as stack:

        def serve(folder: Path) -> str:
            handler = partial(_Quiet, directory=str(folder))
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve
