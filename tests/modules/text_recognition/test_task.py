"""The recogniser's Task: what the loop asks, answered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import yaml

from sealkit.charset import Charset
from sealkit.engine.step import to_arrays
from sealkit.engine.task import StepState
from sealkit.errors import CharsetError, ConfigError, DataError
from sealkit.export.evaluation import metric_name
from sealkit.modules.text_recognition.settings import TextRecognitionRecipe
from sealkit.modules.text_recognition.task import TextRecognitionTask
from sealkit.weights.checkpoint import Checkpoint, save_checkpoint
from sealkit.weights.loading import network_arrays
from tests.modules.text_recognition.conftest import TEXTS, write_set

Make = Callable[..., TextRecognitionRecipe]
BOTH = {"form": "fused", "auxiliary_head": "official", "steps": "width"}


def tensors(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: paddle.to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}


def train_batch(task: TextRecognitionTask, count: int = 2) -> dict[str, Any]:
    source = task.train_samples()
    samples = [{**source.get(i, 0, np.random.default_rng(i)), "index": i} for i in range(count)]
    return tensors(task.collate(samples))


def eval_batch(task: TextRecognitionTask, count: int = 3) -> dict[str, Any]:
    source = task.eval_samples()
    return task.collate([{**source.get(i, 0, np.random.default_rng(0)), "index": i} for i in range(count)])


def sure(task: TextRecognitionTask, texts: list[str]) -> Any:
    """Probabilities of a network that reads these texts."""
    steps = 2 * max(map(len, texts)) + 1
    probabilities = np.zeros((len(texts), steps, task.charset.num_classes), np.float32)
    for row, text in zip(probabilities, texts):
        row[:, 0] = 1
        for place, number in enumerate(task.charset.encode(text)):
            row[2 * place + 1] = np.eye(task.charset.num_classes, dtype=np.float32)[number]
    return {"probabilities": probabilities}


@pytest.mark.parametrize(
    ("model", "parts"),
    [("PP-OCRv6_tiny_rec", {"loss_ctc", "loss_nrtr"}), ("en_PP-OCRv3_mobile_rec", {"loss_ctc", "loss_sar"})],
)
def test_two_steps_lower_the_loss(make_recipe: Make, model: str, parts: set[str]) -> None:
    task = TextRecognitionTask(make_recipe(model=model, network=BOTH, augment=[]))
    paddle.seed(0)
    net = task.build_network()
    net.train()
    optimiser = paddle.optimizer.Adam(1e-3, parameters=net.parameters())
    totals = []
    for _ in range(4):
        batch = train_batch(task)
        losses = task.loss(task.forward(net, batch, StepState()), batch, StepState())
        assert set(losses) == parts
        total = sum(losses.values())
        total.backward()
        optimiser.step()
        optimiser.clear_grad()
        totals.append(float(total))
    assert np.isfinite(totals).all() and totals[-1] < totals[0]


def test_the_auxiliary_head_is_switched_off_by_name(make_recipe: Make) -> None:
    task = TextRecognitionTask(make_recipe())
    net = task.build_network()
    assert task.auxiliary_head is None and net.auxiliary_head is None
    net.train()
    batch = train_batch(task)
    assert "label_nrtr" not in batch
    assert set(task.loss(task.forward(net, batch, StepState()), batch, StepState())) == {"loss_ctc"}
    assert task.checkpoint_extras()["auxiliary_head"] is False


def test_evaluation_decodes_to_records(make_recipe: Make) -> None:
    task = TextRecognitionTask(make_recipe())
    batch = eval_batch(task)
    truth = list(batch["gt"])
    records = task.decode(sure(task, [truth[0], truth[1], "SEAL"]), batch)
    assert pickle.loads(pickle.dumps(records)) == records
    assert [record["pred"] for record in records] == [truth[0], truth[1], "SEAL"]
    metric = task.metric()
    metric.add(records)
    metrics = metric.compute()
    assert metrics["acc"] == pytest.approx(2 / 3, abs=1e-4) and metrics["acc/shape=circle"] == metrics["acc"]
    net = task.build_network()
    net.eval()
    with paddle.no_grad():
        made = to_arrays(task.forward(net, tensors(batch), StepState(training=False)))
    assert np.allclose(made["probabilities"].sum(axis=2), 1, atol=1e-4)
    assert len(task.decode(made, batch)) == 3


def test_the_metric_says_its_options(make_recipe: Make) -> None:
    recipe = make_recipe()
    assert metric_name(TextRecognitionTask(recipe), recipe) == "acc (preprocess=pipeline, spaces=kept)"
    recipe = make_recipe(metric={"ignore_space": True}, eval={"preprocess": "official"})
    assert metric_name(TextRecognitionTask(recipe), recipe) == "acc (preprocess=official, spaces=dropped)"


def test_right_to_left_scripts_are_read_in_reading_order(make_recipe: Make, tmp_path: Path) -> None:
    write_set(tmp_path, "train.txt", ("XY",))
    (tmp_path / "train.txt").write_text("images/train_0.png\tثج 12\n", encoding="utf-8")
    sets = [{"root": str(tmp_path), "labels": "train.txt"}]
    task = TextRecognitionTask(
        make_recipe(model="arabic_PP-OCRv3_mobile_rec", data={"train": sets, "val": sets}, augment=[])
    )
    sample = task.train_samples().get(0, 0, np.random.default_rng(0))
    assert task.charset.decode(sample["label_ctc"][: sample["length"]]) == " 12جث"
    (record,) = task.decode(sure(task, [" 12جث"]), eval_batch(task, 1))
    assert record["pred"] == record["gt"] == "ثج 12"


def test_inference_spec_is_what_paddlex_reads(make_recipe: Make) -> None:
    task = TextRecognitionTask(make_recipe())
    spec = yaml.safe_load(yaml.safe_dump(dict(task.inference_spec()), allow_unicode=True))
    assert spec["Global"]["model_name"] == "PP-OCRv6_tiny_rec"
    assert [next(iter(op)) for op in spec["PreProcess"]["transform_ops"]] == ["DecodeImage", "RecResizeImg"]
    assert spec["PostProcess"]["name"] == "CTCLabelDecode"
    assert spec["PostProcess"]["character_dict"] == list(task.charset.characters)
    assert all(isinstance(character, str) for character in spec["PostProcess"]["character_dict"])


def saved(task: TextRecognitionTask, folder: Path) -> dict[str, np.ndarray]:
    """A checkpoint of a fresh network; its arrays."""
    paddle.seed(1)
    arrays = network_arrays(task.build_network())
    save_checkpoint(folder, Checkpoint(weights=arrays, extras=task.checkpoint_extras()))
    return arrays


def test_a_checkpoint_brings_its_charset(make_recipe: Make, tmp_path: Path) -> None:
    old = TextRecognitionTask(make_recipe())
    saved(old, tmp_path / "c")
    task = TextRecognitionTask(make_recipe(dictionary="codec:ascii"))
    assert task.charset.num_classes == 96
    task.restore(old.checkpoint_extras())
    assert task.charset.hash == old.charset.hash
    task.restore({"character_dict": ["a", "b"], "where": "inference.yml"})
    assert task.charset.characters == ("a", "b")


@pytest.mark.parametrize(
    "network",
    [{"form": "fused", "auxiliary_head": "none"}, BOTH],
    ids=["without auxiliary head", "with auxiliary head"],
)
def test_rows_follow_their_characters(make_recipe: Make, tmp_path: Path, network: dict[str, Any]) -> None:
    arrays = saved(TextRecognitionTask(make_recipe(network=network)), tmp_path / "c")
    dictionary = tmp_path / "dict.txt"
    dictionary.write_text(
        "印\n" + "".join(f"{c}\n" for c in sorted({c for t in TEXTS for c in t} - {" "}, reverse=True))
    )
    changes = {"weights": {"init": str(tmp_path / "c")}, "dictionary": str(dictionary), "network": network}
    with pytest.raises(CharsetError, match="charset: union"):
        _ = TextRecognitionTask(make_recipe(**changes)).charset
    task = TextRecognitionTask(make_recipe(**changes, charset="new"))
    net = task.build_network()
    report = task.load_weights(net, str(tmp_path / "c"))
    assert "1 characters new" in report.summary() and report.coverage == 1
    made = network_arrays(net)
    old = Charset.from_dict(TextRecognitionTask(make_recipe()).charset.to_dict())
    for character in ("S", "7", " "):
        a, b = old.index[character], task.charset.index[character]
        assert a != b
        for name, axis, shift in (
            ("head.ctc_head.fc2.weight", 1, 0),
            ("head.gtc_head.embedding.embedding.weight", 0, 3),
            ("head.gtc_head.tgt_word_prj.weight", 1, 3),
        ):
            if name in made:
                before, after = np.take(arrays[name], a + shift, axis), np.take(made[name], b + shift, axis)
                assert np.array_equal(before, after), (name, character)


def test_weights_of_other_width_than_their_dictionary_are_refused(make_recipe: Make, tmp_path: Path) -> None:
    task = TextRecognitionTask(make_recipe())
    save_checkpoint(tmp_path / "c", Checkpoint(weights=network_arrays(task.build_network()), extras={}))
    other = TextRecognitionTask(make_recipe(weights={"init": str(tmp_path / "c")}, dictionary="codec:ascii"))
    with pytest.raises(CharsetError, match="needs 96"):
        other.load_weights(other.build_network(), str(tmp_path / "c"))


def test_unknown_characters_stop_a_run_unless_the_recipe_says_what_to_do(make_recipe: Make, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("".join(f"{c}\n" for c in "SEALOKCTDN72"))
    few = str(tmp_path / "few.txt")
    with pytest.raises(DataError, match=r"14 characters of the training labels .* charset few: 'B' ×4 \(train"):
        TextRecognitionTask(make_recipe(dictionary=few)).train_samples()
    task = TextRecognitionTask(make_recipe(dictionary=few, labels={"unknown": "line"}))
    source = task.train_samples()
    assert 0 < len(source) < len(TEXTS)
    said = " ".join(task.warnings())
    assert "characters without a class" in said and "validation labels are not in the charset" in said
    info = task.data_info()
    assert info["train"][0]["used"] == len(source) and sum(info["train"][0]["left_out"].values()) == 12 - len(source)
    assert info["charset"]["hash"] == task.charset.hash and "ratio 1" in task.notes()[1]


def test_param_groups_follow_the_published_factors(make_recipe: Make) -> None:
    task = TextRecognitionTask(make_recipe(model="en_PP-OCRv4_mobile_rec", network={"form": "official"}))
    net = task.build_network()
    groups = {(group.lr_mult, group.weight_decay) for group in task.param_groups(net)}
    assert (1.0, 1e-5) in groups and (0.1, None) in groups and (1.0, 0.0) in groups


def test_unknown_model_is_refused(make_recipe: Make) -> None:
    with pytest.raises(ConfigError, match="PP-OCRv5_mobile_rec"):
        TextRecognitionTask(make_recipe(model="PP-OCRv9_rec"))


def test_report_shows_groups_confusions_and_the_worst_strips(make_recipe: Make) -> None:
    task = TextRecognitionTask(make_recipe())
    batch = eval_batch(task, 6)
    texts = list(batch["gt"])
    wrong = texts[2]
    texts[2] = "Z" + wrong[1:]
    parts = {part["title"]: part for part in task.report_parts(task.decode(sure(task, texts), batch))}
    first, *others = parts
    said = "5 of 6 lines were read without an error (0.8333); 1-NED, which counts characters, is "
    assert parts[first]["text"].startswith(said)
    assert others[:2] == ["Worst strips, 1 of 1 wrong ones", "Longest strips of 5 right ones"]
    assert len(parts["Longest strips of 5 right ones"]["images"]) == 5
    assert all(part.get("fold") for part in parts.values() if part.get("rows")), "tables are folded"
    assert parts["Text recognition in numbers"]["rows"][0]["lines"] == 6
    assert {row["angle"] for row in parts["Accuracy by angle of the seal"]["rows"]} == {"0..45", "45..90"}
    assert parts["What is taken for what"]["rows"] == [{"is": wrong[0], "was read as": "Z", "times": 1}]
    ((caption, image),) = parts["Worst strips, 1 of 1 wrong ones"]["images"]
    assert repr(wrong) in caption and image.dtype == np.uint8


@pytest.mark.parametrize("model", ["PP-OCRv6_small_rec", "ch_SVTRv2_rec"])
@pytest.mark.parametrize("dropout", ["official", "none"])
def test_dropout(make_recipe: Make, model: str, dropout: str) -> None:
    network = {"form": "official", "auxiliary_head": "none", "steps": "width", "dropout": dropout}
    net = TextRecognitionTask(make_recipe(model=model, network=network)).make_network()
    net.train()
    for layer in net.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm2D):
            layer.eval()
    paddle.seed(0)
    strips = paddle.randn([2, 3, 48, 160])
    first, second = (net(strips)["ctc"].numpy() for _ in range(2))
    assert np.array_equal(first, second) == (dropout == "none")
