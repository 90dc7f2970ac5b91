"""PDF pages are drawn in a process of their own: what a file does to it costs that page and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sealkit.images import iter_images, pdf, pdf_child, write_image
from sealkit.images.pdf import PdfLimits
from tests.images.hostile_pdfs import BOMB, SQUARE, nested_forms, pages

LITTLE = PdfLimits(memory=200 << 20, seconds=30)
SMALL = 1_000_000
"""max_pixels: the pixels of the largest page count as memory."""


def drawers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "pdf_child" in " ".join(child.cmdline())]


def messages(records: Sequence[object]) -> list[str]:
    return [str(getattr(record, "error", "")) for record in records]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux")
def test_a_form_that_draws_itself_costs_its_file_and_the_rest_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pages(BOMB))
    (tmp_path / "b.pdf").write_bytes(nested_forms())
    (tmp_path / "c.pdf").write_bytes(pages(SQUARE))
    write_image(tmp_path / "d.png", np.zeros((5, 5, 3), np.uint8))
    records = list(iter_images(tmp_path, pdf_limits=LITTLE, max_pixels=SMALL))
    assert [Path(str(record.input_path)).name for record in records] == ["a.pdf", "b.pdf", "c.pdf", "d.png"]
    assert "a.pdf page 1: the page cannot be rendered within 203 MB of memory and 30 s" in messages(records)[0]
    assert "cannot be rendered within" in messages(records)[1]
    assert records[2].image is not None and records[2].image[150, 60].tolist() == [255, 0, 0]
    assert records[3].image is not None
    assert drawers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux")
def test_pages_after_a_bomb_are_drawn_and_a_file_of_bombs_is_given_up() -> None:
    records = list(iter_images(pages(SQUARE, BOMB, SQUARE), pdf_limits=LITTLE, max_pixels=SMALL))
    assert [record.image is None for record in records] == [False, True, False]
    assert [record.page_index for record in records] == [0, 1, 2]
    limits = PdfLimits(memory=200 << 20, crashes=2)
    records = list(iter_images(pages(*[BOMB] * 5), pdf_limits=limits, max_pixels=SMALL))
    assert [record.page_index for record in records] == [0, 1, None]
    assert "2 pages could not be rendered within the limits; the remaining pages are skipped" in messages(records)[2]


def test_a_page_that_takes_too_long_is_ended() -> None:
    slow = nested_forms(depth=7)
    records = list(iter_images([slow, pages(SQUARE)], pdf_limits=PdfLimits(seconds=0.4), max_pixels=SMALL))
    assert "not ready after 0.4 s" in messages(records)[0]
    assert drawers() == []


def test_one_process_draws_all_files_of_a_run_and_ends_with_it() -> None:
    two = pages(SQUARE, SQUARE)
    run: Any = iter_images([two, two, two])
    seen = set()
    for _ in range(5):
        assert next(run).image is not None
        seen |= {child.pid for child in drawers()}
    assert len(seen) == 1
    run.close()
    assert drawers() == []


@pytest.mark.parametrize(
    "lie",
    [
        "struct.pack('<cIIB', b'I', 60000, 60000, 3)",  # 10.8 GB
        "struct.pack('<cIIB', b'I', 10, 10, 200)",
        "struct.pack('<cIIB', b'S', 60000, 60000, 3)",
        "struct.pack('<cIIB', b'S', 0, 0, 3)",
        "struct.pack('<cBI', b'E', 0, 4_000_000_000) + b'x' * 5000",
        "b'I'",
        "b'?'",
    ],
)
def test_what_the_process_answers_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """A file that has taken the drawing process over cannot make the parent allocate, wait or break."""
    child = tmp_path / "child.py"
    child.write_text(
        "import struct, sys\n"
        "read, out = sys.stdin.buffer.read, sys.stdout.buffer\n"
        "read(1); read(struct.unpack('<Q', read(8))[0]); out.write(struct.pack('<cI', b'N', 1)); out.flush()\n"
        f"read(33); out.write({lie}); out.flush()\n"
    )
    monkeypatch.setattr(pdf_child, "__file__", str(child))
    before = psutil.Process().memory_info().rss
    records = list(iter_images([pages(SQUARE), np.zeros((4, 4, 3), np.uint8)], max_pixels=SMALL))
    assert len(records) >= 2 and records[0].error is not None and records[-1].image is not None
    assert psutil.Process().memory_info().rss - before < 50_000_000
    assert drawers() == []


def drawn(count: int = 2) -> list[np.ndarray]:
    records = list(iter_images(pages(*[SQUARE] * count), max_pixels=SMALL))
    assert messages(records) == ["None"] * count
    return [record.image for record in records if record.image is not None]


@pytest.mark.skipif(sys.platform != "linux", reason="memory without a name is Linux'")
def test_pages_come_through_shared_memory_and_where_there_is_none_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run: Any = iter_images(pages(SQUARE, SQUARE), max_pixels=SMALL)
    assert next(run).image is not None
    files = Path(f"/proc/{drawers()[0].pid}/fd").iterdir()
    assert any("memfd:sealkit-pdf" in os.readlink(file) for file in files)
    run.close()
    shared = drawn()
    monkeypatch.setattr(pdf, "_KEPT", 0)  # pages are given back
    returned = drawn()
    monkeypatch.setattr(pdf, "_shared_memory", lambda size: -1)
    for images in (returned, drawn()):
        assert all(np.array_equal(left, right) for left, right in zip(shared, images, strict=True))
    assert shared[0][150, 60].tolist() == [255, 0, 0] and not np.shares_memory(shared[0], shared[1])


@pytest.mark.skipif(sys.platform != "linux", reason="memory without a name is Linux'")
def test_shared_memory_keeps_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader behind its end would be ended by the system (SIGBUS)."""
    child = tmp_path / "child.py"
    child.write_text(
        "import os, struct, sys\n"
        "read, out = sys.stdin.buffer.read, sys.stdout.buffer\n"
        "read(1); read(struct.unpack('<Q', read(8))[0]); out.write(struct.pack('<cI', b'N', 1)); out.flush()\n"
        "read(33)\n"
        "try:\n    os.ftruncate(int(sys.argv[4]), 0)\n"
        "except OSError:\n    out.write(struct.pack('<cIIB', b'S', 1000, 1000, 3))\n"
    )
    monkeypatch.setattr(pdf_child, "__file__", str(child))
    (record,) = iter_images(pages(SQUARE), max_pixels=SMALL)
    assert record.image is not None and not record.image.any()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of a terminal")
def test_ctrl_c_of_the_terminal_does_not_end_the_drawing_process() -> None:
    """The parent decides; a page that happened to be under way must not look damaged."""
    import signal

    run: Any = iter_images([pages(SQUARE), pages(SQUARE)])
    assert next(run).image is not None
    (child,) = drawers()
    child.send_signal(signal.SIGINT)
    assert next(run).image is not None
    run.close()
