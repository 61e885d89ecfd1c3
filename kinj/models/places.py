"""Where a model lies: what its name stands for."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from kinj.config.errors import KinjError, UsageError
from kinj.data.content import damage_of
from kinj.data.rundir import CHECKPOINTS, RunDir
from kinj.models import adapters
from kinj.models.expressions import Amounts, amounts

RECORDS = (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".txt", ".md", ".gz", ".zst")
"""How files of records end; no model of the Hub is looked up under such a name."""
EMBEDDED = Path(__file__).parent / "embedded"


def locate(name: str) -> Path | None:
    """The folder a model name stands for; None for `scratch`, for a Hub id and for a model expression of names like these.

    Raises:
        UsageError: the name looks like a path that does not exist, or like a misspelt shipped model; or an expression is wrong.
        KinjError: it is a run directory without a complete checkpoint.
    """
    embedded = sorted(path.name for path in EMBEDDED.iterdir() if path.is_dir()) if EMBEDDED.exists() else []
    if name == "scratch":
        return None
    if found := amounts(name):
        _locate_parts(name, found)
        return None
    if name.startswith("openai:"):
        raise UsageError(
            f"{name} is a served model; it can be asked questions, and nothing else", f"kinj eval {name} --probe qa"
        )
    if name in embedded:
        return EMBEDDED / name
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        raise UsageError(f"model.name={name} is a file; a model is a folder with config.json and *.safetensors")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or name.startswith(("runs/", ".")) or name.endswith(RECORDS):
        raise UsageError(
            f"model.name={name}: there is no such folder", f"shipped models: {', '.join([*embedded, 'scratch'])}"
        )
    close = difflib.get_close_matches(name, [*embedded, "scratch", "tiny", "tiny-plain"], n=1)
    if close and "/" not in name:
        raise UsageError(
            f"model.name={name}: no such model; did you mean {close[0]}?",
            f"shipped models: {', '.join([*embedded, 'scratch'])}",
        )
    return None


def _locate_parts(expression: str, found: Amounts) -> None:
    for name in found:
        if name == "scratch":
            raise UsageError(f"the model expression {expression}: `scratch` has new weights, which add up to nothing")
        locate(name)


def _in_folder(path: Path) -> Path:
    if (path / "config.json").exists() or adapters.is_adapters(path):
        return path
    if (path / "checkpoints").is_dir():
        latest = RunDir(path).latest_checkpoint()
        if latest is None:
            raise KinjError(f"the run {path} has no complete checkpoint", f"finish it: kinj train -o {path} --resume")
        return latest
    if (path / "trials.jsonl").exists():
        raise UsageError(f"model.name={path} is a sweep of many models", f"kinj runs {path} --trials lists them")
    raise UsageError(f"model.name={path} holds neither a model (config.json) nor a run (checkpoints/)")


def base_of(folder: Path) -> str:
    """The model to which some adapters belong, as a name that can be loaded.

    Raises:
        UsageError: it is not where it was.
    """
    name: str = adapters.written_config(folder)["base_model_name_or_path"]
    path = Path(name)
    if not path.is_absolute() or path.is_dir():
        return name
    if path.parent.name == EMBEDDED.name and (EMBEDDED / path.name).is_dir():
        return path.name  # a shipped model: wherever kinj is installed now
    raise UsageError(
        f"the model {name}, to which the adapters in {folder} belong, is not there any more",
        f"put it back, or write where it is now into {folder / adapters.CONFIG} (base_model_name_or_path)",
    )


def refuse_damaged(folder: Path) -> None:
    """Raises KinjError where the weights in a folder are not those that kinj wrote there: they would be asked all the same."""
    damage = damage_of(folder, "*model*.safetensors")
    if damage is None:
        return
    run = folder.parent.parent
    hint = "take another checkpoint, or write this one again"
    if folder.parent.name == CHECKPOINTS:
        hint = f"set it aside and go on from the checkpoint before it: kinj train -o {run} --resume"
    raise KinjError(f"the model in {folder} is damaged ({damage})", hint)


def unreadable(name: str, folder: Path | None, part: str, error: Exception) -> KinjError:
    """The error to be told where a `part` of a model cannot be read from its folder, or (None) from the Hub."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if folder is not None:
        return KinjError(f"the {part} of the model in {folder} cannot be read: {reason}")
    hint = "is the name right, and can the Hub be reached? A model folder on this machine works offline: --model PATH"
    return UsageError(f"the {part} of the Hub model {name} cannot be had: {reason}", hint)
