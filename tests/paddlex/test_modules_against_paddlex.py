"""Folders that sealkit exports, module by module, in sealkit and in paddlex 3.7.2 on the same pages.

Weights are drawn, not trained: BatchNorm statistics are those of the pages and the last layers are scaled, so that
scores spread over the thresholds and differ from page to page. See test_against_paddlex.py for the environment.
"""

import ast
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle
import pytest

import sealkit
from sealkit import api, zoo
from sealkit.data.labels.coco import TRAIN, VAL
from sealkit.engine.task import Task
from sealkit.export.model import export_model
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.synth.seals.lines import write_line_set
from sealkit.weights.loading import network_arrays
from sealkit.weights.sources import resolve
from tests.modules.layout_detection.conftest import draw_set

pytestmark = pytest.mark.paddlex
PAGES = 5
SIDE = 420
THEIRS = """
import ast, json, sys
import numpy as np
from paddlex import create_model
name, folder, out, calls, *pages = sys.argv[1:]
answers = []
for given, options in ast.literal_eval(calls):
    model = create_model(name, model_dir=folder, device="cpu", **given)
    answers.append([])
    for result in model.predict(pages, **options):
        answers[-1].append({k: v for k, v in result.items() if k not in ("input_path", "page_index", "input_img")})
plain = lambda v: v.tolist() if isinstance(v, np.ndarray) else v.item() if isinstance(v, np.generic) else str(v)
with open(out, "w") as file:
    json.dump(answers, file, default=plain)
"""


@pytest.fixture(scope="session")
def page_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("pages") / "set", PAGES, SIDE)


@pytest.fixture(scope="session")
def pages(page_root: Path) -> list[str]:
    """Drawn pages of two sizes; the first is blank."""
    return [str(page_root / "images" / f"{number}.png") for number in range(PAGES)]


