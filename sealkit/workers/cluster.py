"""Workers that are actors of a Ray cluster: processes of several machines that share the folders worked on."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sealkit.errors import EngineError
from sealkit.runtime.signals import keeping_sigterm
from sealkit.version import __version__
from sealkit.workers.serve import START, Died, Make, Reply, answer, begin

LOCAL = "local"
"""In place of an address: a cluster of this machine alone, ended with the command."""


class RayCluster:
    """Starts and watches actors; one core each.

    Args:
        address: `auto`, `host:6379`, `ray://host:10001`, or `local`.

    Raises:
        EngineError: Ray is not installed, or there is no cluster at the address.
    """

    jobs_at_worker = 1
    """A machine that dies takes replies with it that were under way."""

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            hint = 'pip install "sealkit[ray]"'
            raise EngineError("the package ray is not installed", where="--ray", value=address, hint=hint) from None
        self._ray = ray
        self._mine = not ray.is_initialized()
        if not self._mine:
            return
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of its next version
        try:
            with keeping_sigterm():
                ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            reason = str(error).partition("\n")[0]
            hint = "start a cluster: ray start --head; or use --ray local"
            raise EngineError(f"no Ray cluster: {reason}", where="--ray", value=address, hint=hint) from error

    def count(self, asked: int) -> int:
        """Actors to start; 0 asks for one per core of the cluster."""
        return asked or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def start(self, number: int, make: Make) -> RayActor:
        """A new actor; where the cluster has no core left it waits for one."""
        return RayActor(self._ray, number, make)

    def wait(self, workers: Sequence[RayActor], seconds: float) -> list[RayActor]:
        """The actors that replied or died, at the latest after so many seconds."""
        heads = {worker.waiting[0]: worker for worker in workers if worker.waiting}
        if not heads:
            time.sleep(min(seconds, 0.05))
            return []
        first, _ = self._ray.wait(list(heads), num_returns=1, timeout=seconds)
        if not first:
            return []
        ready, _ = self._ray.wait(list(heads), num_returns=len(heads), timeout=0)
        return [heads[one] for one in dict.fromkeys([*first, *ready])]

    def close(self) -> None:
        """Leave the cluster, where it was joined here."""
        if self._mine:
            self._ray.shutdown()


class RayActor:
    """An actor and the replies it owes, in the order of their jobs."""

    def __init__(self, ray: Any, number: int, make: Make) -> None:
        self._ray, self.number, self.place = ray, number, ""
        actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Actor)
        self._actor = actor.remote(make, number, os.getcwd(), __version__)
        self.waiting: deque[Any] = deque([self._actor.start.remote()])

    @property
    def name(self) -> str:
        """For messages."""
        return f"worker {self.number} of the cluster{self.place}"

    def send(self, ticket: int, job: Any) -> None:
        """Hand out a job. Raises Exception: it cannot be pickled."""
        self.waiting.append(self._actor.run.remote(ticket, job))

    def receive(self) -> Reply:
        """The next reply. Raises Died."""
        errors = self._ray.exceptions
        try:
            reply: Reply = self._ray.get(self.waiting.popleft())
        except errors.RayTaskError as error:  # the reply cannot be pickled, or not be read here
            raise EngineError("a worker of the cluster cannot send its result", value=str(error)[-300:]) from error
        except errors.RayError as error:
            raise Died(str(error).strip().partition("\n")[0]) from None
        if reply.ticket == START and reply.error is None:
            self.place, reply.value = reply.value
        return reply

    def stop(self) -> None:
        """End the actor."""
        self._ray.kill(self._actor)


class _Actor:
    """Runs on a machine of the cluster."""

    def __init__(self, make: Make, number: int, folder: str, version: str) -> None:
        self._make, self._number, self._folder, self._version = make, number, folder, version
        self._work: Callable[[Any], Any] | None = None

    def start(self) -> Reply:
        """Make the function, in the folder of the command. Ready: (where it runs, what it tells of itself)."""
        import socket

        where = f" on {socket.gethostname()}, process {os.getpid()}"
        if self._version != __version__:
            what, hint = "machines of the cluster have different versions of sealkit", "install the same version on all"
            return Reply(START, error=EngineError(what, where=where.strip(), value=__version__, hint=hint))
        try:
            os.chdir(self._folder)
        except OSError as error:
            what = f"the working folder is not there: {error.strerror}"
            hint = "share it, at the same path, with all machines"
            return Reply(START, error=EngineError(what, where=where.strip(), value=self._folder, hint=hint))
        self._work, reply = begin(self._make, self._number)
        if reply.error is None:
            reply.value = (where, reply.value)
        return reply

    def run(self, ticket: int, job: Any) -> Reply:
        """Do a job."""
        assert self._work is not None
        return answer(self._work, ticket, job)


__all__ = ["LOCAL", "RayActor", "RayCluster"]
