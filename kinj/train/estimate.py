"""What a stage would cost, from one real step of it: time, memory and arithmetic. bench/train.py compares it with real runs."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from kinj.models.codec import Example
from kinj.train.stages import Stage
from kinj.train.step import Stepper

TIMINGS, LONG_ENOUGH = 3, 5.0
"""How often a step is timed, and after how many seconds of that no more."""


@dataclass(frozen=True)
class Estimate:
    """Of a whole stage. `passes` counts a pass over a share of a step's rows as that share."""

    steps: int
    passes: int
    tokens: int
    seconds: float
    """In steps; probes, checkpoints and starting up come on top."""
    flops: int
    """Of matrix products."""


def estimate(stage: Stage, stepper: Stepper) -> Estimate:
    """Takes the stage's largest step a few times and goes by tokens from there. The model is of no more use afterwards."""
    plan = [([len(row) for _, row in rows], rows) for _, rows in stage.plan()]
    sizes, rows = max(plan, key=lambda step: sum(step[0]))
    most, examples = sum(sizes), stage.examples(rows, 0)
    passes = [stepper.passes(number, sizes) for number, (sizes, _) in enumerate(plan)]
    sam = stepper.settings.sam
    acts = [stepper.ascent is not None and stepper.ascent.acts(number) for number in range(stage.steps)]
    usual = sam.start_step + 2 * sam.every  # not one of the steps on which SAM is measured
    # A step before the first is plain whatever the settings; it comes second, since some variants look back to a step of SAM.
    seconds = {
        acting: _seconds(stepper, examples, usual if acting else -1) for acting in sorted(set(acts), reverse=True)
    }
    tokens = [sum(sizes) for sizes, _ in plan]
    stepper.network = stepper.model  # what is compiled hides its matrix products
    flops = count_flops(lambda: _pass(stepper, examples)) / most
    return Estimate(
        stage.steps,
        round(sum(passes)),
        sum(tokens),
        sum(size * seconds[act] / most for size, act in zip(tokens, acts, strict=True)),
        round(sum(size * each * flops for size, each in zip(tokens, passes, strict=True))),
    )


def _seconds(stepper: Stepper, examples: Sequence[Example], number: int) -> float:
    """Median seconds of a step; before it comes one that pays for memory which later ones use again."""
    stepper.take(examples, number)
    times: list[float] = []
    while len(times) < TIMINGS and sum(times) < LONG_ENOUGH:
        began = time.perf_counter()
        stepper.take(examples, number)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _pass(stepper: Stepper, examples: Sequence[Example]) -> None:
    share = stepper.share(examples)
    stepper.backward(share.batches, share.label_tokens)


def count_flops(work: Callable[[], object]) -> int:
    """Multiplications and additions in the matrix products of some work: layers, attention, output head."""
    cpu = torch.ops.aten
    formulas = {
        cpu._scaled_dot_product_flash_attention_for_cpu: _half_if_causal(sdpa_flop_count, 3),
        cpu._scaled_dot_product_flash_attention_for_cpu_backward: _half_if_causal(sdpa_backward_flop_count, 4),
    }
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        work()
    return int(counter.get_total_flops())


def _half_if_causal(formula: Callable[..., int], tensors: int) -> Callable[..., int]:
    """For attention on CPUs, which torch does not count: half of what a square of all positions costs, where half is computed."""

    def count(*shapes: Any, out_shape: Any = None, **_: Any) -> int:  # noqa: ARG001 - torch names it
        causal = any(each is True for each in shapes[tensors:])
        return formula(*shapes[:tensors]) // (1 + causal)

    return count


def peak_bytes(device: torch.device) -> int:
    """Most memory that was in use so far: of the device, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
