"""The script of docs/deployment.md does to an image what sealkit does, and needs nothing of sealkit."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import yaml

from sealkit.modules.seal_text_detection.preprocess import preprocess as detector_input
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.modules.text_recognition.preprocess import preprocess as recogniser_input

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "examples" / "read_seal_onnx.py"
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
DETECTOR, RECOGNISER = (ROOT / "sealkit" / "assets" / f"PP-OCRv6_small_{kind}.onnx" for kind in ("det", "rec"))
SEAL = ROOT / "sealkit" / "assets" / "example_seal.png"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_seal_onnx", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reader(script: ModuleType) -> Any:
    return script.Reader(str(DETECTOR), str(RECOGNISER))


def meta(path: Path) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return yaml.safe_load(session.get_modelmeta().custom_metadata_map["inference_yml"])


def test_it_imports_three_packages() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"sys", "cv2", "numpy", "onnxruntime"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert f'--8<-- "{SCRIPT.relative_to(ROOT).as_posix()}"' in PAGE


def test_its_numbers_are_those_of_the_shipped_models(script: ModuleType) -> None:
    det, rec = meta(DETECTOR), meta(RECOGNISER)
    post, crop = det["Sealkit"]["postprocess"], det["Sealkit"]["crop"]
    assert (
        post["thresh"],
        post["box_thresh"],
        post["unclip_ratio"],
    ) == (script.THRESH, script.BOX_THRESH, script.UNCLIP)
    assert crop["side"] == script.SIDE and f"{crop['margin']:g} of the seal's size" in PAGE
    assert f"long side {crop['side']}; whole image: long side {det['Sealkit']['resize']['limit_side_len']}" in PAGE
    shape = next(op["RecResizeImg"]["image_shape"] for op in rec["PreProcess"]["transform_ops"] if "RecResizeImg" in op)
    assert shape[1:] == [script.HEIGHT, script.LEAST_WIDTH]


@pytest.mark.parametrize("size", [(300, 300), (211, 407), (90, 600), (1200, 800)])
def test_inputs_equal_sealkits(script: ModuleType, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    ours, _ = detector_input(image, DetResizeSettings(limit_side_len=script.SIDE, limit_type="resize_long"))
    theirs = script.detector_input(image)
    assert theirs.shape[1:] == ours.shape and np.abs(theirs[0] - ours).max() < 1e-5
    strip = image[:48]
    assert np.abs(script.recogniser_input(strip)[0] - recogniser_input(strip)).max() < 1e-5


def test_ctc(script: ModuleType) -> None:
    rows = np.eye(4)[[0, 1, 1, 0, 1, 2, 3, 0]] * 0.8
    assert script.ctc_text(rows, ["", "a", "b", " "]) == ("aab ", pytest.approx(0.8))
    assert script.ctc_text(np.eye(4)[[0, 0]], ["", "a", "b", " "]) == ("", 0.0)


def test_an_upside_down_arc_is_straightened_the_right_way(script: ModuleType) -> None:
    """Tops inwards, as on the lower half of a ring that is read from left to right: anticlockwise."""
    angle = np.linspace(0.25 * np.pi, 0.75 * np.pi, 400)  # the lower side of a circle; y points down
    out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([radius * out + 100 for radius in range(60, 71)])
    up = np.tile(-out, (11, 1))
    grid = script.reading_grid(points, up, 1.0)
    assert grid[24, 0, 0] < 100 < grid[24, -1, 0]  # begins on the left
    assert np.linalg.norm(grid[0, 10] - 100) < np.linalg.norm(grid[-1, 10] - 100)  # the top edge is the inner one
    assert abs(np.linalg.norm(grid[24, 50] - 100) - 65) < 1


def test_it_reads(reader: Any, tmp_path: Path) -> None:
    assert "收款专用章" in [text for text, _ in reader(cv2.imread(str(SEAL)))]
    found = wanted = 0
    for line in (ROOT / "datasets" / "toy" / "train.txt").read_text(encoding="utf-8").splitlines()[:12]:
        name, labels = line.split("\t")
        texts = [text for text, _ in reader(cv2.imread(str(ROOT / "datasets" / "toy" / name)))]
        asked = [label["transcription"] for label in json.loads(labels) if label["transcription"] != "###"]
        found, wanted = found + sum(text in texts for text in asked), wanted + len(asked)
    assert found >= 0.25 * wanted > 5


def test_its_command_line(tmp_path: Path) -> None:
    seal = tmp_path / "印.png"
    seal.write_bytes(SEAL.read_bytes())
    command = [sys.executable, "-I", str(SCRIPT), str(DETECTOR), str(RECOGNISER), str(seal)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120)
    assert re.search(r"^  收款专用章  [01]\.\d{3}$", done.stdout, re.MULTILINE)


def test_the_openvino_lines(script: ModuleType) -> None:
    pytest.importorskip("openvino")
    (code,) = re.findall(r"## OpenVINO.*?```python\n(.*?)```", PAGE, re.DOTALL)
    held: dict[str, Any] = {}
    exec(code.replace("runs/det/inference/inference.onnx", str(DETECTOR)), held)
    assert held["maps"].shape == (1, 4, script.SIDE, script.SIDE)


def test_the_comparison_with_edge_engines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its inputs and texts are those of sealkit; the engine is a stand-in, an output of it is changed."""
    spec = importlib.util.spec_from_file_location("compare_edge", SCRIPT.with_name("compare_edge.py"))
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    strips = sorted((ROOT / "datasets" / "toy_strips" / "images").glob("train_00000*"))[:2]
    image = cv2.imread(str(strips[0]))
    ours = recogniser_input(image)
    np.testing.assert_allclose(script.network_input(image, 48, ours.shape[2], "rec")[0], ours, atol=0.02)
    session = onnxruntime.InferenceSession(str(RECOGNISER), providers=["CPUExecutionProvider"])

    def engine(path: str, names: tuple[str, str], shape: tuple[int, ...]) -> Any:
        def run(given: np.ndarray) -> np.ndarray:
            output = session.run(None, {names[0]: given})[0]
            assert output.shape == shape
            return output if path == "same.mnn" else np.roll(output, 1, axis=2)

        return run

    class Fixed:
        """The shipped recogniser with one size, as `sealkit export --shape` writes it."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.run, self.get_outputs, self.get_modelmeta = session.run, session.get_outputs, session.get_modelmeta

        def get_inputs(self) -> list[Any]:
            return [types.SimpleNamespace(name="x", shape=[1, 3, 48, 320])]

    monkeypatch.setattr(script.onnxruntime, "InferenceSession", Fixed)
    monkeypatch.setattr(script, "mnn", engine)
    script.main(str(RECOGNISER), "same.mnn", *map(str, strips))
    assert "differs by 0.0e+00 at most" in (told := capsys.readouterr().out) and "equal texts: 2 of 2" in told
    script.main(str(RECOGNISER), "rolled.mnn", *map(str, strips))
    assert "equal texts: 0 of 2" in capsys.readouterr().out
