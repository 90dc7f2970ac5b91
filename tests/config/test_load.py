"""Every message of the config room, with its place, value and hint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealkit.config.dump import to_yaml
from sealkit.config.load import Loaded
from sealkit.config.problems import SettingsError
from sealkit.config.training import RecipeBase
from sealkit.errors import ConfigError, Problem
from sealkit.modules.recipe import load_recipe
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe
from tests.config.conftest import WriteRecipe

MODELS = {
    "seal_text_detection": ["PP-OCRv4_mobile_seal_det", "PP-OCRv4_server_seal_det"],
    "layout_detection": ["PP-DocLayout-L"],
}


def augment_of(loaded: Loaded[RecipeBase]) -> Sequence[Any]:
    assert isinstance(loaded.settings, SealTextDetectionRecipe)
    return loaded.settings.augment


def problems(
    path: Path, overrides: Sequence[str] = (), models: Mapping[str, Sequence[str]] = MODELS
) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        load_recipe(path, overrides, models)
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:  # nothing is found and then not said
        assert problem.as_setting() in str(caught.value)
    return caught.value.problems


def only(path: Path, overrides: Sequence[str] = (), models: Mapping[str, Sequence[str]] = MODELS) -> Problem:
    (problem,) = problems(path, overrides, models)
    return problem


def test_a_good_recipe(recipe_file: WriteRecipe) -> None:
    loaded = load_recipe(recipe_file(), (), MODELS)
    assert loaded.settings.train.batch_size == 4
    assert augment_of(loaded)[1].degrees == (-10, 10)
    assert loaded.settings.run_dir == "runs/small"


@pytest.mark.parametrize(
    ("more", "key", "line", "what", "value", "hint"),
    [
        ("optimizer:\n  lrr: 1e-3\n", "optimizer.lrr", 17, "unknown key", "0.001", "did you mean optimizer.lr?"),
        ("lr: 1e-3\n", "lr", 16, "unknown key", "0.001", "did you mean optimizer.lr?"),
        ("evaluation: {}\n", "evaluation", 16, "unknown key", "{}", "allowed here: name, model,"),
        ("eval:\n  zebra: 1\n", "eval.zebra", 17, "unknown key", "1", "allowed in eval: every_epochs"),
        ("seed: -1\n", "seed", 16, "must be a whole number >= 0", "-1", None),
        ("seed: 1.5\n", "seed", 16, "must be a whole number >= 0", "1.5", None),
        ("seed: true\n", "seed", 16, "must be a whole number >= 0", "true", None),
        ("seed: '8'\n", "seed", 16, "must be a whole number >= 0", '"8"', "write it without quotes: 8"),
        ("output: 12\n", "output", 16, "must be text or null", "12", "for text, quote it"),
        ("output: [a]\n", "output", 16, "must be text or null", '["a"]', None),
        ("ema: {decay: .nan}\n", "ema.decay", 16, "must be a finite number", "NaN", None),
        ("ema: {decay: 1.5}\n", "ema.decay", 16, "must be a number > 0 and < 1", "1.5", None),
        ("ema: None\n", "ema", 16, "must be a block of keys: decay", '"None"', "write null"),
        ("ema: {}\neval: 3\n", "eval", 17, "must be a block of keys: every_epochs", "3", None),
        ("eval: {at_start: yes}\n", "eval.at_start", 16, "must be true or false", '"yes"', "write true"),
        ("schedule: {name: cosin}\n", "schedule.name", 16, "must be one of cosine,", '"cosin"', "did you mean cosine?"),
        ("resize: {limit_type: middle}\n", "resize.limit_type", 16, "must be one of min, max,", '"middle"', None),
    ],
)  # fmt: skip
def test_one_wrong_value(
    recipe_file: WriteRecipe, more: str, key: str, line: int, what: str, value: str, hint: str | None
) -> None:
    path = recipe_file(more)
    problem = only(path)
    assert problem.key == key
    assert problem.where == f"{path}:{line}"
    assert problem.message.startswith(what)
    assert problem.value == value
    assert (problem.hint or "").startswith(hint or "")
    assert (problem.hint is None) == (hint is None)


@pytest.mark.parametrize(
    ("old", "new", "key", "what", "hint"),
    [
        ("{op: flip, p: 0.5}", "{op: flipp}", "augment.0.op", "unknown op", "did you mean flip? allowed: flip, rotate"),
        ("{op: flip, p: 0.5}", "{p: 0.5}", "augment.0.op", "is missing", "one of flip, rotate"),
        ("{op: flip, p: 0.5}", "{op: flip, q: 1}", "augment.0.q", "unknown key", "allowed in augment.0: op, p"),
        ("{op: flip, p: 0.5}", "{op: flip, p: 5}", "augment.0.p", "must be a number >= 0 and <= 1", None),
        ("[-10, 10]", "[-10]", "augment.1.degrees.1", "is missing", "give a number"),
        ("[-10, 10]", "ten", "augment.1.degrees", "must be a list of 2: a number, a number", None),
        ("    - {root: seals, labels: train.txt}", "    []", "data.train", "must have at least 1 item(s)", None),
        ("labels: val.txt", "label: val.txt", "data.val.0.label", "unknown key", "did you mean data.val.0.labels?"),
        ("model: PP-OCRv4_mobile_seal_det", "", "model", "is missing", "give text"),
        ("mobile_seal_det", "mobil_seal_det", "model", "unknown model", "did you mean PP-OCRv4_mobile_seal_det?"),
        ("PP-OCRv4_mobile_seal_det", "PP-DocLayout-L", "model", "is a model of the module layout_detection", None),
        ("module: seal_text_detection", "module: seal_detection", "module", "unknown module", "did you mean seal_text"),
        ("module: seal_text_detection", "", "module", "is missing", "set it to one of: seal_text_detection"),
    ],
)  # fmt: skip
def test_one_wrong_line(recipe_file: WriteRecipe, old: str, new: str, key: str, what: str, hint: str | None) -> None:
    path = recipe_file()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found = {problem.key: problem for problem in problems(path)}
    assert found[key].message.startswith(what)
    assert (found[key].hint or "").startswith(hint or "")


def test_all_problems_at_once_in_the_order_of_the_file(recipe_file: WriteRecipe) -> None:
    path = recipe_file("optimizer: {lr: 0, betas: 1}\nmodell: x\nseed: a\n")
    keys = [problem.key for problem in problems(path, ["train.epoch=3", "x"])]
    assert keys == ["optimizer.lr", "optimizer.betas", "modell", "seed", "train.epoch", ""] or keys == [
        "optimizer.lr", "optimizer.betas", "modell", "seed", "", "train.epoch",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("override", "key", "what", "hint"),
    [
        ("train.batch_sise=2", "train.batch_sise", "unknown key", "did you mean train.batch_size?"),
        ("train.batch_size=two", "train.batch_size", "must be a whole number > 0", None),
        ("train.batch_size", "", "is not key=value", "no spaces around '='"),
        ("=2", "", "is not key=value", "no spaces around '='"),
        ("train.batch_size: 2", "", "settings are key=value", "write -o train.batch_size=2"),
        ("train. batch_size=2", "train. batch_size", "a key has no spaces", "write -o train.batch_size=…"),
        ("train.batch_size=[1", "train.batch_size", "the value is not valid YAML", "quote it"),
        ("augment.7.p=1", "augment.7.p", "augment has 2 item(s), counted from 0", "to replace the list: -o"),
        ("augment.p=1", "augment.p", "augment is a list: give the position, as in augment.0.p", "to replace the list"),
        ("name.x=1", "name.x", "name is a single value, not a block", "set name itself"),
        ("a.b=1", "a", "unknown key", "allowed here"),
        ("name=12", "name", "must be text", "for text, quote it"),
        ("Global.mode=train", "Global.mode", "is a key of PaddleX or PaddleOCR", "here it is the command itself"),
        ("CheckDataset.split.enable=True", "CheckDataset.split.enable", "is a key of PaddleX", "here it is"),
        ("Predict.input=a.png", "Predict.input", "is a key of PaddleX", "here it is the argument of sealkit infer"),
        ("Global.print_mem_info=1", "Global.print_mem_info", "is a key of PaddleX", "it has no counterpart"),
        ("Train.epochs_iters=3", "Train.epochs_iters", "is a key of PaddleX or PaddleOCR", "here it is train.epochs"),
        ("model=PP-OCRv5", "model", "unknown model", "allowed: PP-OCRv4_mobile_seal_det"),
    ],
)  # fmt: skip
def test_one_wrong_override(recipe_file: WriteRecipe, override: str, key: str, what: str, hint: str | None) -> None:
    problem = only(recipe_file(), [override])
    assert problem.key == key
    assert problem.message.startswith(what)
    assert problem.where == f"-o {override}"
    assert (problem.hint or "").startswith(hint or "")


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("train.batch_size=2", "train.batch_size", 2),
        ("batch_size=2", "train.batch_size", 2),
        ("max_steps=2", "train.max_steps", 2),
        ("lr=1e-3", "optimizer.lr", 1e-3),
        ("train.amp=off", "train.amp", "off"),
        ("output=a=b", "output", "a=b"),
        ("output=", "output", None),
        ("augment.1.degrees=[-20, 20]", "augment.1.degrees", (-20, 20)),
        ("augment.1.degrees.0=-30", "augment.1.degrees", (-30, 10)),
        ("data.train.0.root=D:/seals", "data.train.0.root", "D:/seals"),
        ("augment=[]", "augment", ()),
        ("ema.decay=0.9", "ema.decay", 0.9),
    ],
)
def test_overrides(recipe_file: WriteRecipe, override: str, path: str, value: object) -> None:
    found: Any = load_recipe(recipe_file(), [override]).settings
    for part in path.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert found == value


def test_overrides_from_python(recipe_file: WriteRecipe) -> None:
    loaded = load_recipe(recipe_file(), {"train.batch_size": 2, "augment.1.degrees": (-5, 5), "output": None})
    assert loaded.settings.train.batch_size == 2
    assert augment_of(loaded)[1].degrees == (-5, 5)


def test_a_recipe_from_python_and_a_settings_object(recipe_file: WriteRecipe) -> None:
    tree = yaml.safe_load(recipe_file().read_text())
    first = load_recipe(tree, ["seed=7"]).settings
    again = load_recipe(first, ["train.batch_size=8"]).settings
    assert (again.seed, again.train.batch_size) == (7, 8)
    tree["seed"] = "x"
    problem = only(tree)
    assert problem.where == "<python>"


def test_base_is_laid_under(recipe_file: WriteRecipe) -> None:
    recipe_file(name="base.yaml")
    text = "base: base.yaml\nname: other\ntrain:\n  batch_size: 2\naugment:\n  - {op: flip, p: 0.1}\n"
    loaded = load_recipe(recipe_file(text=text, name="other.yaml"))
    settings = loaded.settings
    assert (settings.name, settings.train.batch_size, settings.train.epochs) == ("other", 2, 3)
    assert isinstance(settings, SealTextDetectionRecipe) and len(settings.augment) == 1  # a list is replaced whole
    assert loaded.origin(("train", "epochs")).endswith("base.yaml:14")
    assert loaded.origin(("train", "batch_size")).endswith("other.yaml:4")
    assert loaded.origin(("augment", 0, "p")).endswith("other.yaml:6")
    assert loaded.origin(("seed",)) == "default"
    assert ("augment", 1, "op") not in loaded.origins


def test_a_fault_in_the_base_names_the_base(recipe_file: WriteRecipe) -> None:
    base = recipe_file("optimizer: {lrr: 1}\n", name="base.yaml")
    problem = only(recipe_file(text="base: base.yaml\nname: other\n", name="other.yaml"))
    assert problem.where == f"{base}:16"


def test_only_one_level_of_base(recipe_file: WriteRecipe) -> None:
    recipe_file("base: x.yaml\n", name="base.yaml")
    path = recipe_file(text="base: base.yaml\nname: other\n", name="other.yaml")
    with pytest.raises(ConfigError, match=r"base\.yaml has a base of its own") as caught:
        load_recipe(path)
    assert caught.value.where == f"{path}:1"


@pytest.mark.parametrize(
    ("value", "what"), [("[a, b]", "base must be the name of one file"), ("none.yaml", "no such recipe")]
)
def test_a_base_that_is_not_there(recipe_file: WriteRecipe, value: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        load_recipe(recipe_file(text=f"base: {value}\n"))


def test_origins_and_the_way_back(recipe_file: WriteRecipe, tmp_path: Path) -> None:
    path = recipe_file("eval: {early_stop: 3}\n")
    loaded = load_recipe(path, ["train.amp=off", "augment.0={op: scale}"])
    text = to_yaml(loaded)
    lines = {line.split("#")[0].strip(): line.split("#")[1].strip() for line in text.splitlines() if "#" in line}
    assert lines["name: small"] == f"{path}:1"
    assert lines["early_stop: 3"] == f"{path}:16"
    assert lines["amp: 'off'"] == "-o train.amp=off"
    assert lines["- op: scale"] == "-o augment.0={op: scale}"
    assert lines["factor: [0.5, 2.0]"] == "default"
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "again.yaml").settings == loaded.settings
    # PyYAML's YAML 1.1 rules read the same
    assert load_recipe(yaml.safe_load(text)).settings == loaded.settings


def test_explanations_stand_above_their_keys(recipe_file: WriteRecipe) -> None:
    text = to_yaml(load_recipe(recipe_file()), explain=True)
    assert "# Samples per process and forward pass. [a whole number > 0]\n  batch_size: 4" in text
    assert load_recipe(yaml.safe_load(text)).settings.train.batch_size == 4
    assert max(len(line) for line in text.splitlines() if line.lstrip().startswith("#")) <= 120


def test_a_config_of_paddlex_is_answered_block_by_block(recipe_file: WriteRecipe) -> None:
    problem = only(recipe_file("Global: {mode: train, dataset_dir: x}\n"), [])
    assert problem.key == "Global" and problem.message == "is a key of PaddleX or PaddleOCR"
    assert "Global.dataset_dir: data.train.0.root" in (problem.hint or "")
