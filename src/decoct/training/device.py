"""Where a model runs and in which number format."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from decoct.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:1`, `mps`...

    Raises:
        ConfigError: torch knows no such device, or it is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device {name!r} can't be used here: {reason}; try --device auto"
        ) from None
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 arithmetic is in hardware, and therefore faster than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        with contextlib.suppress(OSError):
            flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
            return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16 " in flags
    return False


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether a precision of `bf16`, `fp32` or `auto` means bf16 autocast on this device."""
    return precision == "bf16" or (precision == "auto" and has_fast_bf16(device))


def autocast(device: torch.device, bf16: bool) -> AbstractContextManager[object]:
    """Return a context in which matrix products run in bf16, or one that does nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if bf16 else contextlib.nullcontext()
