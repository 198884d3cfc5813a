"""What a regularizer is: whatever changes training and leaves the network as it is at test time.

The training step uses it like this:

    regularizer.learn_from(teacher)                # once, if its options name one
    regularizer.attach(network, taps, draws)       # once
    regularizer.set_progress(Fraction(t, total))   # before each step
    images = regularizer.clean(crops, draws)       # before they are degraded
    batch = regularizer.batch(batch)               # views of the same ground truths one after the other
    regularizer.gradients(backward)                # calls backward(), which does:
        output = network(batch.lr)
        loss = regularizer.loss(output, batch) + regularizer.penalty(features)
        loss.backward()
    regularizer.detach()                           # at the end

Every method has a default, and the defaults together are the baseline's step. What a regularizer does in a step is a
function of its options, the progress, the random numbers of that step, and of what it names in ``parameters`` and
``state``. That is why a resumed run goes on exactly where it was.

Files of regularizers are imported while Snakemake reads the workflow, so they import torch inside functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from harness.foundation.rng import Draws
from harness.foundation.yamlfile import StrictModel

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Handles, Taps
    from harness.networks.teacher import Teacher
    from harness.regularizers.batch import Batch

DrawsSource = Callable[[], Draws]
"""Returns the random numbers of the current step. Its ``rows`` are the places of this process's images in the global
batch, all first views before all second views: for eight ground truths seen twice 0 to 15; with two processes 0 to 3
and 8 to 11 in one, 4 to 7 and 12 to 15 in the other."""


_TEACHER = "the option names a variant whose run teaches"

TeacherRun = Annotated[str, _TEACHER]
"""The type of an option that names a variant of the experiment, such as ``baseline``. The run of that variant, with the
same network and seed, is trained first, and its network is :attr:`Regularizer.teacher`. In a run's spec the spec hash
of the teacher's run stands in place of the name, so a student of another teacher is another run."""


def teacher_option(options: type[StrictModel]) -> str | None:
    """Return the name of the option that is a :data:`TeacherRun`, or None; the first if there are several."""
    return next((name for name, field in options.model_fields.items() if _TEACHER in field.metadata), None)


class OptionsModel(StrictModel):
    """The base of a regularizer's options: frozen, unknown keys are errors, and every field needs a default."""


class NoOptions(OptionsModel):
    """For a regularizer that has nothing to choose."""


