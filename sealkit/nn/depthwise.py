"""Depthwise convolution and bias, forward and backward, as loops that Numba compiles. Importing this imports Numba.

Every stride is brought to stride 1: the padded plane of a channel is split into phases, one for each remainder of (row,
column) by the strides, so that a tap of the kernel reads one phase at a constant offset. A phase has room beside each
row of outputs, so a tap is one pass over the flattened phase, without a loop over rows: the compiler makes vector code
of it, also where maps are a few elements wide.

    forward              y[m]     = bias + sum over taps of w[u, v] * phase(u, v)[m + offset(u, v)]
    gradient of input    phase[m] = sum over its taps of w[u, v] * g[m - offset(u, v)]
    gradient of weight   w[u, v]  = sum over m of g[m] * phase(u, v)[m + offset(u, v)]

Work is shared by planes (forward: image and channel; backward: channel): one thread owns each sum, so values do not
depend on the number of threads. NaN and infinity pass through as in any convolution.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

CHUNK = 1024  # elements of a phase that a pass works on: 4 KiB, so that what it adds to stays in the first cache
MATH = {"reassoc", "contract", "nsz"}  # vector sums and fused multiply-adds; not `fast`, which may drop NaN
_JIT: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": MATH, "error_model": "numpy"}

# Places in the vector of int64 that describes a call: addresses, then sizes.
X, W, B, Y, GX, GW, GB, SCRATCH, SCRATCH_SIZE = range(9)
N, C, H, WIDTH, KH, KW, SH, SW, PH, PW, OH, OW, ROWS, COLS, LEAD, FIELDS = range(9, 25)


@intrinsic
def _floats_at(typing_context: Any, address: Any) -> Any:
    """A pointer to float32 of an address."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(types.int64), build


def describe(x_shape: list[int], kernel: list[int], stride: list[int], padding: list[int]) -> np.ndarray:
    """The vector of a call without its addresses: [FIELDS] int64.

    Args:
        x_shape: [N, C, H, W].
        kernel, stride, padding: (height, width).
    """
    a = np.zeros(FIELDS, np.int64)
    a[[N, C, H, WIDTH]] = x_shape
    a[[KH, KW, SH, SW, PH, PW]] = [*kernel, *stride, *padding]
    a[OH] = (a[H] + 2 * a[PH] - a[KH]) // a[SH] + 1
    a[OW] = (a[WIDTH] + 2 * a[PW] - a[KW]) // a[SW] + 1
    a[ROWS] = math.ceil((a[H] + 2 * a[PH]) / a[SH])
    a[COLS] = math.ceil((a[WIDTH] + 2 * a[PW]) / a[SW])
    a[LEAD] = (a[KH] - 1) // a[SH] * a[COLS] + (a[KW] - 1) // a[SW]  # the largest offset of a tap
    return a


def scratch_size(a: np.ndarray) -> int:
    """Elements of float32 that one thread needs: phases of input and gradient, the output's plane with zeros around."""
    phases = int(a[SH] * a[SW] * a[ROWS] * a[COLS] + a[LEAD])
    return 2 * phases + int(a[ROWS] * a[COLS] + 2 * a[LEAD])


@njit(**_JIT)
def _add_taps(out, source, weight, first, step, count, size):  # type: ignore[no-untyped-def]
    """out[j] += sum over t of weight[first + t*step] * source[t + j], t < count."""
    t = 0
    while t + 3 <= count:
        a0, a1, a2 = weight[first + t * step], weight[first + (t + 1) * step], weight[first + (t + 2) * step]
        s0, s1, s2 = source[t : t + size], source[t + 1 : t + 1 + size], source[t + 2 : t + 2 + size]
        for j in range(size):
            out[j] += a0 * s0[j] + a1 * s1[j] + a2 * s2[j]
        t += 3
    if t + 2 <= count:
        a0, a1 = weight[first + t * step], weight[first + (t + 1) * step]
        s0, s1 = source[t : t + size], source[t + 1 : t + 1 + size]
        for j in range(size):
            out[j] += a0 * s0[j] + a1 * s1[j]
        t += 2
    if t < count:
        a0 = weight[first + t * step]
        s0 = source[t : t + size]
        for j in range(size):
            out[j] += a0 * s0[j]


@njit(**_JIT)
def _add_products(sums, source, grad, first, step, count, size):  # type: ignore[no-untyped-def]
    """sums[first + t*step] += sum over j of grad[j] * source[t + j], t < count."""
    t = 0
    while t + 3 <= count:
        s0, s1, s2 = source[t : t + size], source[t + 1 : t + 1 + size], source[t + 2 : t + 2 + size]
        c0 = c1 = c2 = np.float32(0)
        for j in range(size):
            c0 += grad[j] * s0[j]
            c1 += grad[j] * s1[j]
            c2 += grad[j] * s2[j]
        sums[first + t * step] += c0
        sums[first + (t + 1) * step] += c1
        sums[first + (t + 2) * step] += c2
        t += 3
    while t < count:
        s0 = source[t : t + size]
        c0 = np.float32(0)
        for j in range(size):
            c0 += grad[j] * s0[j]
        sums[first + t * step] += c0
        t += 1


