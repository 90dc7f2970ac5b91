from pathlib import Path

import pytest

from sealkit.config.find import find, shipped, shipped_dir
from sealkit.errors import ConfigError


@pytest.mark.parametrize("name", ["seal_det_mobile", "seal_det_mobile.yaml", "recipes/seal_det_mobile.yaml"])
def test_a_shipped_recipe_is_found_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("recipes", name) == shipped_dir("recipes") / "seal_det_mobile.yaml"


def test_a_file_of_ones_own_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    own = tmp_path / "recipes" / "seal_det_mobile.yaml"
    own.write_text("a: 1\n")
    assert find("recipes", "recipes/seal_det_mobile.yaml").resolve() == own


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("seal_det_mobil", "did you mean seal_det_mobile"),
        ("recipes/seal_det_servr.yaml", "did you mean seal_det_server"),
        ("zzz", "shipped: doc_ori, doc_ori_finetune, "),
        ("elsewhere/seal_det_mobile.yaml", "did you mean seal_det_mobile"),
    ],
)
def test_what_is_not_there(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="no such recipe") as caught:
        find("recipes", name)
    assert caught.value.hint.startswith(hint)


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    with pytest.raises(ConfigError, match="a folder, not a recipe") as caught:
        find("recipes", tmp_path)
    assert "a.yaml" in caught.value.hint


def test_configs_are_shipped_too() -> None:
    assert "embedded" in shipped("configs")
    with pytest.raises(ConfigError, match="no such pipeline config"):
        find("configs", "embeded")