class Regularizer:
    """The base of all regularizers.

    Attributes:
        Options: the model of the options: frozen, unknown keys forbidden, every field with a default.
        graph_safe: whether what it does in a step can be captured in a CUDA graph, once, and replayed in every later
            step: they must take what changes from one step to the next, random numbers and annealed weights, from
            tensors that :meth:`set_progress` writes in place. The conformance tests check who says so.
        compile_safe: whether its hooks can be compiled with the network by torch.compile: what they do is a function of
            tensors, and no number of Python that changes from one step to the next. Of what says False, the conformance
            tests ask no compilation, and a run of it leaves out ``compile`` where the network's entry gives it.
        mixes_rows: whether :meth:`batch` makes an image of others of the batch. They are found by their row in the
            global batch, see :func:`global_batch`, so that several processes see what one would.
        uses_degradation: whether it reads ``batch.degradation``.
        shows_teacher: whether the teacher sees ``batch.lr`` in each step; False for one that shows it something else.
        uses_features: whether :meth:`penalty` wants the tensor at the role ``features``.
        views: degraded views of each ground truth in a step.
        least_iterations: number of iterations below which steps of annealing would fall together.
        least_ground_truths: of a batch, of all processes together, below which it would do nothing.
        roles: the roles of taps it acts at, besides ``features``; None lets it see all.
        uses_teacher: whether its options need the teacher that one of them names.
    """

    Options: ClassVar[type[StrictModel]] = NoOptions
    graph_safe: ClassVar[bool] = False
    compile_safe: ClassVar[bool] = True
    mixes_rows: ClassVar[bool] = False
    uses_degradation: ClassVar[bool] = False
    shows_teacher: ClassVar[bool] = True

    def __init__(self, options: StrictModel) -> None:
        self.options = options
        self._handles: list[Handles] = []
        self._teacher: Teacher | None = None

    @property
    def teacher(self) -> Teacher:
        """The trained network that :data:`TeacherRun` names; in :meth:`penalty` it has seen the images of the step.

        Raises:
            RuntimeError: no option of the regularizer is a :data:`TeacherRun`.
        """
        if self._teacher is None:
            raise RuntimeError("no teacher: give Options a field of the type TeacherRun")
        return self._teacher

    def learn_from(self, teacher: Teacher) -> None:
        """Take the teacher, before :meth:`attach`; called where :func:`teacher_option` finds one."""
        self._teacher = teacher

    @property
    def uses_features(self) -> bool:
        """Whether :meth:`penalty` wants features; False unless overridden."""
        return False

    @property
    def views(self) -> int:
        """Degraded views of each ground truth in a step; 1 unless overridden."""
        return 1

    @property
    def least_iterations(self) -> int:
        """Least number of iterations; 1 unless overridden."""
        return 1

    @property
    def least_ground_truths(self) -> int:
        """Least number of ground truths in a batch; 1 unless overridden.

        What compares images with each other does nothing to a batch of one, and the run would be the baseline under
        another name: an experiment with so small a batch is refused.
        """
        return 1

    @property
    def roles(self) -> frozenset[str] | None:
        """The roles that :meth:`attach` asks of the taps with these options; None, unless overridden, is all.

        A run's spec holds the taps of these roles alone (and of ``features``, where they are used), and the network
        shows no others. So a role that is added to the network's entry, or changed there, makes another run only of
        what acts at it. Those of attention must be named: None leaves them out.
        """
        return None

    @property
    def uses_teacher(self) -> bool:
        """Whether the teacher is needed, where an option is a :data:`TeacherRun`; True unless overridden.

        Where it is not, as with a weight of 0, no teacher is trained, and which it was is no part of the spec.
        """
        return True

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Put hooks into ``network``; nothing unless overridden.

        Must leave its weights, its mode and every global random state as they are. Handles of hooks go to
        ``self._handles``.

        Args:
            network: on its final device.
            taps: of this network.
            draws: the random numbers of the current step; may be called from here on.

        Raises:
            HarnessError: the options do not fit the network, such as a block that it does not have.
        """

    def set_progress(self, fraction: Fraction) -> None:
        """Prepare the coming forward pass.

        Args:
            fraction: iteration / iterations, exactly, in [0, 1].
        """

    def clean(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the clean images that are degraded in place of ``images``; these themselves unless overridden.

        The target stays what it is. Called where batches are made, maybe ahead of the step.

        Args:
            images: (B, 3, crop, crop) float32 in [0, 1]; not to be changed in place.
            draws: the random numbers of the batch's iteration and of its rows.
        """
        return images

    def batch(self, batch: Batch) -> Batch:
        """Return what the step trains on: inputs or targets masked, mixed, replaced; ``batch`` unless overridden.

        Random numbers are drawn in :meth:`set_progress`, into tensors that stay where they are.

        Args:
            batch: of this process; its tensors are not to be changed in place.
        """
        return batch

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the data term, a float32 scalar; the mean absolute difference to the target unless overridden.

        With several processes the mean over them is the loss of the whole batch.

        Args:
            output: (V * B, 3, patch, patch), in the precision of the network.
            batch: what :meth:`batch` returned.
        """
        from torch.nn.functional import l1_loss

        return l1_loss(output.float(), batch.target)

    def gradients(self, backward: Callable[[], Tensor]) -> Tensor:
        """Leave the gradients of this step in the parameters; one backward pass unless overridden.

        Weights may be moved between passes, and are put back: the optimizer moves them for good.

        Args:
            backward: runs forward and backward pass on the batch of the step, with the same random numbers each time,
                leaves gradients averaged over all processes, and returns (loss, data term, penalty), detached.

        Returns:
            What ``backward`` returned for the step that counts: it goes into the history.
        """
        return backward()

    def state(self) -> Mapping[str, Tensor]:
        """Return the tensors that steps change and a resumed run needs, by name, beside :meth:`parameters`.

        They are saved as they are and restored in place.
        """
        return {}

    def penalty(self, features: Tensor | None) -> Tensor | None:
        """Return what is added to the loss, or None.

        Args:
            features: (views * B, C, H, W) or (views * B, L, C), the views one after the other; None unless
                ``uses_features``.

        Returns:
            A float32 scalar. With several processes: the mean over the processes is the penalty of the whole batch,
            because gradients are averaged over processes.
        """
        return None

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the regularizer itself learns, in a fixed order, once attached; nothing unless overridden."""
        return iter(())

    def detach(self) -> None:
        """Take all hooks out of the network."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def needed_roles(regularizer: Regularizer) -> frozenset[str] | None:
    """Return the roles that it acts at and the one that its penalty compares; None stands for all but attention."""
    if regularizer.roles is None:
        return None
    return regularizer.roles | ({"features"} if regularizer.uses_features else frozenset())


def process_count() -> int:
    """Return the number of processes that share the batch."""
    import torch.distributed as dist

    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_batch(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """Return the tensor of all processes, one entry per row of the global batch; itself if there is only one process.

    Args:
        tensor: (len(rows), ...) of this process.
        rows: the places of its entries in the global batch, as in ``draws().rows``; as many in each process.
    """
    if process_count() == 1:
        return tensor
    import torch
    import torch.distributed as dist

    def gathered(own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(process_count())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    places = gathered(torch.tensor(list(rows), device=tensor.device))
    return gathered(tensor)[places.argsort()]


def mean_over_processes(tensor: Tensor) -> Tensor:
    """Return the mean of ``tensor`` over all processes, with gradients; the tensor itself if there is only one."""
    if process_count() == 1:
        return tensor
    from harness.regularizers._collective import SumOverProcesses

    mean: Tensor = SumOverProcesses.apply(tensor) / process_count()
    return mean
