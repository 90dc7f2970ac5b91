"""Ctrl-C and SIGTERM: an orderly end, wherever a command is.

A terminal sends Ctrl-C, and a service manager SIGTERM, to every process of a group. Four rules follow:

1. `stopping` covers a whole command: the signal becomes `Stopped`, an exception. Inside an import it cannot: compiled
   modules turn any exception of their imports into an ImportError and print its traceback. There the process ends at
   once; what it writes, it writes atomically. A function that C code calls back, such as Numba's compiler does, prints
   and drops it: then it is raised again.
2. `stop_signals` covers the training loop: the first signal asks for a checkpoint.
3. `unheard` covers the start of helper processes, which leave both signals to their parent.
4. `deaf_threads` covers the import of what starts threads. The system gives a signal to any thread that does not block
   it, and while Paddle is imported a handler of its own stands, which ends the process without our message.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from sealkit.runtime.noise import framework_noise, stderr_descriptor

_BOTH = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS = 0.2
"""Until it is seen whether the exception of a signal was dropped."""
_IMPORTING = "<frozen importlib._bootstrap>"
"""File name of the frames that run an import."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, as an exception that no `except Exception` catches."""


@dataclass
class Stop:
    """Whether and how the command was asked to end.

    Attributes:
        number: the signal; None: it was not asked.
        handled: to be set by who catches the `Stopped` inside the block: it is not raised again.
    """

    number: int | None = None
    handled: bool = False

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM, as a shell reports them."""
        return 128 + (self.number or signal.SIGINT)

    @property
    def message(self) -> str:
        """Why the command ended."""
        return "stopped by SIGTERM" if self.number == signal.SIGTERM else "stopped by the user"


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def stopping() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM raise `Stopped` inside the block; the Stop says which of them came.

    Other errors that follow a signal are its consequences: the caller looks at the Stop first. Outside the main thread
    nothing is changed.
    """
    stop = Stop()
    if not _in_main_thread():
        yield stop
        return
    kept = {number: signal.getsignal(number) for number in _BOTH}

    def end(number: int, frame: FrameType | None) -> None:
        stop.number = number
        if _importing(frame):
            with contextlib.suppress(OSError):  # no stderr
                os.write(stderr_descriptor(), f"error: {stop.message}\n".encode())
            os._exit(stop.exit_code)
        error = Stopped(stop.message)
        _look_again(weakref.ref(error), again)
        try:
            raise error
        finally:
            del error  # or its traceback, which holds this frame, would keep it alive

    def again(frame: FrameType | None) -> None:
        if stop.number is not None and not stop.handled:
            end(stop.number, frame)

    try:
        for number, handler in kept.items():
            if handler is not signal.SIG_IGN:  # `nohup`, or a parent that keeps the signal to itself
                signal.signal(number, end)
        yield stop
    finally:
        if stop.number is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _set(kept)


def _look_again(raised: Callable[[], Stopped | None], again: Callable[[FrameType | None], None]) -> None:
    """Call `again` when the exception is gone while the command goes on: whoever handles it holds it.

    By SIGALRM, as a thread cannot be started safely inside a handler; Windows has none.
    """

    def look(number: int, frame: FrameType | None) -> None:
        if raised() is None:
            again(frame)
        else:
            signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS)

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


@contextmanager
def stop_signals(*, patient: bool = False) -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM asks for a checkpoint and an orderly end; the second one ends at once.

    Args:
        patient: the second one asks for the same: Paddle's launcher sends SIGTERM up to three times in 0.6 s.
    """
    event = threading.Event()
    if not _in_main_thread():
        yield event
        return
    kept = {number: signal.getsignal(number) for number in _BOTH}

    def ask(number: int, frame: Any) -> None:
        event.set()
        if not patient:
            _set(kept)

    for number in kept:
        signal.signal(number, ask)
    try:
        yield event
    finally:
        _set(kept)


def _set(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # None: not set from Python, and not Python's to put back
            signal.signal(number, handler)


@contextmanager
def unheard(*signals: signal.Signals) -> Iterator[None]:
    """Processes of `multiprocessing` started inside never hear these signals, from their first instruction on.

    Default: both. Who does not hear SIGTERM has to be ended with SIGKILL. Windows has no mask of signals: there a
    process must ignore them itself.
    """
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # where it still has to be started, it lifts the block of signals
    with _blocked(signals or _BOTH):
        yield


@contextmanager
def deaf_threads() -> Iterator[None]:
    """Threads that libraries start inside never hear Ctrl-C and SIGTERM; for short blocks, as nobody hears them there.

    They inherit it from the one that starts them. OpenBLAS, of NumPy and of OpenCV, starts its threads when imported.
    """
    with _blocked(_BOTH):
        yield


@contextmanager
def _blocked(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """What arrives meanwhile reaches this process when the block ends. The mask is inherited through fork and exec."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def import_paddle() -> None:
    """Import Paddle, without what its import says of threads and compilers, and keep SIGTERM's handler.

    Paddle's import sets a handler of its own, which dumps C++ frames. A signal that arrives meanwhile waits, unless a
    thread hears it: call this before engines and thread pools start any, see `deaf_threads`.
    """
    if "paddle" in sys.modules:
        return
    if not _in_main_thread():
        with framework_noise():
            import paddle

        return
    with unheard(), keeping_sigterm(), framework_noise():
        import paddle  # noqa: F401


@contextmanager
def keeping_sigterm() -> Iterator[None]:
    """SIGTERM's handler survives a package that sets one of its own."""
    kept = signal.getsignal(signal.SIGTERM)
    yield
    if _in_main_thread():
        _set({signal.SIGTERM: kept})
