"""The processes of one run: started by `torchrun` or `accelerate launch`, or one alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate.accelerator import Accelerator
from accelerate.state import PartialState
from accelerate.utils import DistributedType
from torch.nn.parallel import DistributedDataParallel

from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.data.rundir import RunDir

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Which process this is, and of how many. Each has a copy of the model and works on its share of every step's rows."""

    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.rank == 0

    def deal(self, rows: Sequence[T]) -> list[list[T]]:
        """Each process's share of some rows: dealt out in turn, longest first, so that all have about as many tokens."""
        longest_first = sorted(rows, key=len, reverse=True)  # type: ignore[arg-type]  # rows have a length
        return [longest_first[rank :: self.size] for rank in range(self.size)]

    def sum(self, numbers: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
        """Each number summed over all processes; the same everywhere."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(list(numbers), dtype=torch.float64, device=device)
        dist.all_reduce(total)
        found: list[float] = total.tolist()
        return found

    def agree(self, value: T) -> T:
        """The main process's value, everywhere."""
        if self.size == 1:
            return value
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0)
        agreed: T = values[0]
        return agreed


ALONE = Processes()


class Onlooker(RunDir):
    """The run directory of a process that is not the main one: it reads, and leaves all writing to the main process."""

    def event(self, kind: str, **fields: Any) -> None:
        pass

    def metric(self, **fields: Any) -> None:
        pass

    def truncate_metrics(self, step: int) -> None:
        pass

    def write_json(self, name: str, value: Any) -> None:
        pass


def join() -> Processes:
    """The processes that the launcher of this one started, connected (gloo on CPUs, nccl on GPUs)."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    state: Any = PartialState(cpu=not torch.cuda.is_available())
    return Processes(state.process_index, state.num_processes)


def spread(model: torch.nn.Module, processes: Processes) -> torch.nn.Module:
    """The model as its forward passes call it: itself, or wrapped so that backward passes average gradients over processes."""
    if processes.size == 1:
        return model
    device = next(model.parameters()).device
    network = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    # Buffers of language models are constants (rotary frequencies); sending them would make a pass without sync send after all.
    network.broadcast_buffers = False
    return network


def accelerator_for(settings: Settings) -> Accelerator:
    """Device and precision of a run (`train.precision`, `train.threads`).

    Raises:
        UsageError: the launcher asked for a precision or a way of sharding that kinj does not train with.
    """
    if settings.train.threads:
        torch.set_num_threads(settings.train.threads)
    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked not in ("no", "bf16"):
        what = f"kinj does not train in {asked}: it has no loss scaler, and SAM would move along overflowed gradients"
        raise UsageError(what, "launch with --mixed_precision no, and choose train.precision=bf16 or fp32")
    fast = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    bf16 = settings.train.precision == "bf16" or (settings.train.precision == "auto" and fast)
    accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no", cpu=not torch.cuda.is_available())
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
        kind = accelerator.distributed_type.value
        raise UsageError(
            f"kinj train does not run under {kind}",
            "launch plain processes: torchrun --nproc-per-node N -m kinj train ...",
        )
    return accelerator
