"""Rewrites of an ONNX graph that CPUs run faster: the same function, summed in another order.

Three things cost engines more than they need:

- Enlarging by reshape and expand (`sealkit.nn.layers.upsample_nearest`; interpolation is not to be in the graph) moves
  single numbers; joining a map to itself with Concat moves the same numbers in less time.
- A convolution over an enlarged map multiplies every value up to four times. Each of the four pixels a value became
  sees 2 x 2 different values only, under sums of the kernel's taps (`_refine_in_phases`).
- 9 x 9 convolutions are cut into nine of 3 x 3, done by minimal filtering F(3x3, 3x3): 25 multiplications per pixel in
  place of 81 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, arXiv 1509.09308). Tiles and
  cuts both step by 3, so that the nine share one transform of the map and are one grouped 3 x 3 convolution over tiles.

Differences are those of float32 sums; `export_model` proves them on real images.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

TILE = 3
"""Output pixels of a tile, and taps of a cut, along one axis."""
POINTS = (0.0, 1.0, -1.0, 2.0)
"""Where the polynomials of minimal filtering are evaluated, besides infinity."""
LARGE = 9
"""Kernel size that is cut."""
LEAST_CHANNELS = 16
"""Fewer in or out are not worth the transforms."""
_ENLARGED_AXES = [3, 5]
"""`upsample_nearest` expands these of [N, C, H, 1, W, 1]."""


def speed_up(model: Any) -> tuple[Any, dict[str, int]]:
    """The graph rewritten: (onnx.ModelProto, how often each rewrite was applied)."""
    import onnx
    import onnx_graphsurgeon as gs

    graph = gs.import_onnx(onnx.shape_inference.infer_shapes(model))
    _drop_identities(graph)
    done = {}
    for rewrite in (_refine_in_phases, _enlarge_by_concat, _cut_large_kernels):
        done[rewrite.__name__.strip("_")] = rewrite(graph)
        graph.cleanup(remove_unused_graph_inputs=False)
    if not any(done.values()):
        return model, {}
    fast = gs.export_onnx(graph.toposort())
    fast.ir_version = model.ir_version
    fast.metadata_props.extend(model.metadata_props)
    for ends, given in ((fast.graph.input, model.graph.input), (fast.graph.output, model.graph.output)):
        for new, old in zip(ends, given):
            new.CopyFrom(old)  # the names of free sizes, not those shape inference made up
    return fast, {name: times for name, times in done.items() if times}


# ----- the graph -----


class _Writer:
    """Adds nodes to a graph; each method returns the new node's tensor."""

    def __init__(self, graph: gs.Graph) -> None:
        self.graph = graph
        self._taken = set(graph.tensors())

    def add(self, operation: str, inputs: Sequence[Any], **attributes: Any) -> gs.Variable:
        import onnx_graphsurgeon as gs

        result = gs.Variable(self._name(operation))
        given = [gs.Constant(self._name("constant"), one) if isinstance(one, np.ndarray) else one for one in inputs]
        self.graph.nodes.append(gs.Node(operation, result.name, attributes, given, [result]))
        return result

    def sizes(self, tensor: gs.Variable) -> list[gs.Variable]:
        """The four sizes, (1,) int64 each."""
        shape = self.add("Shape", [tensor])
        return [self.add("Gather", [shape, np.array([axis], np.int64)], axis=0) for axis in range(4)]

    def reshape(self, tensor: gs.Variable, shape: Sequence[Any]) -> gs.Variable:
        """Shape of whole numbers (0: the input's size there, -1: what is left) and (1,) tensors."""
        if all(isinstance(size, int) for size in shape):
            return self.add("Reshape", [tensor, np.array(shape, np.int64)])
        parts = [np.array([size], np.int64) if isinstance(size, int) else size for size in shape]
        return self.add("Reshape", [tensor, self.add("Concat", parts, axis=0)])

    def unsqueeze(self, tensor: gs.Variable, axis: int) -> gs.Variable:
        return self.add("Unsqueeze", [tensor, np.array([axis], np.int64)])

    def interleave(self, maps: Sequence[Sequence[gs.Variable]]) -> gs.Variable:
        """[N, C, H, W] maps by row and column → [N, C, H*rows, W*columns]; map[i][j] at pixels i::rows, j::columns."""
        bands = [self.add("Concat", [self.unsqueeze(x, 4) for x in row], axis=4) for row in maps]
        wide = [self.reshape(band, [0, 0, 0, -1]) for band in bands]
        tall = self.add("Concat", [self.unsqueeze(x, 3) for x in wide], axis=3)
        return self.reshape(tall, [0, 0, -1, self.sizes(wide[0])[3]])

    def replace(self, old: gs.Variable, new: gs.Variable) -> None:
        """Whoever used the old tensor uses the new one, a graph's output by the old one's name."""
        new.dtype, new.shape = old.dtype, old.shape
        if any(one is old for one in self.graph.outputs):
            new.name, old.name = old.name, new.name
        for user in list(old.outputs):
            user.inputs = [new if one is old else one for one in user.inputs]
        self.graph.outputs = [new if one is old else one for one in self.graph.outputs]

    def _name(self, stem: str) -> str:
        names = (f"fast.{stem}.{i}" for i in count(len(self._taken)))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name