@njit(**_JIT)
def _split(a, plane, phases):  # type: ignore[no-untyped-def]
    """Copy a plane [H*W] into its phases [SH*SW*ROWS*COLS]; what lies in the padding stays as it is (zero)."""
    width, cols = a[WIDTH], a[COLS]
    for r in range(a[H]):
        row, r_padded = plane[r * width : (r + 1) * width], r + a[PH]
        for c_phase in range(a[SW]):
            c0 = (c_phase - a[PW]) % a[SW]  # first column of the image in this phase
            start = ((r_padded % a[SH] * a[SW] + c_phase) * a[ROWS] + r_padded // a[SH]) * cols + (c0 + a[PW]) // a[SW]
            count = (width - c0 + a[SW] - 1) // a[SW]
            target = phases[start : start + count]
            if a[SW] == 1:
                for j in range(count):
                    target[j] = row[j]
            else:
                for j in range(count):
                    target[j] = row[c0 + j * a[SW]]


@njit(**_JIT)
def _join(a, phases, plane):  # type: ignore[no-untyped-def]
    """The inverse of `_split`, without the padding."""
    width, cols = a[WIDTH], a[COLS]
    for r in range(a[H]):
        row, r_padded = plane[r * width : (r + 1) * width], r + a[PH]
        for c_phase in range(a[SW]):
            c0 = (c_phase - a[PW]) % a[SW]
            start = ((r_padded % a[SH] * a[SW] + c_phase) * a[ROWS] + r_padded // a[SH]) * cols + (c0 + a[PW]) // a[SW]
            count = (width - c0 + a[SW] - 1) // a[SW]
            source = phases[start : start + count]
            if a[SW] == 1:
                for j in range(count):
                    row[j] = source[j]
            else:
                for j in range(count):
                    row[c0 + j * a[SW]] = source[j]


@njit(**_JIT)
def _tap_count(a, v):  # type: ignore[no-untyped-def]
    """Taps of a kernel's row that read the column phase `v`."""
    return (a[KW] - v + a[SW] - 1) // a[SW]


@njit(**_JIT)
def forward(a, part, parts):  # type: ignore[no-untyped-def]
    """Part `part` of `parts` of the planes of Y from X, W and B."""
    planes, taps, size = a[N] * a[C], a[KH] * a[KW], a[OH] * a[COLS]
    x = carray(_floats_at(a[X]), (planes, a[H] * a[WIDTH]))
    y = carray(_floats_at(a[Y]), (planes, a[OH] * a[OW]))
    w = carray(_floats_at(a[W]), (a[C], taps))
    scratch = carray(_floats_at(a[SCRATCH] + part * a[SCRATCH_SIZE] * 4), (a[SCRATCH_SIZE],))
    area = a[ROWS] * a[COLS]
    phases, wide = scratch[: a[SH] * a[SW] * area + a[LEAD]], scratch[a[SH] * a[SW] * area + a[LEAD] :]
    phases[:] = 0
    for plane in range(planes * part // parts, planes * (part + 1) // parts):
        channel = plane % a[C]
        bias = np.float32(0)
        if a[B] != 0:
            bias = carray(_floats_at(a[B]), (a[C],))[channel]
        _split(a, x[plane], phases)
        for begin in range(0, size, CHUNK):
            length = min(CHUNK, size - begin)
            out = wide[begin : begin + length]
            out[:] = bias
            for u in range(a[KH]):
                for v in range(min(a[SW], a[KW])):
                    place = (u % a[SH] * a[SW] + v) * area + u // a[SH] * a[COLS] + begin
                    _add_taps(out, phases[place:], w[channel], u * a[KW] + v, a[SW], _tap_count(a, v), length)
        for i in range(a[OH]):
            row, source = y[plane, i * a[OW] : (i + 1) * a[OW]], wide[i * a[COLS] : i * a[COLS] + a[OW]]
            for j in range(a[OW]):
                row[j] = source[j]


@njit(**_JIT)
def backward(a, part, parts):  # type: ignore[no-untyped-def]
    """GX, GW and GB (each only where its address is not 0) of part `part` of `parts` of the channels; Y holds the
    gradient of the output."""
    planes, taps, size = a[N] * a[C], a[KH] * a[KW], a[OH] * a[COLS]
    x = carray(_floats_at(a[X]), (planes, a[H] * a[WIDTH]))
    g = carray(_floats_at(a[Y]), (planes, a[OH] * a[OW]))
    w = carray(_floats_at(a[W]), (a[C], taps))
    scratch = carray(_floats_at(a[SCRATCH] + part * a[SCRATCH_SIZE] * 4), (a[SCRATCH_SIZE],))
    area = a[ROWS] * a[COLS]
    count = a[SH] * a[SW] * area + a[LEAD]
    phases, gradient, padded = scratch[:count], scratch[count : 2 * count], scratch[2 * count :]
    sums, reversed_row = np.zeros(taps, np.float64), np.zeros(a[KW], np.float32)
    wide = padded[a[LEAD] :]
    phases[:] = 0
    padded[:] = 0
    for channel in range(a[C] * part // parts, a[C] * (part + 1) // parts):
        sums[:] = 0
        total = 0.0
        for image in range(a[N]):
            plane = image * a[C] + channel
            for i in range(a[OH]):
                row, target = g[plane, i * a[OW] : (i + 1) * a[OW]], wide[i * a[COLS] : i * a[COLS] + a[OW]]
                row_sum = np.float32(0)
                for j in range(a[OW]):
                    target[j] = row[j]
                    row_sum += row[j]
                total += row_sum
            if a[GW] != 0:
                _split(a, x[plane], phases)
                for begin in range(0, size, CHUNK):
                    length = min(CHUNK, size - begin)
                    for u in range(a[KH]):
                        for v in range(min(a[SW], a[KW])):
                            place = (u % a[SH] * a[SW] + v) * area + u // a[SH] * a[COLS] + begin
                            _add_products(
                                sums, phases[place:], wide[begin:], u * a[KW] + v, a[SW], _tap_count(a, v), length
                            )
            if a[GX] != 0:
                gx = carray(_floats_at(a[GX]), (planes, a[H] * a[WIDTH]))
                _input_gradient(a, padded, w[channel], gradient, reversed_row, area)
                _join(a, gradient, gx[plane])
        if a[GW] != 0:
            gw = carray(_floats_at(a[GW]), (a[C], taps))
            for tap in range(taps):
                gw[channel, tap] = sums[tap]
        if a[GB] != 0:
            carray(_floats_at(a[GB]), (a[C],))[channel] = total


@njit(**_JIT)
def add_bias(a, part, parts):  # type: ignore[no-untyped-def]
    """Y = X + B, channel by channel, of part `part` of `parts` of the planes."""
    planes, size = a[N] * a[C], a[H] * a[WIDTH]
    x, y = carray(_floats_at(a[X]), (planes, size)), carray(_floats_at(a[Y]), (planes, size))
    b = carray(_floats_at(a[B]), (a[C],))
    for plane in range(planes * part // parts, planes * (part + 1) // parts):
        source, target, value = x[plane], y[plane], b[plane % a[C]]
        for j in range(size):
            target[j] = source[j] + value


@njit(**_JIT)
def sum_channels(a, part, parts):  # type: ignore[no-untyped-def]
    """GB = the sums of Y over images and places, of part `part` of `parts` of the channels."""
    size = a[H] * a[WIDTH]
    y = carray(_floats_at(a[Y]), (a[N] * a[C], size))
    gb = carray(_floats_at(a[GB]), (a[C],))
    for channel in range(a[C] * part // parts, a[C] * (part + 1) // parts):
        total = 0.0
        for image in range(a[N]):
            plane = y[image * a[C] + channel]
            for begin in range(0, size, CHUNK):
                chunk = plane[begin : begin + CHUNK]
                chunk_sum = np.float32(0)
                for j in range(len(chunk)):
                    chunk_sum += chunk[j]
                total += chunk_sum
        gb[channel] = total


@njit(**_JIT)
def _input_gradient(a, padded, weight, gradient, reversed_row, area):  # type: ignore[no-untyped-def]
    """Phases of the input's gradient from the output's, which begins LEAD elements into `padded`, zeros around it."""
    for begin in range(0, area, CHUNK):
        length = min(CHUNK, area - begin)
        for u_phase in range(a[SH]):
            for v in range(a[SW]):
                start = (u_phase * a[SW] + v) * area + begin
                out = gradient[start : start + length]
                out[:] = 0
                if v >= a[KW]:
                    continue
                count = _tap_count(a, v)
                for u in range(u_phase, a[KH], a[SH]):
                    for t in range(count):  # the last tap reads furthest to the left: in reversed order offsets ascend
                        reversed_row[t] = weight[u * a[KW] + v + (count - 1 - t) * a[SW]]
                    place = a[LEAD] + begin - u // a[SH] * a[COLS] - (count - 1)
                    _add_taps(out, padded[place:], reversed_row, 0, 1, count, length)
