"""One file over HTTP: interrupted, changed, of another size or content, or none; never used half."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sealkit.download.errors import DownloadError, NotThereError, UnreachableError, WrongFileError
from sealkit.download.transfer import Known, TransferRules, fetch
from tests.download.conftest import QUICK, File, Server

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


def test_a_connection_that_drops_at_three_points_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(CONTENT, drop_at=[1, 1_000_000, 2_999_999])
    told: list[int] = []
    received = fetch(f"{server.url}/f", tmp_path / "f", Known(SUM), lambda size, total: told.append(size), QUICK)
    assert (received.sha256, received.size) == (SUM, len(CONTENT))
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert [asked.get("range") for asked in server["/f"].requests] == [
        None, "bytes=1-", "bytes=1000000-", "bytes=2999999-"
    ]  # fmt: skip
    assert told == sorted(told) and told[-1] == len(CONTENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f"]


def test_what_arrived_before_a_kill_is_gone_on_with_by_the_next_process(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(CONTENT, drop_at=[700_000, *[700_000] * QUICK.idle_tries])
    with pytest.raises(UnreachableError, match="700000 of 3000000 bytes") as caught:
        fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK)
    assert "700000 bytes are kept" in str(caught.value)
    assert not (tmp_path / "f").exists()
    server["/f"].drop_at.clear()
    assert fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK).sha256 == SUM
    assert server["/f"].requests[-1]["range"] == "bytes=700000-"


@pytest.mark.parametrize(
    "file",
    [
        File(CONTENT, drop_at=[1_000_000], ranges=False),
        File(CONTENT, drop_at=[1_000_000], etag=None),
        File(CONTENT, drop_at=[1_000_000], etag='W/"weak"'),
    ],
    ids=["no ranges", "no validator", "a weak one"],
)
def test_where_resuming_is_not_safe_the_file_is_fetched_anew(server: Server, tmp_path: Path, file: File) -> None:
    server["/f"] = file
    assert fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK).sha256 == SUM


def test_the_time_of_the_last_change_validates_too(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(CONTENT, drop_at=[10], etag=None, modified="Sun, 29 Nov 2026 00:00:00 GMT")
    assert fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK).sha256 == SUM
    assert server["/f"].requests[1]["if-range"] == "Sun, 29 Nov 2026 00:00:00 GMT"


def test_a_file_that_changes_meanwhile_is_never_a_mixture(server: Server, tmp_path: Path) -> None:
    newer = CONTENT[::-1]
    server["/f"] = File(CONTENT, drop_at=[1_000_000], change_to=newer)
    fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK)
    assert (tmp_path / "f").read_bytes() == newer


def test_parts_that_do_not_belong_together_are_fetched_anew_once(server: Server, tmp_path: Path) -> None:
    """The server calls another content the same: only the sum tells."""
    server["/f"] = File(CONTENT)
    (tmp_path / "f.part").write_bytes(b"x" * 1_000_000)
    note = {"url": f"{server.url}/f", "total": len(CONTENT), "validator": '"v1"', "sha256": None}
    (tmp_path / "f.part.json").write_text(json.dumps(note))
    assert fetch(f"{server.url}/f", tmp_path / "f", Known(SUM), rules=QUICK).sha256 == SUM
    assert [asked.get("range") for asked in server["/f"].requests] == ["bytes=1000000-", None]


@pytest.mark.parametrize("note", ["{", "[]", '{"url": "elsewhere"}', '{"url": "URL", "total": "many"}'])
def test_a_damaged_note_is_worth_nothing(server: Server, tmp_path: Path, note: str) -> None:
    server["/f"] = CONTENT
    (tmp_path / "f.part").write_bytes(b"x" * 10)
    (tmp_path / "f.part.json").write_text(note.replace("URL", f"{server.url}/f"))
    assert fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK).sha256 == SUM


def test_a_part_that_is_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    server["/f"] = CONTENT
    (tmp_path / "f.part").write_bytes(bytes(len(CONTENT) + 5))
    note = {"url": f"{server.url}/f", "total": len(CONTENT), "validator": '"v1"', "sha256": None}
    (tmp_path / "f.part.json").write_text(json.dumps(note))
    assert fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK).sha256 == SUM


@pytest.mark.parametrize(
    ("file", "known", "what"),
    [
        (File(CONTENT), Known(size=5), "another size than the known 5 bytes"),
        (File(CONTENT), Known("0" * 64), "not the one it should be, whose SHA-256 is 0000"),
        (File(CONTENT, length=-1), Known(SUM, 5), "another size"),
        (File(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), Known(), "a web page"),
        (File(CONTENT, headers={"Content-Encoding": "gzip"}), Known(), "an encoded answer"),
        (File(CONTENT), Known(), "over the limit of 1000000 bytes"),
        (File(CONTENT, length=-1), Known(SUM), "larger than it should be"),
    ],
)
def test_a_wrong_file_is_refused_and_not_kept(
    server: Server, tmp_path: Path, file: File, known: Known, what: str
) -> None:
    server["/f"] = file
    rules = TransferRules(max_bytes=1_000_000, wait_s=0) if known in (Known(), Known(SUM)) else QUICK
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(WrongFileError, match=what):
        fetch(f"{server.url}/f", tmp_path / "f", known, rules=rules)
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"], "nor is what had arrived of it"


def test_a_length_shorter_than_the_file_ends_there_and_the_sum_tells(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(CONTENT, length=1000)
    with pytest.raises(WrongFileError):
        fetch(f"{server.url}/f", tmp_path / "f", Known(SUM), rules=QUICK)
    assert not (tmp_path / "f").exists()


def test_without_a_length_only_a_known_sum_tells_that_all_has_arrived(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(CONTENT, length=-1)
    with pytest.raises(UnreachableError, match="how long the file is"):
        fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK)
    assert fetch(f"{server.url}/f", tmp_path / "f", Known(SUM), rules=QUICK).sha256 == SUM


def test_the_sum_that_the_server_tells_counts(server: Server, tmp_path: Path) -> None:
    server["/f"] = CONTENT
    for tag, good in ((SUM, True), ("1" * 64, False), ("2" * 40, True)):  # 40: git's, of a small file
        server["/r"] = File(status=[302], headers={"Location": "/f", "X-Linked-ETag": f'"{tag}"'})
        if good:
            fetch(f"{server.url}/r", tmp_path / "f", rules=QUICK)
        else:
            with pytest.raises(WrongFileError, match="1111"):
                fetch(f"{server.url}/r", tmp_path / "f", rules=QUICK)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_range(server: Server, tmp_path: Path, code: int) -> None:
    server["/there"] = File(CONTENT, drop_at=[1000])
    server["/r"] = File(
        status=[code, code], headers={"Location": server.url.replace("127.0.0.1", "localhost") + "/there"}
    )
    assert fetch(f"{server.url}/r", tmp_path / "f", rules=QUICK).sha256 == SUM
    assert server["/there"].requests[-1]["range"] == "bytes=1000-"


def test_redirects_that_lead_nowhere(server: Server, tmp_path: Path) -> None:
    server["/loop"] = File(status=[302] * 50, headers={"Location": "/loop"})
    for number in range(10):
        server[f"/{number}"] = File(status=[302], headers={"Location": f"/{number + 1}"})
    server["/file"] = File(status=[302], headers={"Location": "file:///etc/passwd"})
    for path in ("/loop", "/0", "/file"):
        with pytest.raises(DownloadError):
            fetch(server.url + path, tmp_path / "f", rules=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_https_never_becomes_http() -> None:
    from urllib.request import Request

    from sealkit.download.transfer import _Redirects

    handler = _Redirects()
    with pytest.raises(DownloadError, match="not encrypted"):
        handler.redirect_request(Request("https://a.example/f"), None, 302, "", {}, "http://a.example/f")
    assert handler.redirect_request(Request("https://a.example/f"), None, 302, "", {}, "https://b.example/f").host


def test_the_answers_of_servers(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"no such file \(got 404\)"):
        fetch(f"{server.url}/none", tmp_path / "f", rules=QUICK)
    server["/busy"] = File(CONTENT, status=[503, 429, 500])
    assert fetch(f"{server.url}/busy", tmp_path / "f", rules=QUICK).sha256 == SUM
    server["/down"] = File(CONTENT, status=[503] * 50)
    with pytest.raises(UnreachableError, match="503"):
        fetch(f"{server.url}/down", tmp_path / "g", rules=QUICK)
    assert len(server["/down"].requests) == QUICK.idle_tries
    server["/login"] = File(CONTENT, status=[401])
    with pytest.raises(UnreachableError, match="401"):
        fetch(f"{server.url}/login", tmp_path / "g", rules=QUICK)
    with pytest.raises(UnreachableError, match="did not end"):
        fetch("http://127.0.0.1:1/f", tmp_path / "g", rules=QUICK)


def test_a_server_that_drips_is_left(server: Server, tmp_path: Path) -> None:
    server["/f"] = File(b"x" * 1000, drip=0.02)
    rules = TransferRules(answer_s=10, idle_s=0.2, wait_s=0.01, slowest=100_000, idle_tries=2, tries=3)
    with pytest.raises(UnreachableError):
        fetch(f"{server.url}/f", tmp_path / "f", rules=rules)
    assert len(server["/f"].requests) == 3 and not (tmp_path / "f").exists()


def test_a_full_disk_is_told_before_the_first_byte(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server["/f"] = CONTENT
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match="3000000 bytes do not fit on the disk"):
        fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK)


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands in for a full disk")
def test_a_disk_that_fills_up_is_not_taken_for_the_network(server: Server, tmp_path: Path) -> None:
    import resource

    server["/f"] = CONTENT
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, kept[1]))  # beyond it writes fail: Python ignores SIGXFSZ
    try:
        with pytest.raises(DownloadError, match=r"f\.part: cannot write: File too large"):
            fetch(f"{server.url}/f", tmp_path / "f", rules=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert len(server["/f"].requests) == 1 and not (tmp_path / "f").exists()


def test_proxies_are_honoured(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server["http://far.example/f"] = CONTENT  # a proxy is asked for the whole address
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch("http://far.example/f", tmp_path / "f", rules=QUICK).sha256 == SUM
