"""`sealkit serve`: serves the pipeline over HTTP."""

from __future__ import annotations

import argparse
import json

from sealkit.runtime import engines

NAME = "serve"
HELP = "Read seals in a browser and over HTTP: a page at /, POST /seal-recognition as PaddleX's service, /docs."
EXAMPLES = """
  sealkit serve                                            # open http://127.0.0.1:8080 and drop an image there
  sealkit serve --host 0.0.0.0 --token-file tokens.txt     # every machine that reaches it and has a token
  sealkit serve --ssl-certfile cert.pem --ssl-keyfile key.pem   # HTTPS
  sealkit serve --pipeline my.yaml --port 9000 --workers 4
  sealkit serve --url-host files.example.com            # requests may name URLs of this host
  sealkit serve --device gpu:0,1 --workers 2               # one worker per card
  sealkit serve -o Serving.timeout=30 Serving.max_bytes=10000000 Serving.visualize=false

Requests and responses follow PaddleX; clients in seven languages are in sealkit/serving/clients.
GET /health says whether a worker is ready, GET /metrics is for Prometheus. The page's address is printed on stdout,
logs are JSON lines on stderr. SIGTERM: no new connections, requests in progress are answered, exit code 0.
Exit code before it listens: 2 wrong settings, token file or certificate, 7 engine or device, 1 port in use.
"""

_SETTINGS = (
    ("workers", int, "N", "worker processes, each with a pipeline of its own (default: one per two cores, at most 4)"),
    ("queue", int, "N", "requests that may wait for a worker; one more gets 429 (default: 32)"),
    ("timeout", float, "S", "seconds for a request, waiting included (default: 120)"),
    ("max-bytes", int, "N", "largest request body and largest file behind a URL (default: 64,000,000)"),
    ("max-pixels", int, "N", "largest image in pixels (default: 178,956,970)"),
    ("max-side", int, "N", "largest side of an image in pixels (default: 20,000)"),
    ("worker-memory", int, "N", "bytes a request may take beyond a worker's loaded pipeline (default: 4,000,000,000)"),
    ("token-file", str, "FILE", "ask for an access token, one a line in FILE: Authorization: Bearer TOKEN"),
)
"""Flags that are settings of the config's section `Serving`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit serve`."""
    from sealkit.cli.options import add_overrides, port, positive

    parser.add_argument(
        "--pipeline", metavar="CONFIG", help="pipeline config: YAML file or shipped name (default: embedded)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: all (default: 127.0.0.1, this machine only)"
    )
    parser.add_argument("--port", type=port, default=8080, help="0: any free one, see the log (default: 8080)")
    parser.add_argument(
        "--download", action="store_true", default=None, help="get missing official models (see sealkit download)"
    )
    parser.add_argument("--engine", help=f"{engines.HELP} (default: the config's, else auto)")
    parser.add_argument("--device", help="cpu, gpu:0, gpu:0,1, npu:0, … dealt out among the workers")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="CPU threads per worker (default: the cores, shared out)"
    )
    for name, kind, metavar, text in _SETTINGS:
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--url-host", action="append", metavar="HOST",
        help="fetch URLs of this public host: name, *.name or name:port; may be given several times (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", action=argparse.BooleanOptionalAction, default=None, help="answer GET /metrics (default: yes)"
    )
    parser.add_argument("--ssl-certfile", metavar="PEM", help="speak HTTPS with this certificate")
    parser.add_argument("--ssl-keyfile", metavar="PEM", help="its private key, if in a separate file")
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit serve`; returns the exit code."""
    from sealkit.download.asking import wanted
    from sealkit.errors import ConfigError
    from sealkit.pipeline.create import DEFAULT, fetch_models, load_config
    from sealkit.serving.server import Tls, serve

    if args.ssl_keyfile and not args.ssl_certfile:
        raise ConfigError("a private key without a certificate", where="--ssl-keyfile", hint="add --ssl-certfile")
    given = {name.replace("-", "_"): getattr(args, name.replace("-", "_")) for name, *_ in _SETTINGS}
    given |= {"url_hosts": args.url_host, "metrics": args.metrics}
    # JSON is YAML; flags come before -o, so that what is written last wins
    flags = [f"Serving.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    if wanted(args.download):  # once, before the workers
        fetch_models(load_config(args.pipeline or DEFAULT, [*flags, *args.overrides]).settings)
    serve(
        args.pipeline,
        host=args.host,
        port=args.port,
        tls=Tls(args.ssl_certfile, args.ssl_keyfile) if args.ssl_certfile else None,
        device=args.device,
        engine=args.engine,
        threads=args.threads,
        overrides=[*flags, *args.overrides],
    )
    return 0
