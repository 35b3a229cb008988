"""Where networks run and in which arithmetic."""

from __future__ import annotations

import ctypes

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP = 2**30
"""Bytes; glibc hands larger blocks, and more free memory than this, back to the kernel."""


def use_cores(threads: int) -> None:
    """Compute with so many threads, and keep freed memory for the next batch.

    By default glibc returns the memory of large tensors to the kernel, which clears it page by
    page when the next batch asks for it: a quarter of the time of a forward pass on a CPU.
    """
    torch.set_num_threads(threads)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent outside of glibc
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEEP)
        mallopt(_M_TRIM_THRESHOLD, _KEEP)


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` is CUDA where there is a GPU, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Return what kind of device it is: the model of a GPU, else ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the type to compute in; ``auto`` is bfloat16 where the hardware has it."""
    if name == "auto":
        name = "bfloat16" if _has_bfloat16(device) else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
