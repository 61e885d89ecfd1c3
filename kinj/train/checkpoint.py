"""Checkpoints: a folder that plain transformers can open, beside it the optimizer and the position. Nothing is pickled."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kinj.config.errors import KinjError
from kinj.data.content import CHECKSUMS, checksums, damage_of
from kinj.data.files import atomic_folder
from kinj.data.rundir import RunDir
from kinj.models.loading import LanguageModel
from kinj.train.step import Stepper


@dataclass
class Position:
    """Where a run stands: steps done in all, the stage in progress, and steps done in it; sums since the start.

    `finished` holds the steps of every stage that is over, which may be fewer than planned.
    """

    step: int = 0
    stage: int = 0
    stage_step: int = 0
    finished: list[int] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    run: RunDir, language_model: LanguageModel, stepper: Stepper, position: Position, keep: int
) -> Path:
    """Writes `checkpoints/step-N` in full or not at all, then removes the oldest beyond `keep`.

    Raises:
        KinjError: the disk is full or the folder cannot be written; earlier checkpoints are untouched.
    """
    target = run.path / "checkpoints" / f"step-{position.step:06d}"
    if not target.exists():
        try:
            with atomic_folder(target) as folder:
                language_model.model.save_pretrained(folder)
                language_model.tokenizer.save_pretrained(folder)
                save_file(_flatten(stepper), folder / "optimizer.safetensors")
                (folder / "state.json").write_text(json.dumps(asdict(position), sort_keys=True) + "\n")
                (folder / CHECKSUMS).write_text(json.dumps(checksums(folder), sort_keys=True) + "\n")
        except (OSError, SafetensorError) as error:
            hint = f"free some room and go on: kinj train -o {run.path} --resume"
            raise KinjError(
                f"checkpoint {target} could not be written: {error}; earlier ones are kept", hint
            ) from error
    for _, old in run.checkpoints()[:-keep]:
        shutil.rmtree(old)
    return target


def sound_checkpoint(run: RunDir) -> Path | None:
    """The latest checkpoint whose files are all as they were written; damaged ones are set aside, and an event says so."""
    for _, folder in reversed(run.checkpoints()):
        damage = damage_of(folder)
        if damage is None:
            return folder
        aside = folder.with_name(f"damaged-{folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        text = f"checkpoint {folder.name} is damaged ({damage}) and was set aside as {aside.name}"
        run.event("notice", text=f"{text}; going on from the one before, or from the beginning where there is none")
    return None


def load_checkpoint(folder: Path, stepper: Stepper | None) -> Position:
    """Reads a position and, given a stepper of the same parameters, puts its state back; weights come with the model.

    No random state is saved: every step draws from a seed of its own.

    Raises:
        KinjError: a file of the checkpoint is missing, damaged or of another version of kinj.
    """
    try:
        state = json.loads((folder / "state.json").read_text())
        position = Position(**state)
        tensors = load_file(folder / "optimizer.safetensors")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise KinjError(
            f"checkpoint {folder} is damaged: {error}", "remove that folder; the one before it is used then"
        ) from error
    if len(position.finished) < position.stage:
        raise KinjError(
            f"checkpoint {folder} was written by an earlier version of kinj, which did not keep how long each stage was",
            "finish the run with that version, or start it anew: --overwrite",
        )
    if stepper is not None:
        _restore(stepper, tensors)
    return position


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _flatten(stepper: Stepper) -> dict[str, torch.Tensor]:
    """The optimizer's state as `INDEX.NAME`, and that of a SAM variant which has one as `ascent.NAME`."""
    tensors = {
        f"{index}.{name}": value.detach().contiguous() if torch.is_tensor(value) else torch.tensor(value)
        for index, parameter in enumerate(_parameters(stepper.optimizer))
        for name, value in stepper.optimizer.state.get(parameter, {}).items()
    }
    return tensors | {
        f"ascent.{name}": value for name, value in (stepper.ascent.state_dict() if stepper.ascent else {}).items()
    }


def _restore(stepper: Stepper, tensors: dict[str, torch.Tensor]) -> None:
    for index, parameter in enumerate(_parameters(stepper.optimizer)):
        state = _below(f"{index}.", tensors)
        if state:
            stepper.optimizer.state[parameter] = {
                k: v if k == "step" else v.to(parameter.device) for k, v in state.items()
            }
    if stepper.ascent:
        stepper.ascent.load_state_dict(_below("ascent.", tensors))


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
