"""The official sources of models: the one table of addresses.

Facts: PaddleX 3.7.2 (Apache-2.0; paddlex/inference/utils/official_models.py, paddlex/utils/flags.py and
paddlex/configs/modules/*) for the archives, the repositories' names, the order and the variables; aistudio-sdk 0.3.9
and modelscope 1.40.2 for the addresses of single files. The tutorials' links (`assets/published.json`) follow the same
patterns, which a test proves. None of the addresses could be reached from the machine this project is developed on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from sealkit.errors import ConfigError
from sealkit.text import did_you_mean

SOURCE_VARIABLE = "PADDLE_PDX_MODEL_SOURCE"
FILES = ("inference.yml", "inference.pdiparams", "inference.json")
"""Files of an inference model, of which the last is `OLD_PROGRAM` in older ones."""
OLD_PROGRAM = "inference.pdmodel"


@dataclass(frozen=True)
class Source:
    """One official source.

    Attributes:
        about: what it is.
        endpoint: its address.
        variables: of the environment, the first that is set replaces the endpoint: a mirror with the same paths.
        file: address of one file of an inference model; None: models are archives.
        archive: address of an inference model's archive; None: models are files.
        training: address of training weights; None: it has none.
    """

    about: str
    endpoint: str
    variables: tuple[str, ...]
    file: str | None = None
    archive: str | None = None
    training: str | None = None

    @property
    def address(self) -> str:
        """The endpoint, or the mirror in its place.

        Raises:
            ConfigError: a mirror that is no http(s) address.
        """
        variable = next((name for name in self.variables if os.environ.get(name)), None)
        if variable is None:
            return self.endpoint
        given = os.environ[variable].strip().rstrip("/")
        given = given if "://" in given else f"https://{given}"  # MODELSCOPE_DOMAIN is a bare host
        if urlsplit(given).scheme not in ("http", "https") or not urlsplit(given).hostname:
            raise ConfigError("not the address of a mirror", where=variable, value=given, hint="https://HOST")
        return given

    def file_url(self, model: str, name: str) -> str:
        """Address of a file of an inference model; the source must have single files."""
        assert self.file is not None  # a row of the table that has `file`
        return self._url(self.file, model, name)

    def archive_url(self, model: str) -> str:
        """Address of an inference model's archive; the source must have archives."""
        assert self.archive is not None
        return self._url(self.archive, model)

    def training_url(self, model: str) -> str:
        """Address of a model's training weights; the source must have them."""
        assert self.training is not None
        return self._url(self.training, model)

    def _url(self, pattern: str, model: str, name: str = "") -> str:
        return self.address + pattern.format(model=quote(model), file=quote(name))


SOURCES: Mapping[str, Source] = {
    "huggingface": Source(
        "Hugging Face, repositories PaddlePaddle/MODEL",
        "https://huggingface.co",
        ("PADDLE_PDX_HUGGING_FACE_ENDPOINT", "HF_ENDPOINT"),
        file="/PaddlePaddle/{model}/resolve/main/{file}",
    ),
    "aistudio": Source(
        "AI Studio, repositories PaddleX/MODEL",
        "https://git.aistudio.baidu.com",
        ("STUDIO_GIT_HOST",),
        file="/api/v1/repos/PaddleX/{model}/media/{file}",
    ),
    "modelscope": Source(
        "ModelScope, repositories PaddlePaddle/MODEL",
        "https://www.modelscope.cn",
        ("MODELSCOPE_DOMAIN",),
        file="/models/PaddlePaddle/{model}/resolve/master/{file}",
    ),
    "bos": Source(
        "Baidu's object store, the tutorials' links",
        "https://paddle-model-ecology.bj.bcebos.com",
        ("SEALKIT_BOS_ENDPOINT",),
        archive="/paddlex/official_inference_model/paddle3.0.0/{model}_infer.tar",
        training="/paddlex/official_pretrained_model/{model}_pretrained.pdparams",
    ),
}
"""Name (PaddleX's) → source, in the order PaddleX tries them."""


def order(wanted: str | None = None, *, training: bool = False) -> tuple[str, ...]:
    """Names of the sources to try, in turn.

    Args:
        wanted: the only one to try; None: all, the one that $PADDLE_PDX_MODEL_SOURCE names first.
        training: only sources that have training weights.

    Raises:
        ConfigError: an unknown source, or one that has no training weights.
    """
    having = tuple(name for name, source in SOURCES.items() if not training or source.training is not None)
    if wanted is not None:
        name = _known(wanted, "--source")
        if name not in having:
            raise ConfigError(
                "this source has no training weights",
                where="--source",
                value=wanted,
                hint=f"{', '.join(having)} has them: leave --source out",
            )
        return (name,)
    variable = os.environ.get(SOURCE_VARIABLE)
    first = _known(variable, SOURCE_VARIABLE) if variable else None
    return tuple(sorted(having, key=lambda name: name != first))


def _known(name: str, where: str) -> str:
    if name.lower() in SOURCES:
        return name.lower()
    hint = did_you_mean(name, SOURCES, also=f"one of {', '.join(SOURCES)}")
    raise ConfigError("unknown source of models", where=where, value=name, hint=hint)
