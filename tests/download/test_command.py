"""`sealkit download`, and downloads on the way of other commands: never unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealkit import api
from sealkit.cli import main
from sealkit.download.places import find_inference, find_training
from sealkit.errors import CharsetError, EngineError, SealkitError, WeightsError
from sealkit.modules.text_recognition.characters import read_dictionary
from sealkit.weights.sources import resolve
from tests.download.conftest import Server
from tests.download.test_models import FILES, MODEL, TRAINING, put_files

DET = "SubPipelines.SealOCR.SubModules.TextDetection"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["download", *arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_model_by_name(server: Server, places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_files(server)
    code, out, err = run(capsys, MODEL)
    assert code == 0 and f"{MODEL}: {places / 'models' / MODEL}_infer" in out
    assert "downloaded from huggingface" in err and "SHA-256" in err
    code, out, err = run(capsys, MODEL)
    assert code == 0 and "already there" in out and err == ""


def test_a_dry_run_names_addresses_and_asks_nobody(
    server: Server, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "--pipeline", "seal_recognition", "--dry-run")
    assert code == 0 and server.asked() == []
    for name in ("UVDoc", "PP-DocLayout-L", "PP-OCRv4_server_seal_det", "PP-OCRv4_server_rec", "PP-LCNet_x1_0_doc_ori"):
        assert f"from {server.url}/bos/paddlex/official_inference_model/paddle3.0.0/{name}_infer.tar" in out or (
            name == "PP-LCNet_x1_0_doc_ori"  # in a package where that is installed
        )
    code, out, _ = run(capsys, MODEL, "--training", "--dry-run", "--output", str(places / "x"))
    assert out.splitlines() == [
        f"{MODEL}: would go to {places / 'x' / MODEL}_pretrained.pdparams",
        f"  from {server.url}{TRAINING}/{MODEL}_pretrained.pdparams",
    ]


def test_the_list_has_every_model(server: Server, places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sealkit import zoo

    code, out, _ = run(capsys, "--list", "--json")
    rows = json.loads(out)
    assert code == 0 and [row["model"] for row in rows] == zoo.list_models()
    assert all(len(row["inference"]["addresses"]) == 4 and row["training"]["addresses"] for row in rows)
    code, out, _ = run(capsys, "--list", "*seal_det")
    assert out.count("inference: not here") == 2 and server.asked() == []


def test_one_that_fails_does_not_end_the_others(
    server: Server, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_files(server)
    code, _, err = run(capsys, "UVDoc", MODEL)
    assert code == 8 and "1 of 2 could not be downloaded" in err and "no such file" in err
    assert find_inference(MODEL) is not None


def test_slips_are_told(server: Server, places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, what in (
        ((), "nothing to download"),
        (("PP-OCRv4_server_sael_det",), "PP-OCRv4_server_seal_det"),
        (("nothing*",), "no model matches"),
        ((MODEL, "--source", "hugface"), "unknown source"),
        (("--pipeline", "seal_recognition", "--training"), "no training weights"),
        ((MODEL, "-o", "batch_size=2"), "--pipeline"),
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2 and what in err, arguments
    assert main(["fetch", MODEL]) == 2
    assert f"sealkit download {MODEL}" in capsys.readouterr().err


def test_nothing_is_fetched_unasked_and_the_message_names_the_command(
    server: Server, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_files(server)
    overrides = {f"{DET}.model_name": MODEL, f"{DET}.weights": "official"}
    with pytest.raises(EngineError, match=f"`sealkit download {MODEL}`"):
        api.create_pipeline(overrides=overrides)
    with pytest.raises(EngineError, match=f"`sealkit download {MODEL}`"):
        api.create_model(MODEL)
    with pytest.raises(WeightsError, match="`sealkit download PP-OCRv4_mobile_seal_det --training`"):
        resolve("official", "PP-OCRv4_mobile_seal_det")
    with pytest.raises(CharsetError, match="`sealkit download PP-OCRv4_mobile_rec`"):
        read_dictionary("official", model="PP-OCRv4_mobile_rec")
    assert server.asked() == []


def test_with_download_it_is_fetched_on_the_way(server: Server, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are none an engine can load: that the engine is reached shows that they were fetched."""
    put_files(server)
    with pytest.raises(SealkitError) as caught:
        api.create_model(MODEL, engine="paddle", device="cpu", download=True)
    assert "sealkit download" not in str(caught.value) and find_inference(MODEL) is not None
    asked = len(server.asked())
    assert asked == len(FILES)
    name = "PP-OCRv4_mobile_rec"
    put_files(server, files=FILES | {"inference.yml": b"Global: {model_name: PP-OCRv4_mobile_rec}"}, model=name)
    monkeypatch.setenv("SEALKIT_DOWNLOAD", "1")
    overrides = {"SubPipelines.SealOCR.SubModules.TextRecognition.model_name": name,
                 "SubPipelines.SealOCR.SubModules.TextRecognition.weights": "official"}  # fmt: skip
    with pytest.raises(SealkitError):
        api.create_pipeline(overrides=overrides, engine="paddle", device="cpu")
    assert find_inference(name) is not None
    with pytest.raises(EngineError, match="`sealkit download UVDoc`"):
        api.create_model("UVDoc", download=False)


def test_train_fetches_weights_and_characters(server: Server, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PP-OCRv4_mobile_rec"
    server[f"{TRAINING}/{name}_pretrained.pdparams"] = b"\x80\x04nothing"
    yml = b"Global: {model_name: PP-OCRv4_mobile_rec}\nPostProcess: {name: CTCLabelDecode, character_dict: ['a', 'b']}"
    put_files(server, files=FILES | {"inference.yml": yml}, model=name)
    with pytest.raises(SealkitError):  # the weights are none
        api.train("rec_v4_mobile_finetune", {"output": str(places / "run")}, progress=False, download=True)
    assert find_training(name) is not None and find_inference(name) is not None
    assert read_dictionary("official", model=name).characters == ("a", "b")