def _maker(tensor: Any, operation: str) -> gs.Node | None:
    """The node a tensor comes from, where it is of this kind."""
    return next((node for node in tensor.inputs if node.op == operation), None)


def _user(tensor: Any, operation: str) -> gs.Node | None:
    """The one node of this kind that uses a tensor, where none but readers of its shape do so as well."""
    others = [node for node in tensor.outputs if node.op != "Shape"]
    return others[0] if len(others) == 1 and others[0].op == operation else None


def _value(tensor: Any) -> np.ndarray | None:
    """A constant's numbers, None for what is computed."""
    import onnx_graphsurgeon as gs

    if isinstance(tensor, gs.Constant):
        return np.asarray(tensor.values)
    made = _maker(tensor, "Constant")
    return None if made is None else np.asarray(made.attrs["value"].values)


def _plain(conv: gs.Node | None, size: int) -> bool:
    """Whether a node is a convolution of one group with constant weights that keeps the map's size, step 1."""
    if conv is None or conv.op != "Conv":
        return False
    weight, given = _value(conv.inputs[1]), conv.attrs
    return (
        weight is not None
        and weight.shape[2:] == (size, size)
        and all(_value(bias) is not None for bias in conv.inputs[2:])
        and given.get("group", 1) == 1
        and given.get("auto_pad", "NOTSET") == "NOTSET"
        and list(given.get("strides", [1, 1])) == [1, 1]
        and list(given.get("dilations", [1, 1])) == [1, 1]
        and list(given.get("pads", [0] * 4)) == [size // 2] * 4
    )


def _drop_identities(graph: gs.Graph) -> None:
    """paddle2onnx writes an Identity after nearly everything; they would hide the patterns."""
    ends = {id(tensor) for tensor in graph.outputs}
    for node in graph.nodes:
        if node.op == "Identity" and id(node.outputs[0]) not in ends:
            source = node.inputs[0]
            for user in list(node.outputs[0].outputs):
                user.inputs = [source if one is node.outputs[0] else one for one in user.inputs]
    graph.cleanup(remove_unused_graph_inputs=False)


# ----- enlargements -----


def _enlargement(node: gs.Node) -> tuple[Any, int, Any] | None:
    """(map, factor, enlarged map) of an Expand that is part of `upsample_nearest`, else None."""
    before = _maker(node.inputs[0], "Unsqueeze") if node.op == "Expand" else None
    if before is None or _axes(before) != _ENLARGED_AXES:
        return None
    limit = _maker(node.inputs[1], "Max")
    shapes = [_value(one) for one in (limit.inputs if limit is not None else node.inputs[1:])]
    target = next((shape for shape in shapes if shape is not None and shape.size == 6), None)
    if target is None or target[3] != target[5] or target[5] < 2:
        return None
    columns = _user(node.outputs[0], "Reshape")
    rows = None if columns is None else _user(columns.outputs[0], "Reshape")
    return None if rows is None else (before.inputs[0], int(target[5]), rows.outputs[0])


def _axes(node: gs.Node) -> list[int]:
    given = _value(node.inputs[1]) if len(node.inputs) > 1 else None
    return [] if given is None else [int(axis) for axis in given]


def _enlarge_by_concat(graph: gs.Graph) -> int:
    found = [one for node in graph.nodes if (one := _enlargement(node)) is not None]
    write = _Writer(graph)
    for x, factor, enlarged in found:
        write.replace(enlarged, write.interleave([[x] * factor] * factor))
    return len(found)


# ----- convolution over an enlarged map -----


def _refine_in_phases(graph: gs.Graph) -> int:
    """Concat(a, enlarged by 2) → 3 x 3 → bias → ReLU → 1 x 1, one pixel of each 2 x 2 block at a time."""
    done = 0
    write = _Writer(graph)
    for node in list(graph.nodes):
        found = _enlargement(node)
        if found is None or found[1] != 2:
            continue
        x, _, enlarged = found
        joined = _user(enlarged, "Concat")
        if joined is None or joined.attrs["axis"] != 1 or len(joined.inputs) != 2 or joined.inputs[1] is not enlarged:
            continue
        a = joined.inputs[0]
        conv = _user(joined.outputs[0], "Conv")
        last, bias = (None, None) if not _plain(conv, 3) else _with_bias(conv)
        relu = None if last is None else _user(last, "Relu")
        point = None if relu is None else _user(relu.outputs[0], "Conv")
        channels = a.shape[1] if a.shape is not None else None
        if conv is None or point is None or not _plain(point, 1) or not isinstance(channels, int):
            continue
        weight = _value(conv.inputs[1])
        if weight is not None:
            write.replace(point.outputs[0], _phases(write, a, x, weight, channels, bias, point.inputs[1:]))
            done += 1
    return done


def _with_bias(conv: gs.Node) -> tuple[Any, np.ndarray | None]:
    """The tensor after a convolution and its bias (C,), which may be a node of its own; None where there is none."""
    own = _value(conv.inputs[2]) if len(conv.inputs) > 2 else None
    add = _user(conv.outputs[0], "Add")
    if add is None:
        return conv.outputs[0], own
    value = next((_value(one) for one in add.inputs if one is not conv.outputs[0]), None)
    if value is None or value.ndim != 4 or value.size != value.shape[1]:
        return conv.outputs[0], own
    return add.outputs[0], value.reshape(-1) + (0 if own is None else own)


def _phases(
    write: _Writer,
    a: Any,
    x: Any,
    weight: np.ndarray,
    channels: int,
    bias: np.ndarray | None,
    point: Sequence[Any],
) -> Any:
    """a [N, channels, 2H, 2W], x [N, C, H, W] → [N, P, 2H, 2W]; see _refine_in_phases.

    Row 2y + i of the enlarged map under taps -1, 0, 1 is row y - 1, y, y of the map for i = 0; y, y, y + 1 for i = 1.
    """
    of_a, of_x = weight[:, :channels], weight[:, channels:].astype(np.float64)
    sums = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float64)
    maps: list[list[Any]] = []
    for i in (0, 1):
        maps.append([])
        for j in (0, 1):
            taps = np.einsum("pk,ql,ockl->ocpq", sums[i], sums[j], of_x).astype(np.float32)
            pads = [1 - i, 1 - j, i, j]
            given = [x, taps] if bias is None else [x, taps, bias.astype(np.float32)]
            fine = write.add("Conv", given, kernel_shape=[2, 2], pads=pads)
            coarse = write.add("Conv", [a, of_a], kernel_shape=[3, 3], pads=pads, strides=[2, 2])
            relu = write.add("Relu", [write.add("Add", [fine, coarse])])
            maps[i].append(write.add("Conv", [relu, *point], kernel_shape=[1, 1]))
    return write.interleave(maps)


