"""The spec of a run: the complete, resolved description of one training. What is not in it cannot change a result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.degradations.spec import GaussianNoiseSpec, TrainingDegradation
from harness.foundation.files import content_hash
from harness.foundation.yamlfile import StrictModel

SPEC_FORMAT = 1
"""Part of every spec hash; raised when the same spec would train differently because the code changed on purpose."""

TRIAL_SEEDS = 10_000_000
"""The seeds of tuning trials are these and those that follow; those of all other runs are less."""

Initialization = Literal["default", "pytorch", "released_upconv", "released", "zero_last"]
"""How a network's weights are drawn; see :class:`NetworkSpec`."""

RELEASED_UPCONV: tuple[Initialization, ...] = ("released_upconv", "released")
"""Those that draw a network's ``upconv`` anew."""

NAMED_ROLES = frozenset({"attention_tokens", "attention_logits"})
"""Only a regularizer that names them sees them: those that see all roles stay the runs that they were before these."""

_NEEDED = {"pytorch": ("blocks",), "released": ("blocks",), "zero_last": ("last",)}


def _unless(default: Any) -> Callable[[Any], bool]:
    """Leave a field out of the spec where it has its default: a later choice renames no run that was there before."""
    return lambda value: bool(value == default)


class NetworkSpec(StrictModel):
    """A network by import path, and where regularizers may act on it.

    Attributes:
        path: ``module:Class``.
        arguments: keyword arguments of the class.
        taps: role (``last``, ``blocks``, ``features``) to taps, ``module.path:input`` or ``module.path:output``;
            ``*`` stands for every index, in natural order. The spec of a run holds the roles that it uses.
        initialization: ``default`` keeps what the class does; ``pytorch`` resets the convolutions of the residual
            blocks to PyTorch's own default; ``released_upconv`` resets ``upconv`` alone, as all releases do;
            ``released`` both, as the Adaptive Dropout release does; ``zero_last`` resets all convolutions to that
            default and the last one (role ``last``) to zero: training starts at the global skip, an interpolation.
        upconv: path of the first upsampling convolution. The spec of a run holds it where the initialization asks.
        blocks: number of taps ``block_outputs``, for ablations with a level per block; no part of a run's spec.
    """

    path: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: dict[str, Any] = {}
    taps: dict[str, tuple[str, ...]] = {}
    initialization: Initialization = "default"
    upconv: str | None = Field(default=None, pattern=r"^[\w.]+$", exclude_if=_unless(None))
    blocks: int | None = Field(default=None, gt=0, exclude=True)

    def showing(self, roles: Collection[str] | None) -> NetworkSpec:
        """Return what a spec holds: taps of ``roles`` (None: all but ``NAMED_ROLES``) and of the initialization."""
        kept = {*(self.taps.keys() - NAMED_ROLES if roles is None else roles), *_NEEDED.get(self.initialization, ())}
        taps = {role: taps for role, taps in self.taps.items() if role in kept}
        upconv = self.upconv if self.initialization in RELEASED_UPCONV else None
        return self.model_copy(update={"taps": taps, "upconv": upconv})


class RegularizerSpec(StrictModel):
    """A regularizer with its complete options.

    Attributes:
        regularizer: module name in ``harness.regularizers`` or ``package.module:Class``.
        options: every option, defaults included.
    """

    regularizer: str
    options: dict[str, Any] = {}


class ScheduleSpec(StrictModel):
    """Cosine annealing with warm restarts (SGDR, arXiv 1608.03983); positions are fractions of the whole training.

    Attributes:
        periods: lengths of the cosine periods, as fractions of the iterations. The last may reach beyond the end:
            the released configurations use 250,000 and 500,000 of 500,000 iterations, so the rate restarts in the
            middle and ends at half of its start.
        restart_weights: factor of the learning rate at the start of each period.
        floor: learning rate at the end of a period.
    """

    periods: tuple[float, ...] = (0.5, 1.0)
    restart_weights: tuple[float, ...] = (1.0, 1.0)
    floor: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> ScheduleSpec:
        if not self.periods or min(self.periods) <= 0:
            raise ValueError(f"periods {list(self.periods)}: give at least one period, each greater than 0")
        if sum(self.periods) < 1:
            raise ValueError(f"periods {list(self.periods)}: add up to less than 1, the whole training")
        if len(self.restart_weights) != len(self.periods):
            raise ValueError(f"restart_weights: {len(self.restart_weights)} given for {len(self.periods)} periods")
        return self


class PerformanceSpec(StrictModel):
    """How the same mathematics is computed: for speed, results differ by rounding at most.

    An experiment that leaves one of these out gets what its network's entry in ``configs/networks.yaml`` says for the
    device. The values here are the plainest path.

    Attributes:
        precision: ``fp32``; ``tf32`` for convolutions on CUDA with 10 bits of mantissa; or ``bf16`` for autocast.
        placement: ``host`` keeps training images in a memory map, ``device`` on the device.
        channels_last: memory format of weights and images; ``auto``: what the machine that trains is faster with.
        compile: compile the network with torch.compile; a regularizer that is ``compile_safe``.
        cuda_graph: capture the network's part of the step once and launch it as a whole; one CUDA device, and a
            regularizer that says ``graph_safe``.
        fused_optimizer: one kernel for Adam, instead of a few for each operation in it.
        foreach_ema: one call for the moving average of all weights, instead of one for each.
        prefetch: make batches ahead, on a side stream and in a thread; CUDA only, and not with a pool.
    """

    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    placement: Literal["host", "device"] = "host"
    channels_last: Literal[True, False, "auto"] = False
    compile: bool = False
    cuda_graph: bool = False
    fused_optimizer: bool = True
    foreach_ema: bool = True
    prefetch: bool = False


