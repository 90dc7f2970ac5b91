"""Finds duplicate images, and training images that reappear in the validation set.

Identity is decided on decoded pixels. Look-alikes are found by a signature of the image's structure that survives
recompression, scaling, brightness and contrast, and (for leaks) quarter turns and mirrors. A classic 64-bit perceptual
hash is not enough here: round seals in the middle of white paper all look alike to its few low frequencies. This
signature is longer (1,564 numbers) and weighs frequencies so that the characters decide and not the ring.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.errors import DataError


@dataclass(frozen=True)
class DuplicateRules:
    """What the signature holds, and from where images count as one."""

    side_px: int = 96
    """Side of the image that the signature is taken from."""
    frequencies: int = 40
    """Half-waves per side that the signature holds."""
    lowest: int = 8
    """Sum of half-waves below which a frequency is left out: brightness, slopes, vignettes."""
    alike: float = 0.93
    """Correlation from which two images are taken for one.

    Measured on 67 real images: copies saved as JPEG of quality 15 reach 0.976 and more, scaled to a half 0.958, with
    gamma 1.6 0.985; two different images 0.75 at most, 30 drawn seals of one form with different characters 0.83.
    """
    aspect_tolerance: float = 0.04
    """Largest difference of log aspect ratios of look-alikes."""
    min_length: float = 1e-3
    """Length of the coefficients below which an image has no structure."""


RULES = DuplicateRules()
_MASK = np.add.outer(np.arange(RULES.frequencies), np.arange(RULES.frequencies)) >= RULES.lowest
_GAIN = np.hypot(*np.meshgrid(np.arange(RULES.frequencies), np.arange(RULES.frequencies)))
_FLIP = (-1.0) ** np.arange(RULES.frequencies)  # mirroring an image changes the sign of its odd cosines
_BLOCK = 1024
"""Images compared with as many at a time: 6 MB each, and 4 MB of results."""


class StoredSignature:
    """A signature that lies in a file; `np.asarray` reads it."""

    __slots__ = ("_row", "_store")

    def __init__(self, store: SignatureStore, row: int) -> None:
        self._store, self._row = store, row

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self._store.read(self._row).astype(dtype or np.float16)


Signature = np.ndarray | StoredSignature
"""Of one image: in memory, or in a file."""


class SignatureStore:
    """Signatures of a set in a temporary file, so that memory does not grow by 3 KB with each image."""

    _IN_MEMORY = 4_000_000
    """Bytes from which a file is used."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=self._IN_MEMORY)  # noqa: SIM115
        self._count, self._bytes = 0, 2 * (int(_MASK.sum()) + 1)

    def __del__(self) -> None:
        self._file.close()

    def add(self, mark: np.ndarray) -> StoredSignature:
        """Store what `signature` gave. Raises DataError: no space in the folder for temporary files."""
        try:
            self._file.seek(self._count * self._bytes)
            self._file.write(mark.astype(np.float16).tobytes())
            self._file.flush()
        except OSError as error:
            raise DataError(
                f"cannot write a temporary file: {error.strerror}",
                where=tempfile.gettempdir(),
                hint="free space there, or name another folder in TMPDIR",
            ) from error
        self._count += 1
        return StoredSignature(self, self._count - 1)

    def read(self, row: int) -> np.ndarray:
        """Of a row: float16 (D + 1,)."""
        self._file.seek(row * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float16)


@dataclass(frozen=True)
class Pair:
    """Two images taken for one.

    Attributes:
        first, second: positions in the lists that were compared.
        likeness: correlation of the signatures, 1.0 for equal pixels.
        same_pixels: decoded pixels are equal.
        turned: the second is the first turned by a quarter or half turn, or mirrored.
    """

    first: int
    second: int
    likeness: float
    same_pixels: bool = False
    turned: bool = False


