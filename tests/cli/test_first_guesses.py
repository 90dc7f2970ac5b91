"""What a newcomer tries first, before reading anything: it works.

Six guesses: `sealkit infer FOLDER`, `sealkit predict x.png`, `curl -F file=@x.png`, dropping an image on the service's
page (tests/serving/test_page.py, in a browser), `print(result)`, `result.show()`.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageShow

import sealkit
from sealkit.cli import ALIASES, COMMANDS, main
from sealkit.pipeline.result import SealRecognitionResult
from tests.serving.live import ROOT, server

SEAL = ROOT / "sealkit" / "assets" / "example_seal.png"
TEXT = "收款专用章"


@pytest.fixture(scope="module")
def result() -> SealRecognitionResult:
    (result,) = sealkit.create_pipeline(threads=1).predict(str(SEAL))
    return result


def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1.png", "2.png"):
        shutil.copy(SEAL, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert main(["infer", ".", "--threads", "1"]) == 0
    printed, said = capsys.readouterr()
    assert printed.count(TEXT) == 2
    assert "--save-path" in said  # nothing is saved unasked: how to


def test_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SEAL, tmp_path / "x.png")
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "x.png", "--threads", "1"]) == 0
    assert TEXT in capsys.readouterr().out


def test_aliases_are_no_commands_and_lead_to_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert not set(ALIASES) & set(COMMANDS) and set(ALIASES.values()) <= set(COMMANDS)
    for alias in ALIASES:
        with pytest.raises(SystemExit):
            main([alias, "--help"])
        assert f"`{alias}`" in capsys.readouterr().out


def test_curl_with_a_file() -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl here")
    with server("sealkit", "serve", "--port", "0", "--workers", "1", "--threads", "1") as live:
        command = [curl, "--silent", "--noproxy", "*", "-F", f"file=@{SEAL}", f"{live.url}/seal-recognition"]
        answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
        wrong = [*command[:-2], f"file=@{ROOT / 'README.md'}", command[-1]]
        refused = json.loads(subprocess.run(wrong, capture_output=True, check=True, timeout=120).stdout)
    assert answer["errorCode"] == 0
    (one,) = answer["result"]["sealRecResults"]
    assert TEXT in [text for seal in one["prunedResult"]["seal_res_list"] for text in seal["rec_texts"]]
    assert refused["errorCode"] == 422 and "# sealki" in refused["errorMsg"]  # which file it was: what it begins with


def test_print_of_a_result(result: SealRecognitionResult, capsys: pytest.CaptureFixture[str]) -> None:
    print(result)
    printed = capsys.readouterr().out
    assert TEXT in printed and len(printed.splitlines()) < 12 and "array" not in printed


def test_show_of_a_result(result: SealRecognitionResult, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []

    class Viewer(ImageShow.Viewer):
        def show(self, image: Image.Image, **options: object) -> bool:
            shown.append(image)
            return True

    monkeypatch.setattr(ImageShow, "_viewers", [Viewer()])
    result.show()
    (image,) = shown
    assert min(image.size) > 100