class PassesSpec(StrictModel):
    """What is measured of a network that draws random numbers at test time: single passes, and means of several.

    Attributes:
        passes: how many outputs a mean is of, before it is rounded to 8 bit.
        seeds: of the random numbers; ``n`` stands for 0 to n - 1. Each gives a single pass and a mean; tables show the
            average over them, and how far they lie apart.
    """

    passes: int = Field(ge=2, le=1000)
    seeds: tuple[int, ...] = Field(min_length=1, max_length=1000)

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted(cls, seeds: Any) -> Any:
        if isinstance(seeds, int) and not isinstance(seeds, bool):
            return tuple(range(min(seeds, 1001)))  # one more than there may be
        return tuple(seeds) if isinstance(seeds, list) else seeds

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        for seed in seeds:
            if seed < 0 or seeds.count(seed) > 1:
                raise ValueError(f"{seed}: {'must not be negative' if seed < 0 else 'given twice'}")
        return seeds


class NetworkEntry(NetworkSpec):
    """An entry of ``configs/networks.yaml``: a network, what is measured of it, and what makes its training fast.

    Attributes:
        test_time: of a network that draws random numbers at test time too. No training asks for it, so it is part of
            what names metrics and not of a run's spec.
        performance: device to measured defaults of the training's options, for experiments that leave these out.
            ``cpu_bf16`` holds what differs from ``cpu`` where the precision is bf16.
    """

    test_time: PassesSpec | None = None
    performance: dict[Literal["cpu", "cpu_bf16", "cuda"], PerformanceSpec] = {
        "cpu_bf16": PerformanceSpec(channels_last=True),
        "cuda": PerformanceSpec(channels_last=True, prefetch=True),
    }

    @model_validator(mode="after")
    def _check(self) -> NetworkEntry:
        for device, options in self.performance.items():
            for name in ("cuda_graph", "prefetch"):
                if device != "cuda" and getattr(options, name):
                    raise ValueError(f"performance.{device}.{name} True: needs a CUDA device")
        return self

    @property
    def network(self) -> NetworkSpec:
        """The network alone, as it stands in the spec of a run."""
        return NetworkSpec.model_validate(self.model_dump(exclude={"performance", "test_time"}))

    def defaults(self, device: Literal["cpu", "cuda"], precision: str) -> dict[str, Any]:
        """Return the options that the entry gives for a device and a precision of the training, by name."""
        found: dict[str, Any] = {}
        for key in (device, "cpu_bf16") if (device, precision) == ("cpu", "bf16") else (device,):
            if key in self.performance:
                found |= self.performance[key].model_dump(mode="json", exclude_unset=True)
        return found


