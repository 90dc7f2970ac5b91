"""Training weights for PaddleOCR's and PaddleX's trainers: official names, and what is not in the file is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sealkit import api, zoo
from sealkit.cli import main
from sealkit.errors import ExportError
from sealkit.export.pdparams import Written, _write_characters

paddle = pytest.importorskip("paddle")
MODEL, RECIPE = "PP-LCNet_x1_0_doc_ori", "doc_ori"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A network's file, and its arrays."""
    paddle.seed(3)
    net = zoo.build_network(MODEL)
    path = tmp_path_factory.mktemp("weights") / "net.pdparams"
    paddle.save(net.state_dict(), str(path))
    return path, {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def test_names_shapes_and_values_are_the_official_ones(
    weights: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    path, arrays = weights
    written = api.export_pdparams(RECIPE, checkpoint=path, output=tmp_path / "out" / "mine.pdparams")
    found = paddle.load(str(written.path))  # as the other trainers read it
    assert found.keys() == arrays.keys() and written.tensors == len(arrays)
    assert all(np.array_equal(found[name].numpy(), array) for name, array in arrays.items())
    assert written.notes() == [] and written.dictionary is None


def test_the_command(
    weights: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.pdparams"
    code = main(["export", "-c", RECIPE, "--checkpoint", str(weights[0]), "--pdparams", "--output", str(target)])
    assert code == 0 and target.is_file()
    assert f"{target}: {len(weights[1])} tensors" in capsys.readouterr().out


def test_a_fused_network_has_no_official_names(weights: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"fused(.|\n)*network.form=official"):
        api.export_pdparams(
            RECIPE, checkpoint=weights[0], output=tmp_path / "x.pdparams", overrides={"network.form": "fused"}
        )
    assert not list(tmp_path.iterdir())


def test_characters_and_differences_are_told(tmp_path: Path) -> None:
    spec = {"PostProcess": {"character_dict": ["印", "章"]}}
    task = SimpleNamespace(inference_spec=lambda: spec)
    dictionary = _write_characters(task, tmp_path / "mine.pdparams")
    assert dictionary == tmp_path / "mine_dict.txt" and dictionary.read_text(encoding="utf-8") == "印\n章\n"
    notes = Written(
        tmp_path, 1, dictionary, ["head.gtc_head.a"], ["head.fields.b"], ["head.ctc_head.fc.weight"]
    ).notes()
    for note, word in zip(notes, ("mine_dict.txt", "head.gtc_head.a", "head.fields.b", "head.ctc_head.fc.weight")):
        assert word in note
