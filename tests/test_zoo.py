import dataclasses

import pytest

from sealkit import zoo
from sealkit.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*seal_det", {"PP-OCRv4_mobile_seal_det", "PP-OCRv4_server_seal_det"}),
        ("pp-ocrv6*", {"PP-OCRv6_tiny_det", "PP-OCRv6_small_det", "PP-OCRv6_medium_det"}),
        ("tiny", {"PP-OCRv6_tiny_det"}),
        ("*tiny", set()),
        ("PP-OCRv6_[st]*", {"PP-OCRv6_tiny_det", "PP-OCRv6_small_det"}),
    ],
)
def test_patterns(pattern: str, names: set[str]) -> None:
    assert set(zoo.list_models(pattern, "seal_text_detection")) == names


def test_all_models_are_in_their_modules_table() -> None:
    for module, names in zoo.models_by_module().items():
        assert names
        assert all(zoo.get(name).module == module and zoo.get(name).name == name for name in names)
    assert zoo.list_models() == list(zoo.all_models())
    assert zoo.list_models(module="no_such_module") == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("PP-OCRv4_mobil_seal_det", "did you mean PP-OCRv4_mobile_seal_det"), ("zzz", "`sealkit models` lists all")],
)
def test_unknown_model(name: str, hint: str) -> None:
    for call in (zoo.get, zoo.build_network):
        with pytest.raises(ConfigError, match="unknown model") as caught:
            call(name)
        assert caught.value.hint.startswith(hint)
        assert caught.value.value == name


def test_published_metrics_have_a_source() -> None:
    for spec in zoo.all_models().values():
        if spec.published:
            assert spec.published.name and spec.published.value > 0 and spec.published.source and spec.published.data


def test_every_module_with_recipes_has_a_task() -> None:
    from sealkit.modules import table
    from sealkit.modules.recipe import load_recipe

    assert table.having("recipe") == table.having("task")
    for name, row in table.MODULES.items():
        assert row.name == name and bool(row.recipe) != bool(row.not_trainable)
        for part in (field.name for field in dataclasses.fields(row)):
            value = getattr(row, part)
            if isinstance(value, str) and value.startswith("sealkit."):
                assert value.startswith(f"sealkit.modules.{name}."), "everything of a module is in its folder"
                assert row.load(part) is not None
    task = zoo.make_task(load_recipe("seal_det_mobile").settings)
    assert task.name == "seal_text_detection"


def test_settings_of_no_module() -> None:
    from sealkit.config.training import RecipeBase

    with pytest.raises(ConfigError, match="no such module"):
        zoo.make_task(RecipeBase(name="a", model="b"))


def test_build_network() -> None:
    net = zoo.build_network("PP-OCRv6_tiny_det", form="fused")
    assert hasattr(net, "state_dict")
    with pytest.raises(ConfigError, match="unknown network form"):
        zoo.build_network("PP-OCRv6_tiny_det", form="fast")
