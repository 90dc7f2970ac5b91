"""Load on the service: `python tools/benchmark.py serving [--requests 1000] [--clients 8] [--images DIR]`.

Starts `sealkit serve`, asks every distinct request once, one after the other, then sends the whole mix with several
clients at once: six in ten are images, two in a hundred are three-page PDFs, the rest is what a service has to
refuse. Printed: requests per second, p50 and p95 by kind, statuses, answers that differ from those of the quiet
server, memory of server and workers. `--kill` ends a worker with kill -9 in the middle. The exit code is 1 where an
answer differs or is none the service defines, where a request is lost (with `--kill`: more than one), or where memory
grows by more than a tenth after the first fifth. Clients and server share the machine.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from sealkit.bench.live_server import LiveServer, live_server
from sealkit.images import list_images, read_image

GOOD, PDF = "image", "pdf"
DEFINED = frozenset({200, 400, 408, 413, 422, 429, 503, 504})
"""Statuses that the service gives on purpose; 500 is none of them."""
GROWTH = 1.10
"""Resident memory at the end may be this multiple of that after the first fifth (the second hundred of 1,000)."""
START, END = "after a fifth", "end"
_OF_THE_CALL = frozenset({"logId", "seconds", "engines"})


@dataclass(frozen=True)
class Question:
    """One request: kind, a name for it, and its body."""

    kind: str
    name: str
    body: bytes


@dataclass
class Metrics:
    """What a run under load came to."""

    seconds: float = 0.0
    taken: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    undefined: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    lost: int = 0
    kills: int = 0
    memory: dict[str, int] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """What a service may not do, in words; [] where all is well."""
        found = [f"{len(self.different)} answers differ from those of the quiet server"] if self.different else []
        if self.undefined:
            found.append(f"{len(self.undefined)} answers have a status the service does not define")
        if self.lost > self.kills:
            found.append(f"{self.lost} requests were lost, {self.kills} may be")
        if START in self.memory and self.memory[END] > GROWTH * self.memory[START]:
            found.append(f"memory grew by {self.memory[END] / self.memory[START] - 1:.0%}")
        return found


def questions(images: Sequence[Path], visualize: bool) -> dict[str, list[Question]]:
    """Distinct requests by kind."""

    def ask(kind: str, name: str, **fields: Any) -> Question:
        return Question(kind, name, json.dumps(fields).encode("utf-8"))

    def file(data: bytes) -> str:
        return base64.b64encode(data).decode("ascii")

    found: dict[str, list[Question]] = {
        GOOD: [ask(GOOD, path.name, file=file(path.read_bytes()), fileType=1, visualize=visualize) for path in images],
        PDF: [ask(PDF, "three pages", file=file(_pdf(images[:3])), fileType=0, visualize=visualize)],
    }
    text = file(b"This is a text and no image.")
    bad = [
        ask("broken base64", "padding", file="QUJDR", fileType=1),
        ask("side of 30,000", "png", file=file(_wide()), fileType=1),
        ask("text file", "text", file=text, fileType=1),
        Question("empty body", "empty", b""),
        ask("wrong types", "number", file=5, fileType="1", layoutNms="perhaps"),
        ask("private URL", "loopback", file="http://127.0.0.1/a.png", fileType=1),
        ask("private URL", "metadata", file="http://169.254.169.254/a.png"),
    ]
    for one in bad:
        found.setdefault(one.kind, []).append(one)
    return found


def mix(found: dict[str, list[Question]], count: int) -> list[Question]:
    """`count` requests in a fixed, well-stirred order: 60 % images, 2 % PDFs, the rest refused."""
    others = [kind for kind in found if kind not in (GOOD, PDF)]
    turn: Counter[str] = Counter()
    chosen = []
    for number in range(count):
        place = (number * 37) % 100  # 37 and 100 share no factor: every place comes once in a hundred
        kind = GOOD if place < 60 else PDF if place < 62 else others[number % len(others)]
        chosen.append(found[kind][turn[kind] % len(found[kind])])
        turn[kind] += 1
    return chosen


def comparable(answer: Any) -> Any:
    """An answer without what differs from call to call: its id, the seconds of each stage, and the engines, among which
    is that of `Lines` once a worker has needed it."""
    if isinstance(answer, dict):
        return {key: comparable(value) for key, value in answer.items() if key not in _OF_THE_CALL}
    return [comparable(value) for value in answer] if isinstance(answer, list) else answer


class Load:
    """Clients that share a list of requests."""

    def __init__(self, server: LiveServer, asked: Sequence[Question], quiet: dict[bytes, tuple[int, Any]]) -> None:
        self._server, self._asked, self._quiet = server, asked, quiet
        self.metrics = Metrics()
        self._lock = threading.Lock()
        self._next = iter(range(len(asked)))

    def run(self, clients: int, kill: bool) -> Metrics:
        """Send everything; blocks until the last answer."""
        self._kill_at = len(self._asked) // 2 if kill else -1
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.metrics.seconds = time.perf_counter() - began
        self.metrics.memory[END] = memory_of(self._server)
        return self.metrics

    def _client(self) -> None:
        with httpx.Client(timeout=180) as client:
            while True:
                with self._lock:
                    number = next(self._next, None)
                    if number is None:
                        return
                    if number == len(self._asked) // 5:
                        self.metrics.memory[START] = memory_of(self._server)
                    if number == self._kill_at:
                        os.kill(self._server.worker_pids()[0], signal.SIGKILL)
                        self.metrics.kills += 1
                began = time.perf_counter()
                status, answer = ask(client, self._server, self._asked[number])
                self._note(self._asked[number], status, answer, time.perf_counter() - began)

    def _note(self, question: Question, status: int, answer: Any, seconds: float) -> None:
        with self._lock:
            metrics = self.metrics
            metrics.statuses[status] += 1
            metrics.taken.setdefault(question.kind, []).append(seconds)
            if status not in DEFINED:
                metrics.undefined.append(f"{question.kind} ({question.name}): {status} {answer}")
            elif status in (429, 503, 504):
                metrics.lost += 1
            elif (status, answer) != self._quiet[question.body]:
                metrics.different.append(f"{question.kind} ({question.name}): {status}")


def ask(client: httpx.Client, server: LiveServer, question: Question) -> tuple[int, Any]:
    """(status, comparable answer) of one request."""
    headers = {"Content-Type": "application/json"}
    response = client.post(f"{server.url}/seal-recognition", content=question.body, headers=headers)
    return response.status_code, comparable(response.json())


def memory_of(server: LiveServer) -> int:
    """Resident bytes of the server and its workers."""
    process = psutil.Process(server.process.pid)
    total = 0
    for one in (process, *process.children()):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:  # a worker that was just killed
            continue
    return total


def show(metrics: Metrics, clients: int) -> None:
    """Print a run."""
    count = sum(metrics.statuses.values())
    print(f"{count} requests, {clients} clients: {count / metrics.seconds:.1f} per second")
    for kind, taken in sorted(metrics.taken.items()):
        print(f"  {kind:16s} n={len(taken):4d}  p50={quantile(taken, 0.5):.3f} s  p95={quantile(taken, 0.95):.3f} s")
    print("  statuses        ", ", ".join(f"{status}: {n}" for status, n in sorted(metrics.statuses.items())))
    print(f"  429, 503, 504    {metrics.lost}")
    for what, listed in (("different answers", metrics.different), ("undefined answers", metrics.undefined)):
        print(f"  {what}  {len(listed)}", *listed[:5], sep="\n    " if listed else "")
    print("  memory          ", ", ".join(f"{when} {size / 1e6:.0f} MB" for when, size in metrics.memory.items()))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which so large a share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _wide() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    return buffer.getvalue()


def _pdf(images: Sequence[Path]) -> bytes:
    from PIL import Image

    pages = [Image.fromarray(read_image(path)[:, :, ::-1].copy()) for path in images]
    buffer = io.BytesIO()
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=144)
    return buffer.getvalue()


def _flags(args: argparse.Namespace) -> Iterator[str]:
    yield from ("serve", "--host", "127.0.0.1", "--port", "0")
    for name in ("pipeline", "engine", "workers", "threads", "queue"):
        if getattr(args, name) is not None:
            yield from (f"--{name}", str(getattr(args, name)))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0; 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="benchmark.py serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--images", type=Path, default=Path("datasets/toy/images"), help="folder of good images")
    parser.add_argument("--visualize", action="store_true", help="ask for images too")
    parser.add_argument("--kill", action="store_true", help="kill -9 of a worker in the middle")
    parser.add_argument("--pipeline")
    parser.add_argument("--engine")
    for name in ("workers", "threads", "queue"):
        parser.add_argument(f"--{name}", type=int, help=f"as of `sealkit serve --{name}`")
    args = parser.parse_args(argv)
    found = questions([Path(path) for path in list_images(args.images)], args.visualize)
    with live_server("sealkit", *_flags(args)) as server:
        with httpx.Client(timeout=180) as client:
            quiet = {q.body: ask(client, server, q) for listed in found.values() for q in listed}
        metrics = Load(server, mix(found, args.requests), quiet).run(args.clients, args.kill)
        code = server.stop()
    show(metrics, args.clients)
    faults = metrics.faults() + ([f"the server ended with exit code {code}"] if code else [])
    print("\n".join(f"fault: {fault}" for fault in faults) or "no fault", flush=True)
    return 1 if faults else 0
