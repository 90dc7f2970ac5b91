"""Downloads official inference models and training weights to where the rest of sealkit finds them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealkit.download import places
from sealkit.download.asking import Kind
from sealkit.download.errors import DownloadError, NotThereError, UnreachableError, WrongFileError
from sealkit.download.known import LearnedSums, committed
from sealkit.download.sources import FILES, OLD_PROGRAM, SOURCES, order
from sealkit.download.transfer import RULES, Known, Progress, Received, TransferRules, fetch, sha256_of
from sealkit.download.unpack import unpack
from sealkit.errors import EngineError
from sealkit.files import held, replace_folder
from sealkit.runtime.files import ModelFiles

_INCOMING = ".incoming"
_HEADS = (b"\x80", b"PK")
"""How a .pdparams file begins: a pickle, or a zip of one."""


@dataclass(frozen=True)
class Request:
    """What to download, and to where.

    Attributes:
        model: official name.
        kind: an inference model's folder, or the file of training weights.
        source: the only source to ask; None: all, in PaddleX's order.
        output: folder to write to; None: where sealkit looks for it.
        force: download it again where it is there.
        relearn: take a file whose sum is not the known one, and remember the new one.
    """

    model: str
    kind: Kind = "inference"
    source: str | None = None
    output: Path | None = None
    force: bool = False
    relearn: bool = False

    @property
    def folder(self) -> Path:
        """Where it goes to."""
        if self.output is not None:
            return self.output.expanduser()
        return places.models_folder() if self.kind == "inference" else places.weights_folder()

    @property
    def target(self) -> Path:
        """The folder or file it becomes."""
        name = f"{self.model}_infer" if self.kind == "inference" else f"{self.model}_pretrained.pdparams"
        return self.folder / name

    def found(self) -> Path | None:
        """Where it is already; None where it is not."""
        if self.output is not None:
            return self.target if self.target.exists() else None
        return places.find_inference(self.model) if self.kind == "inference" else places.find_training(self.model)

    def addresses(self) -> list[str]:
        """Where it would be fetched from, in the order of trying; the folder of files where a source has no archive."""
        urls = []
        for name in order(self.source, training=self.kind == "training"):
            source = SOURCES[name]
            if self.kind == "training":
                urls.append(source.training_url(self.model))
            else:
                urls.append(source.archive_url(self.model) if source.archive else source.file_url(self.model, ""))
        return urls


@dataclass(frozen=True)
class Result:
    """What came of a request.

    Attributes:
        path: the folder or file.
        source: where it was fetched from; None where it was there.
        notes: sources that failed before, and what was learned.
    """

    path: Path
    source: str | None
    notes: tuple[str, ...] = ()


def download(
    request: Request,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    rules: TransferRules = RULES,
) -> Result:
    """Download one model; it is there, whole and checked, when this returns, and was not there half before.

    Several processes may ask for the same: one fetches it, the others wait and find it.

    Args:
        request: what, from where, to where.
        progress: called with (bytes so far, bytes in all) of each file.
        say: called with sentences on the way.
        rules: bounds of each transfer.

    Raises:
        NotThereError, UnreachableError: no source has it, or none answers; what arrived is kept and gone on with.
        WrongFileError: not the known file, or an archive that is refused.
        DownloadError: no room on the disk.
        ConfigError: an unknown source or mirror.
    """
    found = request.found()
    if found is not None and not request.force:
        return Result(found, None)
    sources = order(request.source, training=request.kind == "training")
    incoming = request.folder / _INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    waiting = f"another process is downloading {request.model}; waiting for it"
    with held(incoming / f"{request.target.name}.lock", lambda: say(waiting) if say else None):
        found = request.found()
        if found is not None and not request.force:
            return Result(found, None)
        return _from_any(request, sources, incoming, progress, say, rules)


def _from_any(
    request: Request,
    sources: Sequence[str],
    incoming: Path,
    progress: Progress | None,
    say: Callable[[str], None] | None,
    rules: TransferRules,
) -> Result:
    """From the first source that has it.

    Raises:
        DownloadError: of the last source where none has it.
    """
    notes: list[str] = []
    for number, source in enumerate(sources):
        one = _One(request, source, incoming / source / request.model, progress, rules)
        try:
            one.fetch()
        except (NotThereError, UnreachableError) as error:
            if number + 1 == len(sources):
                before = f"; before, {'; '.join(notes)}" if notes else ""
                what = f"{source}: {error.what}{before}"
                raise type(error)(what, where=error.where, value=error.value, hint=error.hint) from error
            notes.append(f"{source}: {error.what}")
            if say is not None:
                say(f"{source}: {error.what} ({error.where}); trying {sources[number + 1]}")
            continue
        return Result(request.target, source, tuple(notes + one.notes))
    raise AssertionError("a request has a source")  # pragma: no cover


class _One:
    """One model from one source."""

    def __init__(
        self, request: Request, source: str, incoming: Path, progress: Progress | None, rules: TransferRules
    ) -> None:
        self.request, self.source, self.incoming = request, source, incoming
        self.progress, self.rules = progress, rules
        self.sums = LearnedSums(request.folder)
        self.received: dict[str, Received] = {}
        self.notes: list[str] = []

    def fetch(self) -> None:
        """Fetch all files, check them, and put them in their place."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        source = SOURCES[self.source]
        if self.request.kind == "training":
            self._training(source.training_url(self.request.model))
        elif source.archive is not None:
            self._archive(source.archive_url(self.request.model))
        else:
            self._files()
        self.sums.learn(self.source, self.received)
        shutil.rmtree(self.incoming, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.incoming.parent.rmdir()  # if no other model is on its way

    def _get(self, url: str, name: str) -> Path:
        """One file, checked against what is known of it."""
        target, key = self.incoming / name, f"{self.request.model}/{name}"
        known = Known() if self.request.relearn else self.sums.known(self.source, key)
        self.received[key] = fetch(url, target, known, self.progress, self.rules)
        if known == Known():
            self.notes.append(f"{name}: SHA-256 {self.received[key].sha256} learned, later downloads must have it")
        return target

    def _training(self, url: str) -> None:
        file = self._get(url, self.request.target.name)
        with open(file, "rb") as content:
            head = content.read(2)
        if not head.startswith(_HEADS):
            file.unlink()
            raise WrongFileError("not a .pdparams file", where=url, value=head, hint="not used; take a mirror")
        os.replace(file, self.request.target)

    def _archive(self, url: str) -> None:
        file = self._get(url, url.rpartition("/")[2])

        def fill(folder: Path) -> None:
            try:
                unpack(file, folder, url)
            except WrongFileError:
                file.unlink()
                raise
            self._check_folder(folder, url)

        self._place(fill)

    def _files(self) -> None:
        source, model = SOURCES[self.source], self.request.model
        *first, program = FILES
        files = [self._get(source.file_url(model, name), name) for name in first]
        try:
            files.append(self._get(source.file_url(model, program), program))
        except NotThereError:
            files.append(self._get(source.file_url(model, OLD_PROGRAM), OLD_PROGRAM))

        def fill(folder: Path) -> None:
            for file in files:
                os.replace(file, folder / file.name)
            self._check_folder(folder, source.file_url(model, ""))

        self._place(fill)

    def _place(self, fill: Callable[[Path], None]) -> None:
        target = self.request.target
        try:
            replace_folder(target, fill)
        except DownloadError:
            shutil.rmtree(target.with_name(target.name + ".partial"), ignore_errors=True)
            raise

    def _check_folder(self, folder: Path, where: str) -> None:
        """Refuse a folder that is no inference model, or another one, before it takes its place."""
        try:
            name = ModelFiles.find(folder).read_meta().model_name
        except EngineError as error:
            raise WrongFileError(f"not an inference model: {error.what}", where=where, value=error.value) from error
        if name is not None and name != self.request.model:
            raise WrongFileError(f"the model of another name than {self.request.model}", where=where, value=name)
        if self.request.relearn:
            return
        for file in sorted(folder.iterdir()):
            known = committed().get(f"{self.request.model}/{file.name}")
            if known is not None and sha256_of(file) != known.sha256:
                raise WrongFileError(
                    f"{file.name} is not the known one: its SHA-256 should be {known.sha256}",
                    where=where,
                    hint="not used; if PaddlePaddle published a new one, --relearn takes it",
                )


__all__ = ["Request", "Result", "download"]
