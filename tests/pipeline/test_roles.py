"""Roles of lines: geometry guesses, the text decides."""

from typing import Any

import pytest

from sealkit.pipeline.roles import is_code, line_roles


@pytest.mark.parametrize(
    ("lines", "roles"),
    [
        (
            [("天津君和缘商贸有限公司", "title"), ("发票专用章", "purpose"), ("5263647368706", "code")],
            ["title", "purpose", "code"],
        ),
        ([("天津有限公司", "title"), ("吗繁物", "purpose"), ("有限公司", "code")], ["title", None, None]),
        ([("北京中导开源科技有限公司", "title"), ("TECHNOLOGY", "title")], ["title", None]),
        ([("1101080123456", "purpose"), ("财务专用章", "title"), ("某某公司", "title")], ["code", "purpose", "title"]),
        ([("财务专用章", "title")], ["title"]),
        ([("张三", "name"), ("之印", "name")], ["name", "name"]),
        ([], []),
    ],
)  # fmt: skip
def test_roles(lines: list[tuple[str, str]], roles: list[Any]) -> None:
    assert line_roles(lines) == roles


def test_codes() -> None:
    assert is_code("5263647368706") and is_code("4403 0712 3456") and is_code("91110108MA01A1B2")
    assert not is_code("12345") and not is_code("TECHNOLOGY") and not is_code("2026年11月20日")
