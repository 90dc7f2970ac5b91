"""`sealkit infer` as a user runs it: a process of its own, outside the repository, with the shipped weights."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from sealkit.pipeline.locate import locate_model
from tests.cli.conftest import CommandLine
from tests.cli.tiny_models import LABELS, layout_folder, orientation_folder, recogniser_folder, unwarping_folder

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "datasets" / "toy" / "images"
STAGES = "SubPipelines.SealOCR.SubModules"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: some images, a PDF, exported models."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copy(TOY / "000000.jpg", folder / "seal.jpg")
    seals = [np.full((360, 360, 3), 255, np.uint8) for _ in range(3)]
    for page, path in zip(seals, sorted(TOY.iterdir())):
        seal = cv2.resize(cv2.imread(str(path)), (320, 320))
        page[20:340, 20:340] = seal
    pages = [Image.fromarray(page[:, :, ::-1]) for page in seals]
    pages[0].save(folder / "three.pdf", save_all=True, append_images=pages[1:], resolution=144)
    layout_folder(folder / "layout")
    orientation_folder(folder / "orientation")
    unwarping_folder(folder / "unwarping")
    recogniser_folder(folder / "few", ["a", "b"], classes=10)
    half = folder / "half"
    half.mkdir()
    shutil.copy(folder / "layout" / "inference.yml", half)
    (folder / "keys.txt").write_text("a\nb\n", encoding="utf-8")
    return folder


@pytest.fixture
def infer(place: Path) -> CommandLine:
    """Runs `sealkit infer …` in the user's folder: exit code, stdout, stderr."""

    def run(*words: object, pipe: str | None = None) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "sealkit", "infer", *map(str, words), "--threads", "1"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        options: dict[str, Any] = {
            "cwd": place,
            "env": environment,
            "text": True,
            "encoding": "utf-8",
        }
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
            if pipe is None:
                out, err = process.communicate(timeout=300)
            else:
                reader = [sys.executable, "-c", pipe]
                out = subprocess.run(
                    reader, stdin=process.stdout, stdout=subprocess.PIPE, timeout=300, check=True, text=True
                ).stdout
                process.wait(300)
                err = process.stderr.read()
        assert "Traceback" not in out + err, err
        return process.returncode, out, err

    return run


def test_a_seal(infer: CommandLine, place: Path) -> None:
    code, out, err = infer("seal.jpg", "--save-path", "out")
    assert (code, err) == (0, "saved to out\n")
    assert out.startswith("seal.jpg\n  seal 1\n") and "收款专用章  " in out and "(purpose)" in out
    assert sorted(p.name for p in (place / "out").iterdir()) == ["seal_res.json", "seal_seal_res_region1.jpg"]
    saved = json.loads((place / "out" / "seal_res.json").read_text(encoding="utf-8"))
    assert "收款专用章" in saved["seal_res_list"][0]["rec_texts"] and saved["input_path"] == "seal.jpg"
    height, width = cv2.imread(str(TOY / "000000.jpg")).shape[:2]
    assert cv2.imread(str(place / "out" / "seal_seal_res_region1.jpg")).shape[0] >= height * 0.8 and width


def test_pages_of_a_pdf_into_a_pipe(infer: CommandLine, place: Path) -> None:
    reader = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    page = json.loads(line)\n"
        "    print(page['page_index'], ascii([text for seal in page['seal_res_list'] for text in seal['rec_texts']]))\n"
    )
    code, out, err = infer("three.pdf", "--jsonl", "--save-path", "pages", pipe=reader)
    assert (code, err) == (0, "")
    pages = dict(line.split(" ", 1) for line in out.splitlines())
    assert list(pages) == ["0", "1", "2"] and ascii("收款专用章")[1:-1] in pages["0"]
    names = sorted(p.name for p in (place / "pages").iterdir())
    assert [n for n in names if n.endswith("json")] == ["three_0_res.json", "three_1_res.json", "three_2_res.json"]
    assert "three_0_seal_res_region1.png" in names


