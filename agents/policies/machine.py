"""The machine that a model runs on: its threads, its memory, and what it computes fast."""

import ctypes
import os
import sys
import time
from functools import cache
from statistics import median

import torch

__all__ = ["fast_bf16", "measured_threads", "release_memory", "set_threads"]


def set_threads(threads: int | None = None, *, small: bool = True, say: bool = False, beside: int = 0) -> int:
    """Sets torch's number of threads and returns it.

    By default `OMP_NUM_THREADS`; where that is not set, one thread for a small model unless more are clearly faster
    here and now (`measured_threads`), and this process's share of the usable cores, at most 8, for a larger one. On a
    busy machine threads wait for each other: two once took five times as long as one.

    Args:
        threads: what the user asked for.
        small: whether the model is of the built-in policy's kind (`ModelSize.small`).
        say: whether to print to stderr what was chosen where nobody asked, once a process.
        beside: how many other processes of the run are going to compute at the same time.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(1, min(usable // (int(os.environ.get("LOCAL_WORLD_SIZE", "1")) * (1 + beside)), 8))
    given = os.environ.get("OMP_NUM_THREADS", "")
    asked = threads or (int(given) if given.isdecimal() and int(given) else None)
    count = asked or (measured_threads(share) if small else share)
    torch.set_num_threads(count)
    if say and asked is None and share > 1 and int(os.environ.get("RANK", "0")) == 0:
        _say_threads(count, share)
    return count


@cache
def _say_threads(count: int, share: int) -> None:
    threads = "1 torch thread" if count == 1 else f"{count} torch threads"
    print(f"{threads} of {share} that could be had: what is fastest here now; --threads sets them", file=sys.stderr)


@cache
def measured_threads(most: int) -> int:
    """1, or `most` where work of a small policy's shape takes at most three quarters of the time with so many threads.

    Measured once a process: medians of alternate runs, so that other load falls on both, and no more of them once half
    a second is over. A machine on which three of them take longer is busy: one thread.
    """
    if most < 2:
        return most
    rows, up, down = torch.randn(64, 256), torch.randn(256, 768), torch.randn(768, 256)

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        began = time.perf_counter()
        out = rows
        for _ in range(10):
            out = torch.nn.functional.silu(out @ up) @ down / 768.0
        return time.perf_counter() - began

    runs: list[tuple[float, float]] = []
    began = time.perf_counter()
    with torch.inference_mode():
        while len(runs) < 9 and time.perf_counter() - began < 0.5:
            runs.append((seconds(1), seconds(most)))
    if len(runs) < 4:
        return 1
    one, many = (median(times) for times in zip(*runs[1:], strict=True))  # the first run starts the threads
    return most if many <= 0.75 * one else 1


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
