"""Tokens, HTTPS, headers for browsers, and what is warned of."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealkit.errors import ConfigError
from sealkit.serving import server as serving
from sealkit.serving.access import Access, read_tokens
from sealkit.serving.app import Service
from sealkit.serving.metrics import Metrics
from tests.serving.calls import Client
from tests.serving.conftest import MakeClient
from tests.serving.live import server
from tests.serving.test_answers import error

TOKEN, OTHER = "a" * 16, "correct-horse-battery"


@pytest.fixture
def guarded(client: Client) -> Client:
    service = client.service
    client.service = Service(service.pool, service.settings, Metrics(), Access([TOKEN, OTHER]))
    return client


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN},{OTHER}", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {OTHER}", 200),
    ],
)
def test_a_token_must_be_there_and_right(guarded: Client, png: str, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header}
    fields = {"file": png, "fileType": 1}
    answer = guarded.call("POST", "/seal-recognition", json=fields, headers=headers)
    assert answer.status_code == status, answer.text
    assert guarded.call("GET", "/metrics", headers=headers).status_code == status
    if status == 401:
        assert "access token" in error(answer) and answer.headers["www-authenticate"] == "Bearer"


def test_what_needs_no_token(guarded: Client) -> None:
    for path in ("/health", "/docs", "/openapi.json"):
        assert guarded.call("GET", path).status_code == 200
    operation = guarded.call("GET", "/openapi.json").json()["paths"]["/seal-recognition"]["post"]
    assert operation["security"] == [{"token": []}]


def test_without_tokens_none_is_asked_for(client: Client) -> None:
    assert "security" not in client.call("GET", "/openapi.json").json()["paths"]["/seal-recognition"]["post"]


def test_tokens_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# mine\n\n{TOKEN}\n  {OTHER}  \n")
    assert read_tokens(str(path)) == [TOKEN, OTHER]
    for text in ("", "# nothing\n", "short\n", f"{TOKEN} {OTHER}\n", f"{TOKEN}\né{TOKEN}\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            read_tokens(str(path))
        assert TOKEN not in str(caught.value) and str(path) in str(caught.value)
    for wrong in (tmp_path, tmp_path / "none", "/dev/zero"):
        with pytest.raises(ConfigError):
            read_tokens(str(wrong))


def test_every_answer_binds_browsers(client: Client, png: str) -> None:
    answers = [client.call("GET", path) for path in ("/docs", "/redoc", "/health", "/metrics", "/nothing")]
    answers += [client.infer(file=png), client.infer(file="@"), client.call("POST", "/seal-recognition")]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("content-security-policy")) == 1


def test_metrics_may_be_off(make_client: MakeClient) -> None:
    assert make_client(metrics=False).call("GET", "/metrics").status_code == 404


@pytest.mark.parametrize(
    ("host", "tokens", "warned"),
    [
        ("0.0.0.0", [], True),
        ("::", [], True),
        ("192.0.2.1", [], True),
        ("example.com", [], True),
        ("0.0.0.0", [TOKEN], False),
        ("127.0.0.1", [], False),
        ("127.3.2.1", [], False),
        ("::1", [], False),
        ("localhost", [], False),
    ],
)
def test_an_open_address_without_tokens_is_warned_of(
    host: str, tokens: list[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    from sealkit.pipeline.serving_settings import ServingSettings

    with caplog.at_level(logging.WARNING, logger="sealkit.serving"):
        serving._warn(host, ServingSettings(), Access(tokens))
    assert bool(caplog.records) is warned


def test_the_default_address_is_this_machines_own() -> None:
    import argparse
    import inspect

    from sealkit.cli import serve

    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    assert parser.parse_args([]).host == "127.0.0.1"
    assert inspect.signature(serving.serve).parameters["host"].default == "127.0.0.1"


def test_wrong_files_are_told_before_anything_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sealkit.cli import main

    (tmp_path / "no.pem").write_text("nothing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pem")  # nobody ever writes to it
    for arguments, words in (
        (["--token-file", str(tmp_path / "none")], "token file"),
        (["--ssl-certfile", str(tmp_path / "no.pem")], "certificate or key cannot be used"),
        (["--ssl-certfile", str(tmp_path / "none.pem")], "certificate or key cannot be used"),
        (["--ssl-certfile", str(tmp_path / "pipe.pem")], "certificate or key cannot be used"),
        (["--ssl-keyfile", "k.pem"], "a private key without a certificate"),
    ):
        assert main(["serve", "--port", "0", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_https_with_a_token(tmp_path: Path) -> None:
    """The whole command; a client that trusts the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key, tokens = (tmp_path / name for name in ("cert.pem", "key.pem", "tokens"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    tokens.write_text(TOKEN)
    flags = ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key), "--token-file", str(tokens)]
    with server("sealkit", "serve", "--port", "0", "--workers", "1", "--threads", "1", *flags) as live:
        url = live.url.replace("http:", "https:")
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate))) as client:
            assert client.get(f"{url}/health").status_code == 200
            fields: dict[str, Any] = {"json": {"file": "QUJD"}}
            assert client.post(f"{url}/seal-recognition", **fields).status_code == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert client.post(f"{url}/seal-recognition", headers=headers, **fields).status_code == 422
        assert (TOKEN not in str(live.server.lines)) and not live.of("anyone")