def signature(gray: np.ndarray) -> np.ndarray | None:
    """Unit vector of whitened cosine coefficients; first entry: log aspect ratio, apart from the unit vector.

    Args:
        gray: (H, W) uint8.

    Returns:
        float16 (D + 1,), 3 KB, or None where the image has no structure at these frequencies.
    """
    height, width = gray.shape
    small = cv2.resize(gray, (RULES.side_px, RULES.side_px), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small[0, 0]  # the mean is left out below; a flat image becomes exactly zero
    coefficients = cv2.dct(small)[: RULES.frequencies, : RULES.frequencies] * _GAIN  # (rows, columns) half-waves
    vector = coefficients[_MASK]
    length = float(np.linalg.norm(vector))
    if length < RULES.min_length:
        return None
    return np.concatenate([[np.log(width / height)], vector / length]).astype(np.float16)


def find_pairs(marks: Sequence[Signature | None], hashes: Sequence[str], threshold: float = RULES.alike) -> list[Pair]:
    """Pairs within one set. Every image is paired with the first one like it, so that n copies give n − 1 pairs.

    Args:
        marks: signatures, None where there is none.
        hashes: pixel hashes, "" where there is none.
    """
    pairs: list[Pair] = []
    first_with: dict[str, int] = {}
    taken: set[int] = set()
    for index, value in enumerate(hashes):
        if not value:
            continue
        if value in first_with:
            pairs.append(Pair(first_with[value], index, 1.0, same_pixels=True))
            taken.add(index)
        else:
            first_with[value] = index
    places, aspects = _comparable(marks, taken)
    paired: set[int] = set()
    for start, rows in _blocks(marks, places):
        for offset, columns in _blocks(marks, places, start):
            likeness = rows @ columns.T  # (block, block)
            for row, column in zip(*(found.tolist() for found in np.nonzero(likeness >= threshold))):
                a, b = start + row, offset + column
                if b <= a or b in paired or abs(aspects[a] - aspects[b]) > RULES.aspect_tolerance:
                    continue
                paired.add(b)
                pairs.append(Pair(places[a], places[b], float(likeness[row, column])))
    return sorted(pairs, key=lambda pair: (pair.second, pair.first))


def find_leaks(
    train: Sequence[Signature | None],
    train_hashes: Sequence[str],
    val: Sequence[Signature | None],
    val_hashes: Sequence[str],
    threshold: float = RULES.alike,
) -> list[Pair]:
    """Pairs (training, validation), one per validation image: the most alike training image, also turned or
    mirrored.
    """
    known = {value: index for index, value in reversed(list(enumerate(train_hashes))) if value}
    pairs: list[Pair] = []
    taken: set[int] = set()
    for index, value in enumerate(val_hashes):
        if value and value in known:
            pairs.append(Pair(known[value], index, 1.0, same_pixels=True))
            taken.add(index)
    places, aspects = _comparable(train, set())
    val_places, val_aspects = _comparable(val, taken)
    if not places or not val_places:
        return pairs
    best = np.full(len(val_places), -1.0, np.float32)
    where = np.zeros(len(val_places), np.int64)
    turned = np.zeros(len(val_places), bool)
    for start, block in _blocks(val, val_places):
        rows, views = slice(start, start + len(block)), _views(block)
        for offset, known_block in _blocks(train, places):
            for variant, (view, sideways) in enumerate(views):
                likeness = view @ known_block.T  # (block, block)
                view_aspects = -val_aspects[rows] if sideways else val_aspects[rows]
                apart = np.abs(view_aspects[:, None] - aspects[None, offset : offset + len(known_block)])
                likeness[apart > RULES.aspect_tolerance] = -1
                columns = likeness.argmax(axis=1)
                values = likeness[np.arange(len(columns)), columns]
                better = values > best[rows]
                best[rows][better] = values[better]
                where[rows][better] = offset + columns[better]
                turned[rows][better] = variant > 0
    for row in np.flatnonzero(best >= threshold).tolist():
        pairs.append(Pair(places[where[row]], val_places[row], float(best[row]), turned=bool(turned[row])))
    return sorted(pairs, key=lambda pair: pair.second)


def _comparable(marks: Sequence[Signature | None], left_out: set[int]) -> tuple[list[int], np.ndarray]:
    """(places, log aspect ratios (n,) float32) of the images that have a signature."""
    found = ((index, mark) for index, mark in enumerate(marks) if mark is not None and index not in left_out)
    pairs = [(index, float(np.asarray(mark)[0])) for index, mark in found]
    return [index for index, _ in pairs], np.array([aspect for _, aspect in pairs], np.float32)


def _blocks(
    marks: Sequence[Signature | None], places: Sequence[int], first: int = 0
) -> Iterator[tuple[int, np.ndarray]]:
    """(position of its first row in `places`, unit vectors (n, D) float32) of parts of a set, so that memory does not
    grow with its size.
    """
    for start in range(first, len(places), _BLOCK):
        yield start, np.stack([np.asarray(marks[i])[1:] for i in places[start : start + _BLOCK]]).astype(np.float32)


def _views(matrix: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """The signatures of an image's eight quarter turns and mirrors, with "sides swapped"; the first is the image as
    it is.

    In the cosine domain a mirror is a change of signs and a transposition a transposition: no image is touched again.
    """
    full = np.zeros((len(matrix), RULES.frequencies, RULES.frequencies), np.float32)
    full[:, _MASK] = matrix
    views = []
    for sideways in (False, True):
        base = full.transpose(0, 2, 1) if sideways else full
        for rows in (False, True):
            for columns in (False, True):
                view = base * _FLIP[:, None] if rows else base
                view = view * _FLIP[None, :] if columns else view
                views.append((np.ascontiguousarray(view[:, _MASK], dtype=np.float32), sideways))
    return views


__all__ = ["RULES", "Pair", "Signature", "SignatureStore", "find_leaks", "find_pairs", "signature"]