class TrainingSpec(PerformanceSpec):
    """How a network is trained (PROTOCOL: DIV2K, second-order degradation, L1, Adam, EMA).

    Attributes:
        data: name of the training dataset.
        heldout: name of a dataset whose fixed degraded batch measures progress; never trained on, never tested on.
        iterations: optimizer steps.
        batch_size: degraded (low-resolution) images per step. A regularizer with two views sees half as many ground
            truths: two images of each.
        crop: side of the square cut from a ground truth before degradation, in HR pixels.
        crops: how often a photograph is drawn: ``photographs``, all alike; or by its ``sub_images``, as released.
        patch: side of the aligned crop that the network is trained on, in HR pixels.
        window: whether the aligned crop's place is each ``image``'s own, or one for the ``batch``, as released.
        horizontal_flip: flip half of the crops.
        usm_target: sharpen the ground truth with an unsharp mask before degradation.
        degradation: parameters of the second-order degradation, or of noise alone.
        pool: pairs held back and mixed into batches, as in Real-ESRGAN; 0 is none.
        learning_rate, betas: of Adam.
        schedule: of the learning rate.
        optimizer: ``adam``, or ``adamw``, whose weight decay is apart from the gradient (arXiv 1711.05101).
        weight_decay: of the optimizer, 0 for none.
        clip_norm: greatest norm of the gradient of all weights together; None clips nothing.
        ema: decay of the exponential moving average of the weights.
        averaging: ``ema``, or ``swa``: the plain mean of the weights after each step since ``swa_start`` (stochastic
            weight averaging, arXiv 1803.05407, with a step for each epoch); until then the weights themselves.
        swa_start: part of the training after which ``swa`` begins to average.
        weights: which weights a run hands to evaluation.
        log_every: iterations between lines of the history.
        heldout_every: iterations between measurements of the held-out loss.
        heldout_images: images of the held-out set of degraded pairs.
        device: where to train.
        threads: CPU threads of one run. Part of the spec, because sums depend on how work is split.
        processes: devices that share the batch of one run.
    """

    data: str
    heldout: str
    iterations: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    crop: int = Field(gt=0)
    crops: Literal["photographs", "sub_images"] = Field(default="photographs", exclude_if=_unless("photographs"))
    patch: int = Field(gt=0)
    window: Literal["image", "batch"] = Field(default="image", exclude_if=_unless("image"))
    horizontal_flip: bool = True
    usm_target: bool = True
    degradation: TrainingDegradation
    pool: int = Field(default=0, ge=0)
    learning_rate: float = Field(gt=0)
    betas: tuple[float, float] = (0.9, 0.99)
    schedule: ScheduleSpec = ScheduleSpec()
    optimizer: Literal["adam", "adamw"] = Field(default="adam", exclude_if=_unless("adam"))
    weight_decay: float = Field(default=0.0, ge=0, exclude_if=_unless(0.0))
    clip_norm: float | None = Field(default=None, gt=0, exclude_if=_unless(None))
    ema: float = Field(default=0.999, ge=0, lt=1)
    averaging: Literal["ema", "swa"] = Field(default="ema", exclude_if=_unless("ema"))
    swa_start: float = Field(default=0.75, ge=0, lt=1, exclude_if=_unless(0.75))
    weights: Literal["ema", "raw"] = "ema"
    log_every: int = Field(default=100, gt=0)
    heldout_every: int = Field(default=5000, gt=0)
    heldout_images: int = Field(default=32, gt=0)
    device: Literal["cpu", "cuda"] = "cuda"
    threads: int = Field(default=1, gt=0)
    processes: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _check(self) -> TrainingSpec:
        if self.patch > self.crop:
            raise ValueError(f"patch {self.patch}: must not be greater than crop {self.crop}")
        if self.batch_size % self.processes:
            raise ValueError(f"batch_size {self.batch_size}: must be a multiple of processes {self.processes}")
        if self.pool and self.processes > 1:
            raise ValueError(f"pool {self.pool}: needs processes 1, because a pool mixes the whole batch")
        if self.pool and self.pool % self.batch_size:
            raise ValueError(f"pool {self.pool}: must be a multiple of batch_size {self.batch_size}")
        for name in ("cuda_graph", "prefetch"):
            if getattr(self, name) and self.device != "cuda":
                raise ValueError(f"{name} true: needs device: cuda, not {self.device}")
        if self.cuda_graph and self.processes > 1:
            raise ValueError(f"cuda_graph true: needs processes 1, not {self.processes}")
        if self.prefetch and self.pool:
            raise ValueError(f"prefetch true: needs pool 0, not {self.pool}, because a pool's order must be the run's")
        return self


class RunSpec(StrictModel):
    """One training, resolved. Names that only label it (variant, experiment) are not part of it."""

    network: NetworkSpec
    regularizer: RegularizerSpec
    training: TrainingSpec
    scale: int = Field(gt=0)
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _check(self) -> RunSpec:
        for name in ("crop", "patch"):
            side = getattr(self.training, name)
            if side % self.scale:
                raise ValueError(f"training.{name} {side}: must be a multiple of the scale {self.scale}")
        if isinstance(self.training.degradation, GaussianNoiseSpec) and self.scale != 1:
            raise ValueError(f"training.degradation: noise alone needs scale 1, not {self.scale}")
        return self

    @property
    def is_trial(self) -> bool:
        """Whether it is a trial of tuning: it is compared with other trials, and that it diverges is its result."""
        return self.seed >= TRIAL_SEEDS

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of the spec and ``SPEC_FORMAT``: it names the resumable state."""
        return content_hash({"format": SPEC_FORMAT, "spec": self.model_dump(mode="json")})

    def degraded_by(self, view: int) -> dict[str, Any]:
        """Return what decides the degraded images of a view, besides the photographs, the iteration and the row.

        The arms of one seed share it, and so their images.
        """
        decides = {"crop", "crops", "patch", "window", "degradation", "horizontal_flip", "usm_target"}
        training = self.training.model_dump(mode="json", include=decides)
        return {"training": training, "scale": self.scale, "seed": self.seed, "view": view}


class SetSpec(StrictModel):
    """One dataset and the degraded versions of it that are evaluated; ``real`` stands for photographs as they are."""

    dataset: str
    degradations: tuple[str, ...]
    metrics: tuple[str, ...]


class EvaluationSpec(StrictModel):
    """What is measured of one checkpoint: its hash names the metrics file.

    ``test_time`` holds, by name, the networks that draw random numbers at test time; ``recipes`` a hash of each
    degradation that the project defines, as a name of its own may change its meaning.
    """

    sets: tuple[SetSpec, ...]
    scale: int = Field(gt=0)
    benchmark: str
    test_time: dict[str, PassesSpec] = Field(default={}, exclude_if=_unless({}))
    recipes: dict[str, str] = Field(default={}, exclude_if=_unless({}))

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON."""
        return content_hash(self.model_dump(mode="json"))