def test_a_folder_with_a_broken_file_and_two_of_one_name(infer: CommandLine, place: Path) -> None:
    folder = place / "scans"
    for part in ("a", "b"):
        (folder / part).mkdir(parents=True)
        shutil.copy(TOY / "000000.jpg", folder / part / "1.jpg")
    (folder / "a" / "2.jpg").write_bytes((TOY / "000000.jpg").read_bytes()[:3000])
    (folder / "notes.txt").write_text("no image")
    code, out, err = infer("scans", "--save-path", "both")
    assert code == 3
    assert out.count("收款专用章") == 2 and "2.jpg" not in out and "notes" not in out + err
    first, second, *rest = [line for line in err.splitlines() if not line.startswith("  next: ")]
    assert first.startswith("scans/a/2.jpg: the image is truncated") and first.count("2.jpg") == 1
    assert second == "scans/b/1.jpg: saved as 1-2_…, another input has the name 1"
    assert rest == ["1 image(s) could not be read", "saved to both"]
    assert sorted(p.name for p in (place / "both").glob("*.json")) == ["1-2_res.json", "1_res.json"]


def test_urls_with_the_flag_and_without(infer: CommandLine, serve_folder: Callable[[Path], str], place: Path) -> None:
    served = serve_folder(place)
    code, out, err = infer(f"{served}/seal.jpg")
    assert (code, out) == (3, "") and "fetching URLs is not allowed" in err and "--allow-url" in err
    code, out, err = infer(f"{served}/seal.jpg", f"{served}/none.jpg", "--allow-url", "--save-path", "fetched")
    assert code == 3 and out.startswith(f"{served}/seal.jpg\n  seal 1\n") and "收款专用章" in out
    assert f"{served}/none.jpg: the server answered 404" in err
    assert (place / "fetched" / "seal_res.json").is_file()


MODULES = {
    "layout": ("PicoDet-S_layout_17cls", "layout", "  seal  [0.0, 0.0, 360.0, 360.0]  0.900"),
    "orientation": ("PP-LCNet_x1_0_doc_ori", "orientation", "  90  "),
    "unwarping": ("UVDoc", "unwarping", "a flattened page of 96 x 128 pixels"),
    "detection": ("PP-OCRv6_small_det", "det", " points from ["),
    "recognition": ("PP-OCRv6_small_rec", "rec", "  收款专用章  "),
}


@pytest.fixture(scope="module")
def module_inputs(place: Path) -> dict[str, str]:
    """Per module an image whose answer is known."""
    page = np.full((128, 96, 3), 230, np.uint8)
    page[:, -16:] = 20  # the head of the page lies on the right: it was turned clockwise by 90 degrees
    page[:20, :20] = (0, 0, 255)
    cv2.imwrite(str(place / "page.png"), page)
    from sealkit.drawing.text import draw_text

    strip = draw_text(np.full((48, 260, 3), 255, np.uint8), "收款专用章", (6, 4, 254, 44))
    cv2.imwrite(str(place / "strip.png"), strip)
    files = {"detection": "seal.jpg", "recognition": "strip.png", "layout": "three.pdf"}
    return {kind: files.get(kind, "page.png") for kind in MODULES}


@pytest.mark.parametrize("kind", MODULES)
def test_one_module_alone(infer: CommandLine, place: Path, module_inputs: dict[str, str], kind: str) -> None:
    name, folder, said = MODULES[kind]
    shipped = {"det": "PP-OCRv6_small_det", "rec": "PP-OCRv6_small_rec"}
    model = locate_model(shipped[folder]).path if folder in shipped else folder
    source = module_inputs[kind]
    code, out, err = infer(source, "--model", name, "--model-dir", model, "--save-path", f"saved {kind}")
    assert (code, err) == (0, f"saved to saved {kind}\n")
    assert said in out, out
    stems = [f"three_{page}" for page in range(3)] if source.endswith("pdf") else [Path(source).stem]
    assert [line for line in out.splitlines() if not line.startswith(" ")] == (
        [f"three.pdf page {page}" for page in (1, 2, 3)] if source.endswith("pdf") else [source]
    )
    saved = sorted(p.name for p in (place / f"saved {kind}").iterdir())
    assert saved == sorted(f"{stem}_res.{end}" for stem in stems for end in ("json", "png"))
    image = cv2.imread(str(place / f"saved {kind}" / f"{stems[0]}_res.png"))
    if kind == "unwarping":  # mirrored: the dark edge is on the left now, the red corner on the right
        assert image[64, 4].max() < 60 and (image[5, -5] == (0, 0, 255)).all()
    else:
        assert image.any()


