"""What is the machine's fault, and what is not."""

from __future__ import annotations

import errno

import pytest
import torch

from harness.foundation.device_errors import device_problem, explain_device_errors
from harness.foundation.errors import HarnessError


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out of GPU memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "the GPU failed"),
        (torch.AcceleratorError("CUDA error: out of memory\nmore"), "out of GPU memory"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "the GPU failed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "the GPU failed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out of GPU memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), "the GPU"),
        (RuntimeError("CUDA driver error: device not ready"), "the GPU failed"),
        (RuntimeError("GET was unable to find an engine to execute this computation"), "the GPU failed"),
        (RuntimeError("No CUDA GPUs are available"), "the GPU failed"),
        (RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment"), "the GPU failed"),
        (RuntimeError("CUDA driver initialization failed, you might not have a CUDA gpu."), "the GPU failed"),
        (RuntimeError("The NVIDIA driver on your system is too old (found version 11040)."), "the GPU failed"),
        (RuntimeError("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions"), "the GPU failed"),
        (RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:94, unhandled cuda error"), "the GPU failed"),
        (RuntimeError("[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3)"), "the GPU failed"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"),
            "out",
        ),
        (MemoryError(), "out of memory (MemoryError)"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the system refused"),
        (OSError(errno.ESTALE, "Stale file handle"), "the system refused"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_of_the_machine(error: Exception, problem: str) -> None:
    found = device_problem(error)
    assert found is not None
    assert found.startswith(problem)
    assert "\n" not in found


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"),
        RuntimeError("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"),
        RuntimeError("\"upsample_bilinear2d_out_frame\" not implemented for 'Half' on CUDA"),
        RuntimeError("out of memory\nsays a network of its own accord"),
        NotImplementedError("deform_conv2d: CUDA is not supported"),
        ValueError("CUDA error"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        OSError("image file is truncated (3 bytes not processed)"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_of_networks_and_images(error: Exception) -> None:
    assert device_problem(error) is None
    with pytest.raises(type(error)), explain_device_errors("evaluate", "", ""):
        raise error


def test_a_cause_counts_and_the_line_says_what_to_do() -> None:
    line = r"^evaluate srresnet: out of memory \(MemoryError\); nothing was written; free some memory"
    with (
        pytest.raises(HarnessError, match=line),
        explain_device_errors("evaluate srresnet", "use a larger GPU", "nothing was written"),
    ):
        raise HarnessError("a.png: does not fit into memory") from MemoryError()
