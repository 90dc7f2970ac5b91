"""Metrics of the service for Prometheus; a registry of its own, so that several apps in one process do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from sealkit.serving.pool import Pool

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
_PATHS = frozenset({"/seal-recognition", "/health", "/metrics"})


class Metrics:
    """What is counted. `pool` and `in_progress` are asked whenever the metrics are read."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "sealkit_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "sealkit_request_seconds", "From the first byte to the answer.", buckets=_SECONDS, registry=self.registry
        )
        self.waiting = Histogram(
            "sealkit_wait_seconds", "Of a request in the queue.", buckets=_SECONDS, registry=self.registry
        )
        self.working = Histogram(
            "sealkit_work_seconds", "Of a request in a worker.", buckets=_SECONDS, registry=self.registry
        )
        self.pages = Counter("sealkit_pages", "Images and pages read.", registry=self.registry)
        self.restarts = Counter(
            "sealkit_worker_restarts", "Workers replaced, by cause.", ["cause"], registry=self.registry
        )
        self.in_progress = Gauge("sealkit_requests_in_progress", "Requests at work or waiting.", registry=self.registry)

    def watch(self, pool: Pool) -> None:
        """Gauges of the pool."""
        for name, text, ask in (
            ("sealkit_workers", "Worker processes there should be.", lambda: pool.workers),
            ("sealkit_workers_ready", "Worker processes with a pipeline loaded.", lambda: pool.ready),
            ("sealkit_requests_waiting", "Requests in the queue.", lambda: pool.waiting),
        ):
            Gauge(name, text, registry=self.registry).set_function(ask)

    def count(self, path: str, status: int, seconds: float) -> None:
        """One request; paths nobody serves are one label, or a scanner would fill the memory."""
        self.requests.labels(path if path in _PATHS else "other", str(status)).inc()
        if path == "/seal-recognition":
            self.seconds.observe(seconds)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