# ----- 9 x 9 -----


def _cut_large_kernels(graph: gs.Graph) -> int:
    done = 0
    write = _Writer(graph)
    for node in list(graph.nodes):
        weight = _value(node.inputs[1]) if _plain(node, LARGE) else None
        if weight is None or min(weight.shape[:2]) < LEAST_CHANNELS:
            continue
        bias = _value(node.inputs[2]) if len(node.inputs) > 2 else None
        write.replace(node.outputs[0], _cut(write, node.inputs[0], weight, bias))
        done += 1
    return done


def _cut(write: _Writer, x: Any, weight: np.ndarray, bias: np.ndarray | None) -> Any:
    """A 9 x 9 convolution with padding 4. Characters: u, v points; i, j taps of a cut; p, q pixels of a tile; a, b
    cuts.

    The tiles of a map as large as a detector's (N x 256 x 184 x 184) take 2.8 times its memory.
    """
    take, taps, spread = minimal_filter(POINTS, TILE, TILE)
    outputs, inputs = weight.shape[:2]
    points = len(spread) ** 2
    cuts = weight.astype(np.float64).reshape(outputs, inputs, TILE, TILE, TILE, TILE)
    kernel = np.einsum("ui,vj,ocaibj->uvocab", taps, taps, cuts).reshape(points * outputs, inputs, TILE, TILE)
    spreading = np.einsum("ui,vj->uvij", spread, spread).reshape(points, 1, len(spread), len(spread))
    taking = np.einsum("pu,qv->pquv", take, take).reshape(TILE * TILE, points)
    # 4 before is the convolution's padding, 6 behind makes ceil(size / 3) + 2 tiles of any size.
    tiles = write.add(
        "Conv",
        [write.reshape(x, [-1, 1, 0, 0]), spreading.astype(np.float32)],
        kernel_shape=list(spreading.shape[2:]),
        strides=[TILE, TILE],
        pads=[4, 4, 6, 6],
    )  # [N * inputs, points, rows, columns]
    rows, columns = write.sizes(tiles)[2:]
    by_point = write.add("Transpose", [write.reshape(tiles, [-1, inputs, points, rows, columns])], perm=[0, 2, 1, 3, 4])
    grouped = write.reshape(by_point, [-1, points * inputs, rows, columns])
    products = write.add(
        "Conv", [grouped, kernel.astype(np.float32)], kernel_shape=[TILE, TILE], group=points
    )  # [N, points * outputs, rows - 2, columns - 2]
    rows, columns = write.sizes(products)[2:]
    taken = write.add("MatMul", [taking.astype(np.float32), write.reshape(products, [0, points, -1])])
    pixels = write.reshape(taken, [0, TILE * TILE * outputs, rows, columns])
    whole = write.add("DepthToSpace", [pixels], blocksize=TILE, mode="DCR")
    ends = write.add("Concat", write.sizes(x)[2:], axis=0)
    cropped = write.add("Slice", [whole, np.zeros(2, np.int64), ends, np.array([2, 3], np.int64)])
    return cropped if bias is None else write.add("Add", [cropped, bias.reshape(1, -1, 1, 1)])


def minimal_filter(points: Sequence[float], pixels: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices A (pixels, n), G (n, taps), B (n, n) of F(pixels, taps), n = pixels + taps - 1, in float64.

    A @ ((G @ g) * (B @ d)) are the `pixels` values sum_k d[i + k] g[k] of n values d and taps g: Toom-Cook's product of
    polynomials, evaluated at `points` and infinity, transposed.
    """
    size = pixels + taps - 1
    at = np.array(points, np.float64)
    if len(at) != size - 1:
        raise ValueError(f"F({pixels}, {taps}) takes {size - 1} points, {len(at)} given")

    def powers(terms: int) -> np.ndarray:
        return np.vstack([at[:, None] ** np.arange(terms), np.eye(1, terms, terms - 1)])

    return powers(pixels).T, powers(taps), np.linalg.inv(powers(size)).T
