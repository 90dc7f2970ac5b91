"""The section `Serving` of a pipeline config."""

import pytest

from sealkit.config.load import load_settings
from sealkit.config.problems import SettingsError
from sealkit.images import MAX_PIXELS
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.pipeline.settings import SealRecognitionSettings


def serving(*overrides: str) -> ServingSettings:
    return load_settings("configs", "embedded", SealRecognitionSettings, overrides).settings.Serving


def test_defaults_are_paddlexs() -> None:
    settings = serving()
    assert settings == ServingSettings()
    assert settings.visualize and settings.extra.max_num_input_imgs == 10
    assert settings.extra.max_output_img_size == (2000, 2000) and settings.max_pixels == MAX_PIXELS
    assert settings.url_hosts == ()


def test_paddlexs_section_is_read() -> None:
    settings = serving("Serving={visualize: false, extra: {max_num_input_imgs: null, max_output_img_size: [300, 200]}}")
    assert not settings.visualize and settings.extra.max_num_input_imgs is None
    assert settings.extra.max_output_img_size == (300, 200)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("Serving.return_urls=true", "inside the answer"),
        ("Serving.extra.file_storage={type: bos}", "inside the answer"),
        ("Serving.extra.max_images=5", "max_images"),
        ("Serving.workers=0", "workers"),
        ("Serving.timeout=.inf", "timeout"),
    ],
)
def test_what_cannot_be_done_is_refused(override: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        serving(override)
