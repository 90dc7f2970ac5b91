"""`sealkit download`: official inference models and training weights, from PaddlePaddle's own sources."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealkit.download.models import Request

NAME = "download"
HELP = "Download official models: inference folders and training weights, checked, to where sealkit finds them."
EXAMPLES = """
  sealkit download PP-OCRv4_server_seal_det PP-OCRv4_server_rec   # inference models
  sealkit download --pipeline seal_recognition                    # every model that config needs
  sealkit download PP-OCRv4_mobile_seal_det --training            # where fine-tuning starts: weights.init: official
  sealkit download UVDoc --source bos --output models             # one source only, another folder
  sealkit download --pipeline seal_recognition --dry-run          # what would be fetched, from where
  sealkit download --list                                         # every model, what is here, and its addresses
  HF_ENDPOINT=https://mirror.example sealkit download UVDoc       # a mirror

Sources, in this order: huggingface, aistudio, modelscope, bos; $PADDLE_PDX_MODEL_SOURCE names the first. Training
weights are on bos. Mirrors: $HF_ENDPOINT, $STUDIO_GIT_HOST, $MODELSCOPE_DOMAIN, $SEALKIT_BOS_ENDPOINT; proxies:
$HTTPS_PROXY. An interrupted download goes on where it was. What PaddleX downloaded is used as it is.
Exit code: 0; 8 where something could not be downloaded (the rest was); 2 wrong names.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit download`."""
    from sealkit.cli.options import add_overrides
    from sealkit.download.sources import SOURCES

    parser.add_argument("names", nargs="*", metavar="NAME", help="official model name or pattern (`sealkit models`)")
    parser.add_argument("--pipeline", metavar="CONFIG", help="models of a pipeline config: YAML file or shipped name")
    add_overrides(parser)
    parser.add_argument("--training", action="store_true", help="training weights (.pdparams), not inference models")
    parser.add_argument("--source", metavar="NAME", help=f"the only source to ask: {', '.join(SOURCES)}")
    parser.add_argument("--output", metavar="DIR", help="folder to write to (default: where sealkit looks for them)")
    parser.add_argument("--force", action="store_true", help="download again what is there")
    parser.add_argument(
        "--relearn",
        action="store_true",
        help="accept files whose SHA-256 is not the known one, and keep the new one",
    )
    parser.add_argument("--list", action="store_true", help="print every model, what is here of it, and its addresses")
    parser.add_argument("--dry-run", action="store_true", help="print what would be fetched, and fetch nothing")
    parser.add_argument("--json", action="store_true", help="with --list: JSON")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit download`; returns the exit code."""
    from sealkit.download.errors import DownloadError
    from sealkit.download.progress import download_shown
    from sealkit.errors import ConfigError

    if args.list:
        return _list(args)
    requests = _requests(args)
    if not requests:
        hint = "name models, or a config: --pipeline seal_recognition; --list shows all"
        raise ConfigError("nothing to download", where="sealkit download", hint=hint)
    failed: list[DownloadError] = []
    for request in requests:
        found = request.found()
        if found is not None and not request.force:
            print(f"{request.model}: already there, {found}")
        elif args.dry_run:
            print(f"{request.model}: would go to {request.target}")
            print("\n".join(f"  from {url}" for url in request.addresses()))
        else:
            try:
                print(f"{request.model}: {download_shown(request).path}")
            except DownloadError as error:  # the others may be there
                failed.append(error)
                print(f"error: {error}", file=sys.stderr)
    if failed:
        print(f"{len(failed)} of {len(requests)} could not be downloaded", file=sys.stderr)
        return DownloadError.exit_code
    return 0


def _requests(args: argparse.Namespace) -> list[Request]:
    from sealkit.download.models import Request
    from sealkit.errors import ConfigError

    names = _named(args.names)
    if args.pipeline:
        if args.training:
            raise ConfigError(
                "a pipeline has no training weights",
                where="--training",
                value=args.pipeline,
                hint="name models: sealkit download NAME --training",
            )
        names += _of_pipeline(args.pipeline, args.overrides)
    elif args.overrides:
        raise ConfigError("-o changes a config's settings", where="sealkit download", hint="add --pipeline CONFIG")
    return [
        Request(
            name,
            kind="training" if args.training else "inference",
            source=args.source,
            output=Path(args.output) if args.output else None,
            force=args.force,
            relearn=args.relearn,
        )
        for name in dict.fromkeys(names)
    ]


def _named(given: Sequence[str]) -> list[str]:
    """Model names, patterns resolved."""
    from sealkit import zoo
    from sealkit.errors import ConfigError

    names: list[str] = []
    for word in given:
        found = zoo.list_models(word) if any(sign in word for sign in "*?[") else [zoo.get(word).name]
        if not found:
            raise ConfigError("no model matches", value=word, hint="`sealkit models` lists all")
        names += found
    return names


def _of_pipeline(config: str, overrides: Sequence[str]) -> list[str]:
    """The models of a config that are taken from the official ones: named by no folder, and in no package."""
    from sealkit.pipeline.build import sections
    from sealkit.pipeline.create import load_config
    from sealkit.pipeline.locate import is_packaged

    used = sections(load_config(config, overrides).settings).values()
    return [
        section.model_name
        for section in used
        if section.model_dir is None and not is_packaged(section.model_name, section.weights)
    ]


def _list(args: argparse.Namespace) -> int:
    """Every model: what is here of it, and where the rest is."""
    from sealkit import zoo
    from sealkit.download.models import Request

    rows: list[dict[str, Any]] = []
    for name in _named(args.names) or zoo.list_models():
        requests = {"inference": Request(name, "inference", args.source), "training": Request(name, "training")}
        rows.append(
            {
                "model": name,
                "module": zoo.get(name).module,
                "size_mb": zoo.get(name).size_mb,
                **{
                    kind: {"here": str(request.found() or "") or None, "addresses": request.addresses()}
                    for kind, request in requests.items()
                },
            }
        )
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        size = f", {row['size_mb']:g} MB" if row["size_mb"] else ""
        print(f"{row['model']} ({row['module']}{size})")
        for kind in ("inference", "training"):
            print(f"  {kind}: {row[kind]['here'] or 'not here'}")
            print("\n".join(f"    {url}" for url in row[kind]["addresses"]))
    return 0
