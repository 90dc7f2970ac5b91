"""`python -m tests.serving.serve_fake '{"workers": 2}'`: the service around the fake pipeline."""

from __future__ import annotations

import sys

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving import log
from sealkit.serving.access import Access, read_tokens
from sealkit.serving.app import Service
from sealkit.serving.metrics import Metrics
from sealkit.serving.pool import Pool
from sealkit.serving.server import bound, run
from tests.serving.fakes import specs


def main() -> None:
    log.set_up()
    settings = ServingSettings.model_validate_json(sys.argv[1])
    metrics = Metrics()
    pool = Pool(specs(settings.workers or 1, settings), lambda cause: metrics.restarts.labels(cause).inc())
    with bound("127.0.0.1", 0) as listening:
        pool.start()
        access = Access(read_tokens(settings.token_file) if settings.token_file else ())
        run(Service(pool, settings, metrics, access), listening, settings)
        pool.close()


if __name__ == "__main__":
    main()
