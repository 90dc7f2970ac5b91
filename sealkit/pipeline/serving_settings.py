"""Settings of the HTTP service: the `Serving` section of a pipeline config (docs/serving.md, "Running it").

`visualize`, `return_urls` and `extra` are PaddleX's keys; the others are sealkit's.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from sealkit.config.base import Settings


class ServingExtra(Settings):
    """PaddleX's `Serving.extra`."""

    max_num_input_imgs: int | None = Field(10, gt=0)
    """Pages of a PDF or frames of a TIFF that are read; later ones are silently dropped, as in PaddleX. null:
    no limit."""
    max_output_img_size: tuple[int, int] | None = (2000, 2000)
    """Width and height that images of an answer are shrunk into. (PaddleX compares with height and width swapped and
    enlarges some images by that; the two agree on square limits.) null: never shrunk."""
    file_storage: dict[str, Any] | None = None
    url_expires_in: int = -1
    return_img_urls: bool = False


class ServingSettings(Settings):
    """`Serving` of a pipeline config; flags of `sealkit serve` come before it."""

    visualize: bool = True
    """Return images unless the request says otherwise."""
    return_urls: bool = False
    extra: ServingExtra = ServingExtra()

    workers: int | None = Field(None, gt=0, le=256)
    """Worker processes, each with a pipeline of its own. null: one per two cores, at most 4."""
    queue: int = Field(32, ge=0)
    """Requests that may wait for a worker; one more is answered 429."""
    timeout: float = Field(120.0, gt=0)
    """Seconds from the complete request to the answer, waiting included; a worker that takes longer is replaced."""
    read_timeout: float = Field(60.0, gt=0)
    """Seconds a client may take to send its request."""
    max_bytes: int = Field(64_000_000, gt=0)
    """Largest request body, and largest file behind a URL."""
    max_pixels: int = Field(178_956_970, gt=0)
    """Largest width × height of an image; PDF pages are drawn smaller instead. The default is PaddleX's."""
    max_side: int = Field(20_000, gt=0)
    """Largest side of an image in pixels."""
    url_hosts: tuple[str, ...] = ()
    """Public hosts that URLs may name: `files.example.com`, `*.example.com`, `example.com:8443`. Empty: no URL is
    fetched."""
    url_timeout: float = Field(10.0, gt=0)
    """Seconds for a connection to such a host and for each read; all of it counts towards `timeout`."""

    token_file: str | None = None
    """File of access tokens, one a line: requests must carry one (`Authorization: Bearer TOKEN`). null: none is asked
    for."""
    metrics: bool = True
    """GET /metrics, for Prometheus."""
    worker_memory: int | None = Field(4_000_000_000, ge=100_000_000)
    """Bytes of address space that a worker may take beyond what it has when its pipeline is loaded (Linux; CPU only).
    A request that needs more is refused, and the worker replaced; an image of 48 megapixels takes 2.1 GB. null: no
    limit."""

    @model_validator(mode="after")
    def _answers_carry_images(self) -> ServingSettings:
        if self.return_urls or self.extra.return_img_urls or self.extra.file_storage is not None:
            raise ValueError(
                "images are returned inside the answer, as base64: omit return_urls, return_img_urls and "
                "file_storage (an object store), or store the images where the answer arrives"
            )
        return self
