"""What predict() takes besides images: pages of a PDF, URLs where they are allowed."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.pipeline.conftest import MakePipeline


def test_urls_only_where_they_are_allowed(
    make_pipeline: MakePipeline, serve_folder: Callable[[Path], str], seal_image: np.ndarray, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "seal.png"), seal_image)
    served = serve_folder(tmp_path)
    pipeline = make_pipeline()
    (refused,) = pipeline.predict(f"{served}/seal.png")
    assert not refused.ok and "allow URLs" in refused["error"]
    pipeline.allow_url = True
    found, missing = pipeline.predict([f"{served}/seal.png?size=full", f"{served}/none.png"])
    assert found.ok and found["input_path"].endswith("?size=full") and not missing.ok and "404" in missing["error"]
    found.save_all(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["seal_res.json", "seal_seal_res_region1.png"]


def test_every_page_of_a_pdf_is_a_result(make_pipeline: MakePipeline, seal_image: np.ndarray, tmp_path: Path) -> None:
    pages = [Image.fromarray(seal_image[:, :, ::-1])] * 3
    pages[0].save(tmp_path / "three.pdf", save_all=True, append_images=pages[1:])
    results = list(make_pipeline().predict(tmp_path / "three.pdf"))
    assert [r["page_index"] for r in results] == [0, 1, 2] and all(len(r.texts) == 2 for r in results)
    results[2].save_all(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["three_2_res.json", "three_2_seal_res_region1.png"]
