"""`sealkit serve` with the embedded pipeline, asked by the clients it comes with."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sealkit.pipeline.result import SealRecognitionResult
from sealkit.serving.work import pruned
from tests.serving.live import ROOT, Live, server

IMAGE = ROOT / "datasets" / "toy" / "images" / "000000.jpg"
CLIENTS = ROOT / "sealkit" / "serving" / "clients"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with server(
        "sealkit", "serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1", "--threads", "1"
    ) as running:
        yield running


TOKEN = "a token of 16 or more".replace(" ", "-")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fake pipeline behind a token."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(TOKEN)
    with server("tests.serving.serve_fake", json.dumps({"token_file": str(file)})) as running:
        yield running


@pytest.fixture(scope="module")
def expected() -> SealRecognitionResult:
    """The same image through predict()."""
    import sealkit

    (result,) = sealkit.create_pipeline(threads=1).predict(str(IMAGE))
    return result


def without_times(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "stages"}


def test_the_answer_is_what_predict_gives(live: Live, expected: SealRecognitionResult) -> None:
    answer = live.read(IMAGE).json()
    (entry,) = answer["result"]["sealRecResults"]
    told = json.loads(json.dumps(pruned(expected.json["res"])))
    assert without_times(entry["prunedResult"]) == without_times(told)
    assert entry["prunedResult"]["seal_res_list"][0]["rec_texts"]
    assert list(entry["outputImages"]) == list(expected.img)
    with Image.open(IMAGE) as image:
        assert answer["result"]["dataInfo"] == {"width": image.width, "height": image.height, "type": "image"}


def test_eleven_pages_become_ten(live: Live, tmp_path: Path) -> None:
    with Image.open(IMAGE) as image:
        image.save(tmp_path / "pages.pdf", save_all=True, append_images=[image] * 10, resolution=144)
    answer = live.read(tmp_path / "pages.pdf", visualize=False).json()["result"]
    assert answer["dataInfo"]["numPages"] == len(answer["sealRecResults"]) == 10
    texts = [[s["rec_texts"] for s in page["prunedResult"]["seal_res_list"]] for page in answer["sealRecResults"]]
    assert texts == [texts[0]] * 10 and texts[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"sealDetLimitType": "foo"},
        {"layoutMergeBboxesMode": "huge"},
        {"useDocUnwarping": True},
        {"sealDetLimitSideLen": -5},
        {"sealDetThresh": 7},
        {"sealDetUnclipRatio": -3},
        {"sealRecScoreThresh": -1e300},
        {"layoutThreshold": {"seal": "high"}},
        {"layoutUnclipRatio": [-1, 1e308]},
    ],
)
def test_parameters_beyond_reason_are_never_500(live: Live, fields: dict[str, Any]) -> None:
    answer = live.read(IMAGE, visualize=False, **fields)
    assert answer.status_code in (200, 422) and answer.json()["errorMsg"], answer.text


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (2000, 1), (3, 2)])
def test_tiny_images_are_read(live: Live, tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "tiny.png")
    answer = live.read(tmp_path / "tiny.png")
    assert answer.status_code == 200, answer.text


def client_commands(folder: Path) -> dict[str, list[str] | str]:
    """Language → command, or why it cannot be run here."""
    found: dict[str, list[str] | str] = {"Python": [sys.executable, str(CLIENTS / "client.py")]}
    for language, program, arguments in (
        ("Node.js", "node", ["client.mjs"]),
        ("Java", "java", ["-Dstdout.encoding=UTF-8", "Client.java"]),
        ("Go", "go", ["run", "client.go"]),
        ("PHP", "php", ["client.php"]),
    ):
        path = shutil.which(program)
        head, file = [path or "", *arguments[:-1]], str(CLIENTS / arguments[-1])
        found[language] = [*head, file] if path else f"no {program} here"
    php = found["PHP"]
    if isinstance(php, list) and "curl" not in run([php[0], "-m"]).stdout:
        found["PHP"] = "PHP without curl here"
    if shutil.which("javac") is None:
        found["Java"] = "no javac here"
    found["C#"] = "a .NET project fetches its SDK's packages from the network"
    found["C++"] = compiled(folder)
    return found


def compiled(folder: Path) -> list[str] | str:
    compiler = shutil.which("g++")
    if compiler is None:
        return "no g++ here"
    headers = run([compiler, "-E", "-x", "c++", "-"], "#include <curl/curl.h>\n#include <nlohmann/json.hpp>\n")
    if headers.returncode:
        return "no headers of libcurl and nlohmann/json here"
    program = folder / "client"
    source = str(CLIENTS / "client.cpp")
    done = run([compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", source, "-lcurl", "-o", str(program)])
    assert done.returncode == 0, done.stderr
    return [str(program)]


def run(command: list[str], text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", timeout=300, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "GO111MODULE": "off", **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str] | str]:
    return client_commands(tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("language", ["Python", "C++", "Java", "Go", "C#", "Node.js", "PHP"])
def test_clients(
    live: Live, expected: SealRecognitionResult, language: str, commands: dict[str, list[str]], tmp_path: Path
) -> None:
    command = commands[language]
    if isinstance(command, str):
        pytest.skip(f"{language} client not run: {command}")
    done = run([*command, str(IMAGE), live.url, str(tmp_path / "out")], GOCACHE=str(tmp_path / "go"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected.texts
    saved = {path.name: path for path in (tmp_path / "out").iterdir()}
    assert sorted(saved) == sorted(f"0_{name}.jpg" for name in expected.img)
    for name, drawn in expected.img.items():
        with Image.open(saved[f"0_{name}.jpg"]) as image:
            image.load()
            assert image.size == drawn.size
    (tmp_path / "text.png").write_text("no image")
    failed = run([*command, str(tmp_path / "text.png"), live.url], GOCACHE=str(tmp_path / "go"))
    assert failed.returncode == 1 and "422: Invalid input file" in failed.stderr


@pytest.mark.parametrize("language", ["Python", "C++", "Java", "Go", "C#", "Node.js", "PHP"])
def test_clients_send_the_token(guarded: Live, language: str, commands: dict[str, list[str]], tmp_path: Path) -> None:
    command = commands[language]
    if isinstance(command, str):
        pytest.skip(f"{language} client not run: {command}")
    own = {"GOCACHE": str(tmp_path / "go")}
    refused = run([*command, str(IMAGE), guarded.url], **own)
    assert refused.returncode == 1 and "401: An access token is needed" in refused.stderr
    done = run([*command, str(IMAGE), guarded.url], SEALKIT_TOKEN=TOKEN, **own)
    assert done.returncode == 0 and done.stdout.strip() == "印章", done.stderr


def test_every_language_has_a_client() -> None:
    names = {path.name for path in CLIENTS.iterdir()}
    assert names >= {"client.py", "client.cpp", "Client.java", "client.go", "Client.cs", "client.mjs", "client.php"}
    table = (CLIENTS / "README.md").read_text(encoding="utf-8")
    assert all(name in table for name in names - {"README.md", "__pycache__"})


def test_pages_keep_their_order(live: Live, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64 + 8 * n, 64), "white") for n in range(3)]
    frames[0].save(tmp_path / "pages.tiff", save_all=True, append_images=frames[1:])
    answer = live.read(tmp_path / "pages.tiff").json()["result"]
    assert [page["width"] for page in answer["dataInfo"]["pages"]] == [64, 72, 80]
    for page, width in zip(answer["sealRecResults"], (64, 72, 80), strict=True):
        import io

        with Image.open(io.BytesIO(base64.b64decode(page["inputImage"]))) as image:
            assert image.width == width
