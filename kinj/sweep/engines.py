"""Where the trials of a sweep run, and how many at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence

from kinj.config.errors import UsageError
from kinj.config.schema import SweepSettings
from kinj.sweep.cluster import RayExecutor
from kinj.sweep.executor import Executor, LocalExecutor


def at_a_time(sweep: SweepSettings) -> int | None:
    """Trials at a time: `sweep.workers`, else one per GPU of this machine, or one. None: as many as the cluster has room for."""
    if sweep.workers is not None or sweep.engine == "ray":
        return sweep.workers
    return _slots(visible_gpus(), sweep.gpus)


def executor_of(sweep: SweepSettings, workers: int | None, entry: str) -> Executor:
    """What `sweep.engine` names.

    Args:
        workers: trials at a time, where it is not for `at_a_time` to say.
        entry: what a trial calls; its module is imported once for all trials.
    """
    preload = [entry.partition(":")[0], *(["optuna.pruners"] if sweep.prune else [])]
    if sweep.engine == "ray":
        return RayExecutor(workers, sweep.cpus or 1, sweep.gpus, preload)
    gpus = visible_gpus()
    count = workers or _slots(gpus, sweep.gpus)
    return LocalExecutor(count, sweep.cpus, preload, shares(gpus, count, sweep.gpus))


def visible_gpus() -> list[str]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES names them. None of them is touched."""
    import torch

    count = torch.cuda.device_count()  # asks the driver, and makes no context
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [name.strip() for name in named.split(",")][:count] if named else [str(number) for number in range(count)]


def _slots(gpus: Sequence[str], each: float | None) -> int:
    """How many trials the GPUs of a machine have room for; 1 where trials use none."""
    return max(1, int(len(gpus) / (each or 1))) if gpus and each != 0 else 1


def shares(gpus: Sequence[str], workers: int, each: float | None) -> list[str]:
    """For each of the workers, its GPUs as CUDA_VISIBLE_DEVICES names them. Empty where there are none to share out.

    Args:
        each: GPUs of a trial, whole or below 1; None: one.

    Raises:
        UsageError: there are fewer than a trial wants.
    """
    if not gpus:
        return []
    if each == 0:
        return [""] * workers
    width = max(1, int(each or 1))
    groups = [gpus[first : first + width] for first in range(0, len(gpus) - width + 1, width)]
    if not groups:
        raise UsageError(f"sweep.gpus={width}: a trial wants more GPUs than the {len(gpus)} here", "lower sweep.gpus")
    return [",".join(groups[worker % len(groups)]) for worker in range(workers)]
