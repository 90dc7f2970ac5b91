"""What is in a Paddle pickle, and where: an index that a child process makes and hands back as JSON.

The child runs this module with the standard library alone, under a memory limit, and starts in 40 ms. It reads no
array: `unpickle` takes the bytes from the places that the index names.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, BinaryIO

from sealkit.weights.pickle_machine import Walk
from sealkit.weights.pickle_records import (
    MAX_DEPTH,
    MAX_TEXT,
    Array,
    Damaged,
    Raw,
    Refused,
    Text,
)

MEMORY = 512 << 20  # bytes of address space over the bare interpreter's; a million opcodes take 200 MB


class Tree:
    """The walked object as JSON: ["array", number], ["dict", [[key, node], …]], ["list", [node, …]], ["value", v],
    ["bytes", hex].

    Every node that is visited counts: a list that stands in the file once and is shared would be copied each time.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk, self.arrays = walk, []  # type: Walk, list[dict[str, Any]]
        self.nodes_left = 2 * walk.opcodes + 1_000
        self.text_left = MAX_TEXT
        self.claimed = 0

    def node(self, value: Any, place: str = "", depth: int = 0) -> list[Any]:
        """One value and what is in it."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise Refused("the file refers to the same containers too often", place)
        if depth > MAX_DEPTH:
            raise Refused("containers nested too deep", place)
        if isinstance(value, Array):
            return ["array", self.array(value, place)]
        if value is None or isinstance(value, (bool, int, float)):
            return ["value", value]
        if isinstance(value, Text):
            return ["value", self.content(value, place).decode("latin1" if value.old else "utf-8")]
        if isinstance(value, Raw):
            return ["bytes", self.content(value, place).hex()]
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Text) and isinstance(value[1], Array):
            return ["array", self.array(value[1], place)]  # Paddle's (name, array)
        if isinstance(value, (list, tuple)):
            return ["list", [self.node(item, place, depth + 1) for item in value]]
        if isinstance(value, dict):
            inside = f"{place}." if place else ""
            pairs = ((str(key), item) for key, item in value.items())
            return ["dict", [[key, self.node(item, (inside + key)[:200], depth + 1)] for key, item in pairs]]
        raise Refused("not an array or a plain value", place, type(value).__name__)

    def array(self, value: Array, place: str) -> int:
        """Its number among the arrays that are to be read; the same one may have several names."""
        raw = value.raw
        if raw is None:
            raise Damaged(f"the array {place!r} has no content")
        if value.number < 0:
            value.number = len(self.arrays)
            self.claimed += raw.size
            if self.claimed > self.walk.size:
                raise Refused("the arrays are larger than the file they are in", place)
            facts = {"type": value.type, "shape": value.shape, "order": value.order, "axes": value.axes}
            where = {"at": raw.at, "stored": raw.stored, "bytes": raw.size, "encoded": raw.encoded}
            self.arrays.append({**facts, **where, "scalar": value.scalar})
        return value.number

    def content(self, value: Text | Raw, place: str) -> bytes:
        """The bytes of a text or an array in the file, refused where they are too many."""
        stored = value.size if isinstance(value, Text) else value.stored
        self.text_left -= stored
        if self.text_left < 0:
            raise Refused("more text than weights ever have", place)
        self.walk.file.seek(value.at)
        found = self.walk.file.read(stored)
        if isinstance(value, Raw) and value.encoded:
            return found.decode("utf-8").encode("latin1")
        return found


def read_index(file: BinaryIO, size: int) -> dict[str, Any]:
    """What is in a Paddle pickle.

    Returns:
        {"tree": node, "arrays": [{"type": "<f4", "shape", "order", "axes", "at", "stored", "bytes", "encoded",
        "scalar"}]}, places in bytes from the beginning of the file; or {"refused": what, "place", "value"}; or
        {"damaged": what}.
    """
    try:
        walk = Walk(file, size)
        root = walk.run()
        if not isinstance(root, dict):
            return {"refused": "a weights file holds a dict of arrays", "place": "", "value": type(root).__name__}
        tree = Tree(walk)
        return {"tree": tree.node(root), "arrays": tree.arrays}
    except Refused as error:
        return {"refused": str(error), "place": error.place, "value": error.value}
    except (Damaged, UnicodeError) as error:
        return {"damaged": str(error)}


def limit_memory() -> bool:
    """Bound this process; False where the system has no such limit (Windows, macOS)."""
    try:
        import resource

        if sys.platform == "darwin":  # takes the call and does not hold it
            return False
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = used + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))
        return True
    except (ImportError, OSError, ValueError):
        return False


def main() -> None:
    """Index of the file on stdin, as JSON on stdout."""
    limited = limit_memory()
    try:
        with io.BufferedReader(io.FileIO(0, closefd=False)) as file:
            answer = read_index(file, os.fstat(0).st_size)
        text = json.dumps({**answer, "limited": limited})
    except MemoryError:
        text = json.dumps({"refused": "reading it needs too much memory", "place": "", "value": None})
    except OSError as error:
        text = json.dumps({"damaged": f"cannot be read: {error.strerror}"})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
