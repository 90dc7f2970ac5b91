"""What the network is fed: labels that fit, batches of chosen size, strips as the pipeline sees them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sealkit.charset import Charset
from sealkit.engine.sampler import TrainPlan
from sealkit.errors import ConfigError, DataError
from sealkit.images import read_image
from sealkit.modules.text_recognition.dataset import Collate, EvalSource, Limits, TrainSource, load_set
from sealkit.modules.text_recognition.labels import LineLabels
from sealkit.modules.text_recognition.preprocess import preprocess
from sealkit.modules.text_recognition.settings import RecInputSettings, TextRecognitionRecipe
from tests.modules.text_recognition.conftest import TEXTS, write_set

Make = Callable[..., TextRecognitionRecipe]
CHARSET = Charset.from_list(sorted({c for text in TEXTS for c in text} - {" "}), id="test")


def source_of(recipe: TextRecognitionRecipe, **limits: Any) -> TrainSource:
    labels = limits.pop("labels", LineLabels(CHARSET, None, recipe.labels.max_text_length))
    sets = [load_set(entry) for entry in recipe.data.train]
    return TrainSource(recipe, Limits(labels, **limits), sets)


def get(source: TrainSource, index: int, epoch: int = 0) -> dict[str, Any]:
    return source.get(index, epoch, np.random.default_rng([index, epoch]))


def test_samples_depend_on_their_arguments_alone(make_recipe: Make) -> None:
    source, again = source_of(make_recipe()), source_of(make_recipe())
    for index in (3, 0):
        first, second = get(source, index), get(again, index)
        assert np.array_equal(first["strip"], second["strip"]) and first["batch_draw"] == second["batch_draw"]
    assert CHARSET.decode(first["label_ctc"][: first["length"]]) == TEXTS[0]


def test_lines_that_cannot_be_trained_on_are_counted_with_their_places(make_recipe: Make) -> None:
    few = Charset.from_list(list("SEALOKCTD127"), id="few")
    recipe = make_recipe(labels={"max_text_length": 8})
    source = source_of(recipe, labels=LineLabels(few, None, 8), fixed_steps=5)
    (use,) = source.uses
    assert [sample.text for sample in use.samples] == ["SEAL", "OK", "77"]
    reasons = {reason.split(" (")[0]: len(places) for reason, places in use.left_out.items()}
    assert reasons["characters without a class"] == 8
    assert sum(reasons.values()) + len(use.samples) == len(TEXTS)
    assert all("lines are not trained on" in sentence and "train.txt:" in sentence for sentence in use.sentences())


def test_characters_that_need_more_steps_than_there_are(make_recipe: Make) -> None:
    limits = Limits(LineLabels(CHARSET, None, 25))
    assert limits.fault("77", 24) is None  # 7, blank, 7
    assert "time steps" in str(limits.fault("77", 16))
    assert limits.fault("SEAL", 32) is None
    assert "longer than 23 characters" in str(Limits(LineLabels(CHARSET, "nrtr", 25)).fault("S" * 12 + "E" * 12, 999))


def test_a_set_without_one_usable_line_is_refused(make_recipe: Make) -> None:
    labels = LineLabels(Charset.from_list(["印"]), None, 25)
    with pytest.raises(DataError, match="no line of the set can be trained on"):
        source_of(make_recipe(), labels=labels)


def test_characters_may_be_left_out_as_published(make_recipe: Make) -> None:
    labels = LineLabels(Charset.from_list(list("SEAL")), None, 25)
    source = source_of(make_recipe(augment=[]), labels=labels, unknown="character")
    texts = [get(source, i)["length"] for i in range(len(source))]
    assert texts[0] == 4 and len(source) > 5


def test_right_to_left_labels_are_turned(make_recipe: Make) -> None:
    limits = Limits(LineLabels(CHARSET, None, 25), reverse=True)
    assert limits.as_seen("ثجح 12") == " 12حجث" and limits.as_seen(" 12حجث") == "ثجح 12"


def test_fixed_scales_are_drawn_by_the_first_sample(make_recipe: Make) -> None:
    shape = RecInputSettings(scales=((320, 32), (320, 48), (320, 64)))
    collate = pickle.loads(pickle.dumps(Collate(shape)))
    source = source_of(make_recipe(input=shape.model_dump()))
    heights = set()
    for start in range(8):
        samples = [get(source, (start + i) % len(source), start) for i in range(3)]
        batch = collate(samples)
        heights.add(batch["image"].shape[2])
        assert batch["image"].shape == (3, 3, shape.scales[int(samples[0]["batch_draw"] * 3)][1], 320)
        assert batch["image"].dtype == np.float32 and batch["valid_ratio"].shape == (3,)
        assert np.array_equal(batch["image"], collate(samples)["image"])
    assert heights == {32, 48, 64}


def test_batches_by_ratio_are_as_wide_as_their_widest(make_recipe: Make) -> None:
    recipe = make_recipe(input={"scales": [[64, 48]], "by_ratio": True, "max_width": 256}, augment=[])
    source, collate = source_of(recipe), Collate(recipe.input)
    widths = []
    for text in ("X1", "SHANGHAI 2024"):
        batch = collate([get(source, TEXTS.index(text))])
        widths.append(batch["image"].shape[3])
        assert batch["image"].shape[3] % 32 == 0
    assert widths[0] < 128 and widths[1] == 256, "the long one is squeezed to max_width"


def test_arranged_epochs_keep_every_sample_and_resume_exactly(make_recipe: Make, tmp_path: Path) -> None:
    write_set(tmp_path, "train.txt", TEXTS * 6)
    recipe = make_recipe(
        input={"scales": [[64, 48]], "by_ratio": True},
        data={key: [{"root": str(tmp_path), "labels": "train.txt"}] for key in ("train", "val")},
    )
    source = source_of(recipe)
    plan = TrainPlan(len(source), 4, 1, 1, 0, seed=3, arrange=source.arrange)
    picks = plan.epoch_picks(1)
    assert sorted(index for index, _ in picks) == list(range(len(source)))
    ratios = np.array([source.uses[0].ratios[index] for index, _ in picks]).reshape(-1, 4)
    mixed = np.array([source.uses[0].ratios[i] for i, _ in TrainPlan(len(source), 4, 1, 1, 0, 3).epoch_picks(1)])
    assert np.ptp(ratios, axis=1).mean() < 0.5 * np.ptp(mixed.reshape(-1, 4), axis=1).mean()
    stream = plan.batches(0)
    for _ in range(plan.steps_per_epoch + 3):
        expected = next(stream)
    again = TrainPlan(len(source), 4, 1, 1, 0, seed=3, arrange=source_of(recipe).arrange)
    assert next(again.batches(plan.steps_per_epoch + 2)) == expected


def drawn_recipe(make_recipe: Make, strip_set: Path, **synth: Any) -> TextRecognitionRecipe:
    files = {"root": str(strip_set), "labels": "train.txt"}
    settings = {"strips": 24, "size": [160, 200], **synth}
    data = {"train": [{"synth": settings}, files], "val": [{**files, "labels": "val.txt"}]}
    return make_recipe(data=data, augment=[], input={"scales": [[64, 48]], "by_ratio": True, "max_width": 640})


def test_strips_drawn_on_the_fly_are_new_in_every_epoch_and_the_same_on_resume(
    make_recipe: Make, strip_set: Path
) -> None:
    chars = sorted({chr(code) for code in range(0x4E00, 0x9FA6)} | {chr(code) for code in range(33, 127)})
    labels = LineLabels(Charset.from_list(chars), None, 25)
    recipe = drawn_recipe(make_recipe, strip_set)
    source, again = source_of(recipe, labels=labels), source_of(recipe, labels=labels)
    assert source.mix.places == (24, len(TEXTS)) and source.uses[0].size == 24
    for index in (0, 5):
        one = get(source, index, 3)
        assert np.array_equal(one["strip"], get(again, index, 3)["strip"]) and one["path"] == ""
        assert labels.charset.decode(one["label_ctc"][: one["length"]]) == one["text"]
        assert one["text"] != get(source, index, 4)["text"]
    assert get(source, 24)["text"] == TEXTS[0]  # the set on disk beside it
    picks = TrainPlan(len(source), 6, 1, 1, 0, seed=3, arrange=source.arrange).epoch_picks(2)
    assert picks == TrainPlan(len(source), 6, 1, 1, 0, seed=3, arrange=again.arrange).epoch_picks(2)


def test_only_characters_with_a_class_are_drawn(make_recipe: Make, strip_set: Path) -> None:
    labels = LineLabels(Charset.from_list(list("0123456789年月日-./")), None, 25)
    source = source_of(drawn_recipe(make_recipe, strip_set, printed=0, special=1), labels=labels, unknown="line")
    few = [get(source, index) for index in range(24) if source.uses[0].drawn.ratio(index, 0) == 5.5][:3]
    assert few and all(set(sample["text"]) <= set("0123456789年月日-./") for sample in few)


def test_a_training_set_is_drawn_or_on_disk(make_recipe: Make, strip_set: Path) -> None:
    files = {"root": str(strip_set), "labels": "train.txt"}
    with pytest.raises(ValidationError, match="not both"):
        make_recipe(data={"train": [{**files, "synth": {}}], "val": [files]})
    with pytest.raises(ValidationError, match="incomplete"):
        make_recipe(data={"train": [{"ratio": 2}], "val": [files]})
    with pytest.raises(ValidationError):  # what is evaluated on must stay the same
        make_recipe(data={"train": [files], "val": [{"synth": {}}]})


def test_sets_are_mixed_by_ratio(make_recipe: Make, strip_set: Path) -> None:
    sets = [{"root": str(strip_set), "labels": "train.txt", "ratio": 2}, {"root": str(strip_set), "labels": "val.txt"}]
    recipe = make_recipe(data={"train": sets, "val": sets[1:]})
    source = source_of(recipe)
    assert source.mix.places == (24, 6)


def test_joined_strips_stay_within_the_limits(make_recipe: Make) -> None:
    recipe = make_recipe(augment=[{"op": "concat", "p": 1.0, "count": 3}], input={"scales": [[320, 48]]})
    source = source_of(recipe)
    samples = [get(source, i, epoch) for epoch in range(3) for i in range(len(source))]
    joined = [sample for sample in samples if sample["text"] not in TEXTS]
    assert len(joined) > 5
    for sample in joined:
        assert sample["length"] == len(sample["text"]) <= 25
        assert sample["strip"].shape[1] / sample["strip"].shape[0] <= 320 / 48 + 0.1


def test_evaluation_sees_what_the_pipeline_sees(make_recipe: Make, strip_set: Path) -> None:
    recipe = make_recipe()
    lines = load_set(recipe.data.val[0])
    source = EvalSource([(recipe.data.val[0], lines)], recipe.resize)
    assert sorted(s.where for s in source.samples) == sorted(line.where for line in lines)
    widths = []
    for index, sample in enumerate(source.samples):
        made = source.get(index, 0, np.random.default_rng(0))
        assert np.array_equal(made["image"], preprocess(read_image(sample.image_path), recipe.resize))
        assert (made["gt"], made["shape"], made["direction"]) == (sample.text, "circle", "arc")
        widths.append(made["image"].shape[2])
    assert widths == sorted(widths)
    official = EvalSource([(recipe.data.val[0], lines)], recipe.resize, "official")
    assert {official.get(i, 0, np.random.default_rng(0))["image"].shape for i in range(6)} == {(3, 48, 320)}


def test_a_validation_set_is_not_used_twice(make_recipe: Make, strip_set: Path) -> None:
    recipe = make_recipe()
    entry = recipe.data.val[0].model_copy(update={"ratio": 1.5})
    with pytest.raises(ConfigError, match=r"data\.val\.0\.ratio"):
        EvalSource([(entry, load_set(entry))], recipe.resize)
