"""Compare a model converted to MNN or NCNN with its ONNX file, on images, one thread; sealkit is not needed.

    python compare_edge.py inference.onnx model.mnn IMAGE ...
    python compare_edge.py inference.onnx inference.ncnn.param IMAGE ...

inference.onnx: written by `sealkit export --shape`. IMAGE: seal crops for a detector, strips for a recogniser; scaled
to the one size, keeping its ratio, what is left of the input is 0. Prints differences of the outputs, processor seconds
of an image, and for a recogniser how many texts are equal.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

NORMAL = {"det": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), "rec": ([0.5] * 3, [0.5] * 3)}  # of BGR


def network_input(image, height, wide, kind):
    """(H, W, 3) uint8 BGR → (1, 3, height, wide) float32."""
    ratio = min(height / image.shape[0], wide / image.shape[1])
    size = [max(1, round(side * ratio)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) / 255
    mean, std = NORMAL[kind]
    made = np.zeros((1, 3, height, wide), np.float32)
    made[0, :, : size[1], : size[0]] = ((small - mean) / std).transpose(2, 0, 1)
    return made


def mnn(path, names, shape):
    """The converted network as a function of an input."""
    import MNN.expr
    import MNN.nn

    network = MNN.nn.load_module_from_file(path, *([name] for name in names))

    def run(given):
        x = MNN.expr.placeholder(list(given.shape), MNN.expr.NCHW)
        x.write(given)
        return np.array(MNN.expr.convert(network.forward([x])[0], MNN.expr.NCHW).read()).reshape(shape)

    return run


def ncnn(path, names, shape):
    """The converted network as a function of an input, in float32."""
    import ncnn

    network = ncnn.Net()
    network.opt.num_threads = 1
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    network.load_param(path)
    network.load_model(path.removesuffix("param") + "bin")

    def run(given):
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(given[0]).clone())
        return np.array(extractor.extract("out0")[1]).reshape(shape)

    return run


def timed(run, inputs):
    """Outputs, and processor seconds of an input."""
    run(inputs[0])
    began = time.process_time()
    outputs = [run(given) for given in inputs]
    return outputs, (time.process_time() - began) / len(inputs)


def text(output, characters):
    """What a recogniser reads; class 0 is the blank."""
    best = output[0].argmax(axis=1)
    return "".join(characters[c - 1] for c, before in zip(best, [0, *best[:-1]]) if c not in (0, before))


def main(onnx, converted, *files):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    (given,), made = session.get_inputs(), session.get_outputs()[0].name
    listed = session.get_modelmeta().custom_metadata_map.get("character")
    kind = "det" if listed is None else "rec"
    inputs = [network_input(cv2.imread(file), *given.shape[2:], kind) for file in files]
    expected, seconds = timed(lambda x: session.run(None, {given.name: x})[0], inputs)
    load = mnn if Path(converted).suffix == ".mnn" else ncnn
    got, other = timed(load(converted, (given.name, made), expected[0].shape), inputs)
    apart = np.abs(np.stack(expected) - np.stack(got))
    print(f"{len(files)} images; CPU seconds of an image: ONNX Runtime {seconds:.4f}, {load.__name__} {other:.4f}")
    if kind == "det":
        for number, name in enumerate(("text", "up x", "up y", "seal area")[: apart.shape[2]]):
            one = apart[:, :, number]
            print(f"  {name}: differs by {one.max():.1e} at most, {one.mean():.1e} on average")
        sides = [np.stack(outputs)[:, :, 0] > 0.2 for outputs in (expected, got)]
        print(f"  text above 0.2 in one only: {np.mean(sides[0] != sides[1]):.1e} of the pixels")
        return
    characters = [*listed.split("\n"), " "]
    texts = [[text(output, characters) for output in outputs] for outputs in (expected, got)]
    print(f"  differs by {apart.max():.1e} at most, {apart.mean():.1e} on average")
    print(f"  equal texts: {sum(a == b for a, b in zip(*texts))} of {len(files)}")
    print("".join(f"  {a} / {b}\n" for a, b in zip(*texts) if a != b), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
