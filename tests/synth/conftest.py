import pytest

from sealkit.drawing.fonts import chinese_faces
from sealkit.errors import DataError


@pytest.fixture(scope="session", autouse=True)
def chinese_fonts() -> None:
    """Everything here draws Chinese characters."""
    try:
        chinese_faces()
    except DataError:
        pytest.skip("no font with Chinese characters on this machine")
