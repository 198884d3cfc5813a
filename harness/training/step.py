"""One optimizer step, and everything that a step changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.foundation.rng import Draws
from harness.networks.build import build_network
from harness.networks.chance import use_draws
from harness.networks.compiled import compile_network
from harness.networks.sizes import check_scale
from harness.networks.teacher import Teacher
from harness.regularizers import Batch, build_regularizer
from harness.regularizers.attached import Attached
from harness.spec import RunSpec
from harness.training.batches import HELDOUT_SEED
from harness.training.distributed import World
from harness.training.ema import moving_average
from harness.training.graph import Captured, CudaRecorder, Recorder
from harness.training.lowered import Lowered
from harness.training.precision import arithmetic, in_channels_last
from harness.training.schedule import learning_rate


class Learner:
    """A network, its regularizer, optimizer and moving average.

    A step has two parts. The first draws random numbers and sets the annealing and the learning rate; it writes them
    into tensors. The second reads nothing else and so can be captured.

    Args:
        spec: the run.
        device: where to train, ``cpu`` or ``cuda``.
        world: the processes that share the batch; :meth:`step` is given this one's rows of it.
        teacher: the network that the regularizer learns from, if it learns from one.
        recorder: captures the second part; with ``training.cuda_graph`` a CUDA graph, else none by default.
    """

    def __init__(
        self,
        spec: RunSpec,
        device: str,
        world: World | None = None,
        teacher: Teacher | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        training = spec.training
        self.spec = spec
        self.device = device
        self._world = world or World()
        self.network = build_network(spec.network, spec.seed).to(device)
        check_scale(self.network, spec.scale, spec.network.path)
        self._channels_last = in_channels_last(training.channels_last, training.precision, device)
        if self._channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = moving_average(self.network, training, device)
        self.regularizer = build_regularizer(spec.regularizer)
        views = self.regularizer.views
        self._rows = self._world.network_rows(training.batch_size // views, views)
        self._draws = Draws(spec.seed, 0, 0, self._rows, device)
        self._compiled: nn.Module | None = None
        lowers = training.precision == "bf16" and device.startswith("cuda")
        self._lowered = Lowered(self.network) if lowers else None
        self._attached = Attached(
            self.network,
            spec.network.taps,
            self.regularizer,
            lambda: self._draws,
            teacher,
            run=self._forward,
            precision=self._precision,
            average=self._world.average_gradients,
        )
        self.parameters = self._attached.parameters
        if recorder is None and training.cuda_graph:
            recorder = CudaRecorder(device)
        self.captured = Captured(self._update, recorder) if recorder else None
        self.optimizer = self._make_optimizer()
        self._batch: Batch | None = None
        self._iteration = torch.zeros((), dtype=torch.float64, device=device)
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)
        self.first_bad = torch.full((3,), torch.inf, dtype=torch.float64, device=device)
        """The first iterations at which loss, L1 and penalty were not finite; infinite where they always were."""

    @property
    def has_penalty(self) -> bool:
        """Whether the latest step had a penalty."""
        return self._attached.has_penalty

    def step(self, iteration: int, batch: Batch) -> None:
        """Train on one batch. ``iteration`` is 1-based. Nothing is copied to the host, so the device never waits."""
        self._prepare(iteration)
        self._take(batch)
        if self.captured is None:
            self._update()
        else:
            self.captured()

    def _prepare(self, iteration: int) -> None:
        """Set everything in which this iteration differs from others but the batch."""
        training = self.spec.training
        self._draws = Draws(self.spec.seed, iteration, 0, self._rows, self.device)
        self._attached.use_draws(self._draws)
        self.regularizer.set_progress(Fraction(iteration, training.iterations))
        rate = learning_rate(iteration, training.iterations, training.learning_rate, training.schedule)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self._iteration.fill_(iteration)
        self.average.set_iteration(iteration)

    def _take(self, batch: Batch) -> None:
        """Lay out the batch; for a captured step, in the tensors of the one before."""
        batch = self._laid_out(batch)
        if self.captured is None:
            self._batch = batch
        elif self._batch is None:
            known = {name: values.clone() for name, values in batch.degradation.items()}
            self._batch = Batch(batch.lr.clone(), batch.target.clone(), known)
        else:
            self._batch.lr.copy_(batch.lr)
            self._batch.target.copy_(batch.target)
            for name, values in self._batch.degradation.items():
                values.copy_(batch.degradation[name])

    def _update(self) -> None:
        """Do the second part of a step: gradients as the regularizer wants them, optimizer, average, sums."""
        assert self._batch is not None
        parts = self._attached.gradients(self._batch)
        if self.spec.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.spec.training.clip_norm)
        self.optimizer.step()
        self.average.update(self.network)
        self._note(parts)

    def heldout_l1(self, batches: Sequence[Batch]) -> float:
        """Return the L1 loss of the averaged weights, in fp32, mean over the images of all batches.

        A network that draws random numbers is measured in one pass, whose numbers are always the same.
        """
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            losses = [self._heldout_loss(number, batch) for number, batch in enumerate(batches)]
            return float(torch.stack(losses).sum()) / sum(len(b.lr) for b in batches)

    def _heldout_loss(self, number: int, batch: Batch) -> Tensor:
        use_draws(self.average.network, Draws(HELDOUT_SEED, -number, 0, range(len(batch.lr)), self.device))
        return F.l1_loss(self.average.network(batch.lr), batch.target) * len(batch.lr)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that the run hands to evaluation: averaged, or raw if the spec says so."""
        source = self.average.network if self.spec.training.weights == "ema" else self.network
        return dict(source.state_dict())

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that training changes, by a unique name."""
        return {"sums": self.sums, **dict(self._owned()), **{f"adam/{k}": v for k, v in self._moments()}}

    def result_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that a finished run needs to write its outputs again."""
        return dict(self._owned())

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what :meth:`tensors` or :meth:`result_tensors` gave."""
        if self.captured is not None:
            self.captured.forget()  # Adam's moments are new tensors
        with torch.no_grad():
            for name, tensor in self._owned():
                tensor.copy_(tensors[name])
        if "sums" in tensors:
            self.sums.copy_(tensors["sums"])
            self._restore_moments(tensors)

    def _make_optimizer(self) -> torch.optim.Adam:
        training, rate = self.spec.training, self.spec.training.learning_rate
        on_cuda = self.device.startswith("cuda")
        # A number would be captured as it is; CUDA's kernel takes float32 only, the CPU's the same number as without.
        dtype = torch.float32 if on_cuda else torch.float64
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.optimizer]
        return kind(
            self.parameters,
            lr=torch.tensor(rate, dtype=dtype, device=self.device) if self.captured else rate,
            betas=training.betas,
            weight_decay=training.weight_decay,
            fused=training.fused_optimizer,
            foreach=not training.fused_optimizer,
            capturable=on_cuda and self.captured is not None,
        )

    def _note(self, parts: Tensor) -> None:
        self.sums += parts
        worst = torch.minimum(self.first_bad, self._iteration)
        self.first_bad.copy_(torch.where(parts.isfinite(), self.first_bad, worst))

    def _laid_out(self, batch: Batch) -> Batch:
        if not self._channels_last:
            return batch
        lr, target = (t.contiguous(memory_format=torch.channels_last) for t in (batch.lr, batch.target))
        return replace(batch, lr=lr, target=target)

    def _forward(self, lr: Tensor) -> Tensor:
        if not self.spec.training.compile:
            return (self._lowered or self.network)(lr)
        if self._compiled is None:
            self.network(lr)  # hooks make their buffers, which compiled code then finds in place
            self._compiled = compile_network(self.network)
        return self._compiled(lr)

    def _precision(self) -> AbstractContextManager[Any]:
        if arithmetic(self.spec.training.precision, self.device) != "bf16":
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16)

    def _owned(self) -> Iterator[tuple[str, Tensor]]:
        learned = ((f"regularizer/{i}", p) for i, p in enumerate(self.regularizer.parameters()))
        kept = ((f"regularizer/state/{k}", v) for k, v in self.regularizer.state().items())
        network = ((f"network/{k}", v) for k, v in self.network.state_dict().items())
        average = ((f"average/{k}", v) for k, v in self.average.network.state_dict().items())
        return chain(network, average, learned, kept)

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for index, parameter in enumerate(self.parameters):
            for name, tensor in self.optimizer.state.get(parameter, {}).items():
                yield f"{index}/{name}", tensor

    def _restore_moments(self, tensors: dict[str, Tensor]) -> None:
        group = self.optimizer.param_groups[0]
        counts_on_device = group["fused"] or group["capturable"]  # else Adam reads its counter, and would wait for it
        for index, parameter in enumerate(self.parameters):
            prefix = f"adam/{index}/"
            found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            if found:
                last = parameter.dim() == 4 and self._channels_last
                layout = torch.channels_last if last else torch.contiguous_format
                self.optimizer.state[parameter] = {
                    k: v.to(
                        parameter.device if counts_on_device or k != "step" else "cpu",
                        memory_format=layout if v.dim() == 4 else torch.contiguous_format,
                        copy=True,
                    )
                    for k, v in found.items()
                }