def test_a_config_with_exported_folders(infer: CommandLine, place: Path) -> None:
    config = yaml.safe_load((ROOT / "configs" / "embedded.yaml").read_text(encoding="utf-8"))
    config["use_layout_detection"], config["use_doc_preprocessor"] = True, True
    config["SubModules"] = {
        "LayoutDetection": {
            "module_name": "layout_detection",
            "model_name": "PicoDet-S_layout_17cls",
            "model_dir": "layout",
        }
    }
    orientation = {"module_name": "doc_text_orientation", "model_name": "PP-LCNet_x1_0_doc_ori"}
    config["SubPipelines"]["DocPreprocessor"] = {
        "pipeline_name": "doc_preprocessor",
        "use_doc_orientation_classify": True,
        "use_doc_unwarping": False,
        "SubModules": {"DocOrientationClassify": {**orientation, "model_dir": str(place / "orientation")}},
    }
    detection = config["SubPipelines"]["SealOCR"]["SubModules"]["TextDetection"]
    del detection["weights"]
    detection["model_dir"] = str(locate_model("PP-OCRv6_small_det").path)
    (place / "my.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    turned = cv2.imread(str(place / "seal.jpg"))
    turned = cv2.resize(turned, (320, 320))
    turned = cv2.copyMakeBorder(turned, 60, 0, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))  # the head of the page
    cv2.imwrite(str(place / "turned.png"), cv2.rotate(turned, cv2.ROTATE_180))
    code, out, err = infer("turned.png", "--pipeline", "my.yaml", "--verbose", "--layout-threshold", "0.4")
    assert code == 0 and "收款专用" in out, out + err
    assert err.count("onnxruntime") + err.count("openvino") == 4 and "LayoutDetection: " in err
    assert "angle 180" in out
    code, out, err = infer("turned.png", "--pipeline", "my.yaml", "--layout-threshold", "0.95", "--jsonl")
    assert code == 0 and json.loads(out)["layout_det_res"]["boxes"] == []


WRONG = [
    (["--model", "PP-OCRv6_small_rec", "--model-dir", "layout"], 7,
     ["layout/inference.yml: the folder is a model of layout_detection, not of text_recognition"]),
    (["-o", f"{STAGES}.TextDetection.model_dir=orientation"], 7,
     ["is a model of doc_text_orientation, not of seal_text_detection", "which model_dir belongs to which module"]),
    (["--model", "PicoDet-L_layout_17cls", "--model-dir", "layout"], 7,
     ["the folder is a PicoDet-S_layout_17cls, not a PicoDet-L_layout_17cls"]),
    (["--model", "PicoDet-S_layout_17cls", "--model-dir", "half"], 7,
     ["half: not a complete inference model, missing: inference.json"]),
    (["--model", "PicoDet-S_layout_17cls", "--model-dir", "nowhere"], 7, ["does not exist (got 'nowhere')"]),
    (["-o", f"{STAGES}.TextRecognition.model_dir=few"], 3, ["10 classes", "2 characters"]),
    (["-o", f"{STAGES}.TextRecognition.charset=keys.txt"], 3,
     ["18710 classes", "2 characters", "the dictionary the weights were trained with"]),
    (["--model", "PP-OCRv6_smal_det"], 2, ["unknown model", "did you mean PP-OCRv6_small_det"]),
    (["--model", "PP-DocLayout-S"], 7, ["no inference model of PP-DocLayout-S", "sealkit download PP-DocLayout-S"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "said"), WRONG, ids=[" ".join(row[0][-2:]) for row in WRONG])
def test_wrong_folders(
    infer: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], code: int, said: list[str]
) -> None:
    monkeypatch.setenv("SEALKIT_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("PADDLE_PDX_CACHE_HOME", str(tmp_path))
    found, out, err = infer("seal.jpg", *words)
    assert (found, out) == (code, ""), err
    assert err.startswith("error: ") and "\n  next: " in err
    for part in said:
        assert part in err, err


def test_labels_of_the_layout_model_end_with_the_seal() -> None:
    assert LABELS[16] == "seal"
