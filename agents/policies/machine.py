"""The machine that a model runs on: its threads, its memory, and what it computes fast."""

import ctypes
import os
import sys

import torch

__all__ = ["fast_bf16", "release_memory", "set_threads"]


def set_threads(threads: int | None = None) -> int:
    """Sets torch's number of threads and returns it.

    By default `OMP_NUM_THREADS` or, where that is not set, this process's share of the usable cores, at most 8. Left to
    itself torch takes every core it sees, which on a shared machine is many times slower than one.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(1, min(usable // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 8))
    given = os.environ.get("OMP_NUM_THREADS", "")
    count = threads or (int(given) if given.isdecimal() and int(given) else share)
    torch.set_num_threads(count)
    return count


def release_memory() -> None:
    """Gives the system back what is free inside the heap, where the C library is glibc; does nothing elsewhere.

    Rollouts and updates take tensors of ever other sizes. glibc keeps the holes that they leave: a long run would hold
    several times the memory that it uses.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def fast_bf16() -> bool:
    """Whether the machine computes in bfloat16 faster than in float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(check() for check in (getattr(torch.cpu, name, None) for name in checks) if check is not None)
