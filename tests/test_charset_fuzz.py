"""Dictionaries and character lists of any content: a charset, or one CharsetError that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.charset import Charset
from sealkit.errors import CharsetError

FUZZ: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
GOOD = "\n".join("印章公司有限责任专用合同财务发票0123456789").encode() + b"\n"
PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b" ", b"\t", "章".encode("gbk"), b"\xed\xa0\x80"]
)
FILES = st.lists(PIECES | st.binary(max_size=6) | st.just(GOOD), max_size=6).map(b"".join)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
STORED: Any = VALUES | st.fixed_dictionaries(
    {}, optional={"characters": VALUES, "hash": VALUES, "id": VALUES, "space": VALUES}
)


def check(path: Path, data: bytes, value: Any, stored: Any) -> None:
    path.write_bytes(data)
    for make in (
        lambda: Charset.from_file(path),
        lambda: Charset.from_inference(value, where="inference.yml"),
        lambda: Charset.from_dict(stored),
    ):
        try:
            charset = make()
        except CharsetError as error:
            assert 0 < len(str(error)) < 1000
            continue
        assert charset.num_classes == len(charset.classes) and charset.decode(range(1, charset.num_classes)) is not None
        charset.save(path)
        if not any("\n" in one or "\r" in one for one in charset.characters):
            assert len(path.read_bytes().decode("utf-8", "replace").split("\n")) == len(charset.characters) + 1


@settings(max_examples=100, **FUZZ)
@given(FILES, VALUES, STORED)
def test_any_content(tmp_path: Path, data: bytes, value: Any, stored: Any) -> None:
    check(tmp_path / "dict.txt", data, value, stored)


@pytest.mark.slow
@settings(max_examples=10_000, **FUZZ)
@given(FILES, VALUES, STORED)
def test_ten_thousand_contents(tmp_path: Path, data: bytes, value: Any, stored: Any) -> None:
    check(tmp_path / "dict.txt", data, value, stored)