def theirs(python: str, tmp_path: Path, name: str, folder: Path, calls: list[Any], pages: list[str]) -> list[Any]:
    """Answers of paddlex, one list per call (options of create_model, options of predict)."""
    out = tmp_path / "theirs.json"
    assert ast.literal_eval(repr(calls)) == calls
    done = subprocess.run(
        [python, "-c", THEIRS, name, str(folder), str(out), repr(calls), *pages],
        capture_output=True, text=True, env={**os.environ, "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())


def settle(net: paddle.nn.Layer, inputs: np.ndarray) -> None:
    """BatchNorm statistics of these images."""
    for layer in net.sublayers():
        if hasattr(layer, "_momentum"):
            layer._momentum = 0.0
    net.train()
    with paddle.no_grad():
        net(paddle.to_tensor(inputs))
    net.eval()


def spread(
    net: paddle.nn.Layer, layers: Sequence[paddle.nn.Layer], inputs: np.ndarray, mean: float, std: float
) -> None:
    """Scale layers so that their outputs have this mean and spread, on these images, one after another."""
    for layer in layers:
        seen: list[paddle.Tensor] = []
        hook = layer.register_forward_post_hook(lambda layer, given, made, seen=seen: seen.append(made))
        with paddle.no_grad():
            net(paddle.to_tensor(inputs))
        hook.remove()
        made = seen[0].numpy()
        axes = (0, 2, 3) if made.ndim == 4 else tuple(range(made.ndim - 1))
        factor = std / made.std(axis=axes).mean()
        layer.weight.set_value(layer.weight * factor)
        layer.bias.set_value((layer.bias.numpy() - made.mean(axis=axes)) * factor + np.float32(mean))


def task_inputs(task: Task, count: int) -> np.ndarray:
    """Images as the task's evaluation feeds them."""
    source = task.eval_samples()
    return np.stack([source.get(number, 0, np.random.default_rng(0))["image"] for number in range(count)])


@pytest.fixture(scope="session")
def layout_folder(tmp_path_factory: pytest.TempPathFactory, page_root: Path) -> Callable[..., Path]:
    """Folder of a layout model, exported from drawn weights; made once per model."""
    made = {}

    def make(name: str, recipe: str, size: list[int]) -> Path:
        if name not in made:
            overrides = {
                "data.train": [{"root": str(page_root), "labels": TRAIN}],
                "data.val": [{"root": str(page_root), "labels": VAL}],
                "data.classes": list(CLASSES[name]),
                "resize.target_size": size, "postprocess.score_threshold": 0.1,
            }  # fmt: skip
            task: Any = zoo.make_task(api.load(recipe, overrides).settings)
            paddle.seed(5)
            net = task.build_network()
            inputs = task_inputs(task, 3)
            settle(net, inputs[1:])
            if task.family == "picodet":
                spread(net, net.head.head_cls_list, inputs, -1.5, 1.5)
                spread(net, net.head.head_reg_list, inputs, 0.0, 1.0)
            else:
                spread(net, [net.transformer.enc_score_head, net.transformer.dec_score_head[-1]], inputs, -1.0, 1.0)
            folder = tmp_path_factory.mktemp("layout") / "inference"
            export_model(task, network_arrays(net), folder, onnx=False, images=2)
            made[name] = folder
        return made[name]

    return make


def gap(scores: np.ndarray, count: int) -> float:
    """A threshold that about `count` of the scores exceed, in the middle of the widest gap near there."""
    ranked = np.sort(np.asarray(scores, float))[::-1]
    near = range(max(count - 5, 0), min(count + 5, len(ranked) - 1))
    best = max(near, key=lambda i: ranked[i] - ranked[i + 1])
    return round(float(ranked[best] + ranked[best + 1]) / 2, 6)


def layout_calls(rows: list[np.ndarray], classes: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Options of create_model and predict: each kind of threshold, suppression, enlargement and merging."""
    scores = np.concatenate([page[:, 1] for page in rows])
    limit = gap(scores, 60)
    by_class = {}
    for number in range(classes):
        of_class = np.concatenate([page[page[:, 0] == number, 1] for page in rows])
        by_class[number] = gap(of_class, 20) if len(of_class) > 30 else limit
    return [
        ({}, {"threshold": limit}),
        ({"threshold": limit, "layout_nms": True}, {"batch_size": 2}),
        ({"threshold": limit}, {"layout_unclip_ratio": (1.2, 0.9), "layout_merge_bboxes_mode": "large"}),
        ({}, {"threshold": by_class, "layout_nms": True, "layout_unclip_ratio": 1.1}),
        (
            {},
            {
                "threshold": limit,
                "layout_merge_bboxes_mode": "small",
                "layout_unclip_ratio": {0: (1.3, 1.1), 2: (0.8, 0.8)},
            },
        ),
        ({"layout_merge_bboxes_mode": {0: "large", 1: "small", 2: "union"}}, {"threshold": limit, "layout_nms": True}),
    ]


@pytest.mark.parametrize(
    ("name", "recipe", "size", "calls"),
    [
        ("PicoDet-S_layout_3cls", "layout_picodet_s_3cls", [480, 480], slice(None)),
        ("PP-DocLayout-L", "layout_doclayout_l", [256, 320], slice(2, 4)),
    ],
)
def test_layout(
    paddlex_python: str,
    tmp_path: Path,
    layout_folder: Callable[..., Path],
    pages: list[str],
    name: str,
    recipe: str,
    size: list[int],
    calls: slice,
) -> None:
    folder = layout_folder(name, recipe, size)
    detector = sealkit.create_model(name, folder, engine="paddle", device="cpu", threads=1)
    rows = detector.detections([cv2.imread(page) for page in pages])
    wanted = layout_calls(rows, len(detector.labels))[calls]
    others = theirs(paddlex_python, tmp_path, name, folder, wanted, pages)
    seen = set()
    for (given, options), other in zip(wanted, others):
        model = sealkit.create_model(name, folder, engine="paddle", device="cpu", threads=1, **given)
        mine = [result["boxes"] for result in model.predict(pages, **options)]
        where = f"{given} {options}"
        assert sum(map(len, mine)) >= PAGES and len(other) == PAGES, where
        for page, ours, answer in zip(pages, mine, other):
            compare_boxes(ours, answer["boxes"], f"{where} on {Path(page).name}")
        seen.add(json.dumps(mine))
    assert len(seen) == len(wanted)  # every combination changes something


def compare_boxes(ours: list[dict[str, Any]], others: list[dict[str, Any]], where: object) -> None:
    assert [box["label"] for box in ours] == [box["label"] for box in others], where
    assert [box["cls_id"] for box in ours] == [box["cls_id"] for box in others], where
    for mine, other in zip(ours, others):
        assert list(mine) == list(other), where
        assert abs(mine["score"] - other["score"]) <= 0.005, where
        assert np.abs(np.subtract(mine["coordinate"], other["coordinate"])).max() <= 1, where


def test_orientation(paddlex_python: str, tmp_path: Path, page_root: Path, pages: list[str]) -> None:
    name, upright = "PP-LCNet_x1_0_doc_ori", {"root": str(page_root / "images"), "labels": None, "upright": True}
    task = zoo.make_task(api.load("doc_ori", {"data.train": [upright], "data.val": [upright]}).settings)
    paddle.seed(5)
    net = task.build_network()
    inputs = task_inputs(task, 4 * PAGES)
    settle(net, inputs)
    spread(net, [net.fc], inputs, 0.0, 2.0)
    export_model(task, network_arrays(net), tmp_path / "inference", onnx=False, images=2)
    turned = []
    for number, page in enumerate(pages):
        turned.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(turned[-1], turn(cv2.imread(page), -90 * (number % 4)))
    calls: list[Any] = [({}, {"topk": 1}), ({}, {"topk": 4, "batch_size": 2})]
    others = theirs(paddlex_python, tmp_path, name, tmp_path / "inference", calls, turned)
    model = sealkit.create_model(name, tmp_path / "inference", engine="paddle", device="cpu", threads=1)
    for (_, options), other in zip(calls, others):
        mine = list(model.predict(turned, **options))
        assert len(mine) == len(other) == PAGES
        for number, (ours, answer) in enumerate(zip(mine, other)):
            # there each result has the ids of its whole batch, a slip of that version: other fields have their own
            row = answer["class_ids"][number % options.get("batch_size", 1)]
            assert ours["class_ids"].tolist() == row and len(row) == options["topk"]
            assert ours["label_names"] == answer["label_names"]
            np.testing.assert_allclose(ours["scores"], answer["scores"], atol=0.005)
    assert len({answer["label_names"][0] for answer in others[0]}) > 1  # the pages are told apart


def test_recogniser_with_its_charset(paddlex_python: str, tmp_path: Path) -> None:
    """The imported PP-OCRv6_small_rec, exported here: texts of drawn strips, in batches and one by one."""
    name = "PP-OCRv6_small_rec"
    strips = tmp_path / "strips"
    write_line_set(strips, 12, 7, "val.txt")
    recipe = {"network.form": "fused", "network.auxiliary_head": "none", "weights.init": "rapidocr", "dictionary": None}
    task = zoo.make_task(
        api.load("rec_v6_small", {**recipe, "data.val": [{"root": str(strips), "labels": "val.txt"}]}).settings
    )
    net = task.build_network()
    task.load_weights(net, resolve("rapidocr", name))
    export_model(task, network_arrays(net), tmp_path / "inference", onnx=False, images=2)
    images = sorted(str(path) for path in strips.rglob("*.png")) or sorted(str(p) for p in strips.rglob("*.jpg"))
    assert len(images) == 12
    calls: list[Any] = [({}, {"batch_size": 1}), ({}, {"batch_size": 5})]
    others = theirs(paddlex_python, tmp_path, name, tmp_path / "inference", calls, images)
    model = sealkit.create_model(name, tmp_path / "inference", engine="paddle", device="cpu", threads=1)
    mine = [list(model.predict(images, **options)) for _, options in calls]
    assert [ours["rec_text"] for ours in mine[0]] == [ours["rec_text"] for ours in mine[1]]
    for ours, answer in zip(mine[0], others[0]):
        assert ours["rec_text"] == answer["rec_text"] and len(ours["rec_text"]) > 1
        assert abs(ours["rec_score"] - answer["rec_score"]) <= 0.005
