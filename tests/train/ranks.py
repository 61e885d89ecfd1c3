"""What each of several gloo processes does in test_sam_processes.py. Needs torch only, so that processes start fast."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from kinj.config.schema import OptimSettings, SamSettings
from kinj.models.codec import IGNORE, Example
from kinj.train.processes import ALONE, Processes, spread
from kinj.train.sam import global_norm
from kinj.train.step import Stepper

SAM: dict[str, dict[str, Any]] = {
    "plain": {"rho": 0.0},
    "sam": {"rho": 0.5},
    "part": {"rho": 0.5, "fraction": 0.4},
    "asam": {"rho": 2.0, "variant": "asam"},
    "looksam": {"rho": 0.5, "variant": "looksam", "every": 2},
    "momentum": {"rho": 0.5, "variant": "momentum"},
}


class Output(NamedTuple):
    """As model outputs are, a structure that torch can look into: hooks must find the tensor."""

    logits: torch.Tensor


class Toy(nn.Module):
    """A causal language model of sorts: each token predicts the next from itself and a decayed past."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.embed, self.mix, self.head = nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 20)

    def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Output:
        x = self.embed(input_ids)
        return Output(self.head(torch.tanh(self.mix(x.cumsum(1) / 3))))


def rows(step: int) -> list[Example]:
    """Seven rows of unlike lengths and label counts; on the last step only one, so that other processes have none."""
    rng = np.random.default_rng(step)
    made = []
    for length in rng.integers(3, 12, 7 if step < 3 else 1):
        ids = rng.integers(0, 20, length).astype(np.int32)
        labels = ids.copy()
        labels[: rng.integers(1, length - 1)] = IGNORE
        made.append(Example(ids, labels))
    return made


def stepper(model: nn.Module, processes: Processes, network: Any, **sam: Any) -> Stepper:
    settings = OptimSettings(clip=1.0, micro_tokens=24, sam=SamSettings(**sam))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=not isinstance(next(model.parameters()), DTensor))
    return Stepper(model, optimizer, settings, 0, network=network, processes=processes)


def run(model: nn.Module, processes: Processes, network: Any = None, **sam: Any) -> dict[str, Any]:
    """Four steps; the weights at the end, and what was reported."""
    s = stepper(model, processes, network, **sam)
    reports = [s.take(rows(step), step) for step in range(4)]
    return {
        "weights": [(p.full_tensor() if isinstance(p, DTensor) else p).detach() for p in model.parameters()],
        "loss": [report.loss for report in reports],
        "gap": [report.loss_gap for report in reports],
        "ratio": [report.gap_ratio for report in reports],
        "norm": [report.grad_norm for report in reports],
        "tokens": [(report.tokens, report.label_tokens) for report in reports],
        "shift": [(r.shift.length, r.shift.kept, r.shift.cos) if r.shift else None for r in reports],
    }


def alone(**sam: Any) -> dict[str, Any]:
    return run(Toy(), ALONE, **sam)


def replicated(processes: Processes) -> dict[str, Any]:
    """DistributedDataParallel, one direction for all."""
    found = {}
    for name, sam in SAM.items():
        model = Toy()
        found[name] = run(model, processes, spread(model, processes), **sam)
    return found


def own_directions(processes: Processes) -> dict[str, Any]:
    """DistributedDataParallel, each process moves along its own gradient (scope=rank)."""
    model = Toy()
    return run(model, processes, spread(model, processes), rho=0.5, scope="rank")


def silent_first_pass(processes: Processes) -> dict[str, Any]:
    """Processes take unlike numbers of first passes: if one sent anything, the others would wait for it, or mix it up."""
    model = Toy()
    network = spread(model, processes)
    sent = []
    network.register_comm_hook(None, lambda _, bucket: (sent.append(1), _allreduce(bucket))[1])  # type: ignore[operator, func-returns-value]
    s = stepper(model, processes, network, rho=0.5, scope="rank")
    cut = s.share(rows(0))
    s.take(rows(0), 0)
    before = len(sent)
    for _ in range(1 + 2 * processes.rank):
        s.backward(cut.batches, cut.label_tokens, sync=False)
    during = len(sent) - before
    s.take(rows(1), 1)
    return {"before": before, "during": during, "weights": [p.detach() for p in model.parameters()]}


def _allreduce(bucket: Any) -> Any:
    size = dist.get_world_size()
    future = dist.all_reduce(bucket.buffer().div_(size), async_op=True).get_future()
    return future.then(lambda done: done.value()[0])


def sharded(processes: Processes) -> dict[str, Any]:
    """`fully_shard` on a gloo mesh, through the same step function."""
    mesh = init_device_mesh("cpu", (processes.size,))
    found = {}
    for name, sam in SAM.items():
        model = Toy()
        fully_shard(model, mesh=mesh)
        found[name] = run(model, processes, model, **sam)
    return found


def sharded_restore(processes: Processes) -> dict[str, Any]:
    """Bits and addresses of shards, before and after a move that ended in an exception."""
    model = Toy()
    fully_shard(model, mesh=init_device_mesh("cpu", (processes.size,)))
    s = stepper(model, processes, model, rho=2.0)
    before = [(p.to_local().clone(), p.to_local().data_ptr()) for p in s.parameters]  # type: ignore[attr-defined]
    cut = s.share(rows(0))
    s.backward(cut.batches, cut.label_tokens)
    moved = False
    try:
        with s.ascent.shifted():  # type: ignore[union-attr]
            moved = not all(torch.equal(p.to_local(), b) for p, (b, _) in zip(s.parameters, before, strict=True))  # type: ignore[attr-defined]
            raise RuntimeError
    except RuntimeError:
        pass
    after = [(p.to_local(), p.to_local().data_ptr()) for p in s.parameters]  # type: ignore[attr-defined]
    same = all(torch.equal(a, b) and x == y for (a, x), (b, y) in zip(after, before, strict=True))
    return {"moved": moved, "same": same}


def refused(processes: Processes) -> str:
    """scope=rank with sharded weights."""
    model = Toy()
    fully_shard(model, mesh=init_device_mesh("cpu", (processes.size,)))
    try:
        stepper(model, processes, model, rho=0.5, scope="rank")
    except Exception as error:
        return str(error)
    return ""


def norms(processes: Processes) -> dict[str, float]:
    """The global norm over tensors split between processes, by DTensor and by hand."""
    torch.manual_seed(0)
    tensors = [torch.randn(7, 3), torch.randn(1), torch.randn(12, 2)]
    mesh = init_device_mesh("cpu", (processes.size,))
    own = [torch.chunk(t, processes.size)[processes.rank : processes.rank + 1] for t in tensors]
    squares = sum(float(piece.square().sum()) for pieces in own for piece in pieces)
    return {
        "whole": float(global_norm(tensors)),
        "sharded": float(global_norm([distribute_tensor(t, mesh, [Shard(0)]) for t in tensors])),
        "by_hand": processes.sum([squares])[0] ** 0.5,
    }


SCENES = [replicated, own_directions, silent_first_pass, sharded, sharded_restore, refused, norms]


def _work(rank: int, size: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    processes = Processes(rank, size)
    torch.save({scene.__name__: scene(processes) for scene in SCENES}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def launch(size: int, folder: Path) -> list[dict[str, Any]]:
    """Runs every scene in `size` processes; what each of them found."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(rank, size, str(folder))) for rank in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
    assert [worker.exitcode for worker in workers] == [0] * size
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]
