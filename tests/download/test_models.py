"""Official models from the four sources, to where the rest of sealkit finds them; whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sealkit import zoo
from sealkit.download import known, models
from sealkit.download.errors import DownloadError, NotThereError, UnreachableError, WrongFileError
from sealkit.download.models import Request, Result, download
from sealkit.download.places import find_inference, find_training
from sealkit.download.sources import SOURCES, order
from sealkit.download.transfer import Known
from sealkit.errors import ConfigError
from sealkit.modules.published import published_models
from sealkit.pipeline.locate import locate_model
from tests.download.conftest import QUICK, File, Server

MODEL = "PP-OCRv4_server_seal_det"
FILES = {
    "inference.yml": b"Global: {model_name: PP-OCRv4_server_seal_det}\n",
    "inference.pdiparams": b"p" * 5000,
    "inference.json": b'{"program": 1}',
}
BOS = "/bos/paddlex/official_inference_model/paddle3.0.0"
TRAINING = "/bos/paddlex/official_pretrained_model"


def tar_of(files: Mapping[str, bytes], top: str = f"{MODEL}_infer") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def put_files(
    server: Server, source: str = "huggingface", files: Mapping[str, bytes] = FILES, model: str = MODEL
) -> None:
    """The files where a source has them."""
    for name, data in files.items():
        server[SOURCES[source].file_url(model, name).removeprefix(server.url)] = data


def got(request: Request, **options: Any) -> Result:
    return download(request, rules=QUICK, **options)


def test_the_addresses_are_those_of_the_tutorials() -> None:
    """Every link of the newer tutorial follows the pattern; the beta's differ in the archive's version only."""
    rows = published_models()
    assert len(rows) > 40
    bos = SOURCES["bos"]
    for row in rows:
        here = bos.archive_url(row.model)
        assert row.inference_url in (here, here.replace("paddle3.0.0", "paddle3.0b2")), row.model
        assert row.training_url in (None, bos.training_url(row.model)), row.model
    assert sum(row.training_url is not None for row in rows) > 25
    assert SOURCES["huggingface"].file_url("UVDoc", "inference.yml") == (
        "https://huggingface.co/PaddlePaddle/UVDoc/resolve/main/inference.yml"
    )


def test_the_lock_names_files_of_the_zoo() -> None:
    assert len(known.committed()) >= 10
    for name, entry in known.committed().items():
        model, _, file = name.partition("/")
        assert zoo.get(model).name == model
        assert file in ("inference.pdiparams", "inference.json", f"{model}_infer.tar")
        assert len(bytes.fromhex(entry.sha256)) == 32 and (entry.size is None or entry.size > 1000)


@pytest.mark.parametrize("source", ["huggingface", "aistudio", "modelscope"])
def test_files_of_a_repository(server: Server, places: Path, source: str) -> None:
    put_files(server, source)
    result = got(Request(MODEL, source=source))
    assert result.source == source and result.path == places / "models" / f"{MODEL}_infer"
    assert {path.name: path.read_bytes() for path in result.path.iterdir()} == FILES
    assert locate_model(MODEL).path == result.path
    assert [path.name for path in (places / "models" / ".incoming").iterdir()] == [f"{MODEL}_infer.lock"]


def test_an_older_model_has_another_program_file(server: Server, places: Path) -> None:
    files = {name: data for name, data in FILES.items() if name != "inference.json"} | {"inference.pdmodel": b"old"}
    put_files(server, files=files)
    assert sorted(path.name for path in got(Request(MODEL)).path.iterdir()) == sorted(files)


def test_an_archive_that_is_interrupted_three_times(server: Server, places: Path) -> None:
    content = tar_of(FILES)
    server[f"{BOS}/{MODEL}_infer.tar"] = File(content, drop_at=[100, 3000, 9000])
    result = got(Request(MODEL, source="bos"))
    assert {path.name: path.read_bytes() for path in result.path.iterdir()} == FILES
    learned = json.loads((places / "models" / known.LOCK).read_text())
    assert learned[f"bos:{MODEL}/{MODEL}_infer.tar"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert any("learned" in note for note in result.notes)


def test_training_weights(server: Server, places: Path) -> None:
    server[f"{TRAINING}/{MODEL}_pretrained.pdparams"] = b"\x80\x04weights"
    result = got(Request(MODEL, "training"))
    assert find_training(MODEL) == result.path == places / "weights" / f"{MODEL}_pretrained.pdparams"
    with pytest.raises(ConfigError, match="no training weights"):
        got(Request("UVDoc", "training", source="huggingface"))
    server[f"{TRAINING}/UVDoc_pretrained.pdparams"] = b"<?xml error"
    with pytest.raises(WrongFileError, match=r"not a \.pdparams file"):
        got(Request("UVDoc", "training"))
    assert find_training("UVDoc") is None


def test_a_source_that_fails_is_followed_by_the_next(
    server: Server, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    put_files(server, "modelscope")
    server[SOURCES["aistudio"].file_url(MODEL, "inference.yml").removeprefix(server.url)] = File(status=[503] * 9)
    result = got(Request(MODEL), say=said.append)
    assert result.source == "modelscope"
    assert [line.partition(":")[0] for line in said] == ["huggingface", "aistudio"]
    monkeypatch.setenv("PADDLE_PDX_MODEL_SOURCE", "BOS")
    assert order() == ("bos", "huggingface", "aistudio", "modelscope")
    monkeypatch.setenv("PADDLE_PDX_MODEL_SOURCE", "hugingface")
    with pytest.raises(ConfigError, match="did you mean huggingface"):
        order()


def test_where_no_source_has_it_all_are_named(server: Server, places: Path) -> None:
    with pytest.raises(NotThereError) as caught:
        got(Request(MODEL))
    assert all(source in str(caught.value) for source in SOURCES)
    assert find_inference(MODEL) is None


def test_a_model_that_is_there_is_not_fetched(server: Server, places: Path) -> None:
    folder = places / "paddlex" / "official_models" / MODEL
    folder.mkdir(parents=True)
    assert got(Request(MODEL)).path == folder and got(Request(MODEL)).source is None
    assert server.asked() == [] and list(folder.iterdir()) == []  # PaddleX's own is not touched
    put_files(server)
    assert got(Request(MODEL, force=True)).path == places / "models" / f"{MODEL}_infer"
    assert list(folder.iterdir()) == []
    other = got(Request(MODEL, output=places / "mine"))
    assert other.path == places / "mine" / f"{MODEL}_infer" and (other.path / "inference.yml").is_file()


def test_a_file_that_is_not_the_one_of_the_first_time_is_refused(server: Server, places: Path) -> None:
    put_files(server)
    first = got(Request(MODEL)).path
    put_files(server, files=FILES | {"inference.pdiparams": b"q" * 5000})
    with pytest.raises(WrongFileError, match="not the one it should be"):
        got(Request(MODEL, force=True))
    assert (first / "inference.pdiparams").read_bytes() == FILES["inference.pdiparams"]
    got(Request(MODEL, force=True, relearn=True))
    assert (first / "inference.pdiparams").read_bytes() == b"q" * 5000
    got(Request(MODEL, force=True))  # the new one is the known one now


@pytest.mark.parametrize("key", ["inference.pdiparams", f"{MODEL}_infer.tar"])
def test_the_sums_of_the_package_hold_for_archives_and_for_what_is_in_them(
    server: Server, places: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(known, "committed", lambda: {f"{MODEL}/{key}": Known("0" * 64)})
    monkeypatch.setattr(models, "committed", known.committed)
    server[f"{BOS}/{MODEL}_infer.tar"] = tar_of(FILES)
    with pytest.raises(WrongFileError, match="0000"):
        got(Request(MODEL, source="bos"))
    assert find_inference(MODEL) is None and [p.name for p in (places / "models").iterdir()] == [".incoming"]
    got(Request(MODEL, source="bos", relearn=True))
    assert find_inference(MODEL) is not None


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({name: FILES[name] for name in ("inference.yml", "inference.json")}, "missing: inference.pdiparams"),
        (FILES | {"inference.yml": b"Global: {model_name: UVDoc}"}, "another name"),
        (FILES | {"inference.yml": b"{{{"}, "not an inference model"),
    ],
)
def test_an_archive_that_is_not_this_model_is_not_used(
    server: Server, places: Path, files: dict[str, bytes], what: str
) -> None:
    server[f"{BOS}/{MODEL}_infer.tar"] = tar_of(files)
    with pytest.raises(WrongFileError, match=what):
        got(Request(MODEL, source="bos"))
    assert find_inference(MODEL) is None
    assert not list((places / "models").glob(f"{MODEL}*"))


def test_a_damaged_lock_is_told(server: Server, places: Path) -> None:
    put_files(server)
    (places / "models").mkdir()
    (places / "models" / known.LOCK).write_text("[1")
    with pytest.raises(DownloadError, match="sums of earlier downloads"):
        got(Request(MODEL))


def _process(results: Any, url: str) -> None:
    result = download(Request(MODEL, source="bos"), rules=QUICK)
    results.put(asdict(result) | {"files": sorted(path.name for path in result.path.iterdir())})


def test_two_processes_at_once_fetch_once(server: Server, places: Path) -> None:
    server[f"{BOS}/{MODEL}_infer.tar"] = File(tar_of(FILES), pause=0.5)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    running = [context.Process(target=_process, args=(results, server.url)) for _ in range(2)]
    for process in running:
        process.start()
    found = [results.get(timeout=180) for _ in running]
    for process in running:
        process.join()
    assert sorted(str(one["source"]) for one in found) == ["None", "bos"]
    assert all(one["files"] == sorted(FILES) for one in found)
    assert len(server[f"{BOS}/{MODEL}_infer.tar"].requests) == 1


def test_a_download_that_fails_leaves_what_it_has_for_the_next(server: Server, places: Path) -> None:
    content = tar_of(FILES)
    server[f"{BOS}/{MODEL}_infer.tar"] = File(content, drop_at=[4000] * (QUICK.idle_tries + 1))
    with pytest.raises(UnreachableError):
        got(Request(MODEL, source="bos"))
    assert find_inference(MODEL) is None
    server[f"{BOS}/{MODEL}_infer.tar"].drop_at.clear()
    got(Request(MODEL, source="bos"))
    assert server[f"{BOS}/{MODEL}_infer.tar"].requests[-1]["range"] == "bytes=4000-"


def test_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PADDLE_PDX_HUGGING_FACE_ENDPOINT", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://hf-mirror.example/")
    assert SOURCES["huggingface"].address == "https://hf-mirror.example"
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "modelscope.example")
    assert SOURCES["modelscope"].address == "https://modelscope.example"
    monkeypatch.setenv("HF_ENDPOINT", "ftp://hf-mirror.example/")
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        _ = SOURCES["huggingface"].address
