"""LoRA: a pair of small matrices beside each frozen one is what is trained (Hu et al., arXiv 2106.09685).

On disk adapters are what peft writes, without the base model's weights: `adapter_config.json` names the base.
"""

from __future__ import annotations

import difflib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import LoraSettings

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NAME = "default"
_PREFIX = "base_model.model."
"""Before every name in an adapter file."""


def is_adapters(folder: Path) -> bool:
    """Whether a folder holds adapters and not a whole model."""
    return (folder / CONFIG).exists() and not (folder / "config.json").exists()


def written_config(folder: Path) -> dict[str, Any]:
    """What adapters say of themselves; `base_model_name_or_path` and `revision` name their base.

    Raises:
        KinjError: it cannot be read, or these are adapters of another kind than LoRA.
    """
    file = folder / CONFIG
    try:
        config: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise KinjError(f"{file} cannot be read: {error}") from error
    kind = config.get("peft_type")
    if kind != "LORA" or not config.get("base_model_name_or_path"):
        raise KinjError(f"{file} describes {kind or 'unknown'} adapters; kinj reads LoRA adapters that name their base")
    return config


def attach(model: Any, settings: LoraSettings, base: str, revision: str | None, seed: int) -> None:
    """Adds fresh adapters, which change nothing yet, and freezes everything else.

    Args:
        model: a transformers model.
        settings: `model.lora`.
        base: where the model came from: a folder or a Hub id; what is saved will name it.
        revision: of a Hub model.
        seed: draws the first matrix of each pair; the second one starts at zero.

    Raises:
        UsageError: a target is the name of no layer, or of the output layer whose weights the embedding shares.
    """
    from peft import LoraConfig

    _check_targets(model, settings.targets)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets or "all-linear",
        task_type=_task(model),
    )
    _inject(model, config, seed)
    config.base_model_name_or_path, config.revision = base, revision


def load(model: Any, folder: Path) -> None:
    """Adds the adapters of a folder to their base, ready to be asked or trained on.

    Raises:
        KinjError: the file is missing or damaged, or these are not adapters of this model.
    """
    from peft import PeftConfig, set_peft_model_state_dict

    written = written_config(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
        config = PeftConfig.from_pretrained(str(folder))
        _inject(model, config, seed=0)
        found: Any = set_peft_model_state_dict(model, {name.removeprefix(_PREFIX): t for name, t in tensors.items()})
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise KinjError(f"the adapters in {folder} cannot be read: {str(error).splitlines()[0]}") from error
    missing = [name for name in found.missing_keys if "lora_" in name]
    if missing or found.unexpected_keys:
        what = f"{len(missing)} tensors missing, {len(found.unexpected_keys)} of no layer"
        raise KinjError(f"the adapters in {folder} do not fit {written['base_model_name_or_path']}: {what}")
    config.base_model_name_or_path, config.revision = written["base_model_name_or_path"], written.get("revision")


def _task(model: Any) -> str | None:
    """What peft calls the kind of model; it has no name for masked language models."""
    if model.config.is_encoder_decoder:
        return "SEQ_2_SEQ_LM"
    return None if type(model).__name__.endswith("ForMaskedLM") else "CAUSAL_LM"


def _inject(model: Any, config: Any, seed: int) -> None:
    """Adds adapters to a model in fp32, whatever type the frozen weights are held in; leaves the random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.add_adapter(config, _NAME)
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set; what is saved must be the same bytes every time
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def merged(model: Any, folder: Path) -> Any:
    """A base model with the adapters of a folder added to its own weights: an ordinary model."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers in an older way
        plain = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    return plain.requires_grad_(True)  # peft freezes what it does not train


def description(model: Any) -> str:
    """What decides the answers of a model with adapters beside its weights; empty where it has none."""
    if not getattr(model, "_hf_peft_config_loaded", False):
        return ""
    settings = model.peft_config[_NAME].to_dict()
    return repr([(key, settings[key]) for key in ("r", "lora_alpha", "use_rslora", "use_dora")])


def _check_targets(model: Any, targets: Iterable[str]) -> None:
    layers = {name: module for name, module in model.named_modules() if _can_be_adapted(module)}
    there = sorted({name.rpartition(".")[2] for name in layers})
    head = model.get_output_embeddings()
    for target in targets:
        chosen = [module for name, module in layers.items() if name == target or name.endswith(f".{target}")]
        if not chosen:
            near = difflib.get_close_matches(target, there, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(
                f"model.lora.targets: no layer is called {target}{hint}", f"this model has {', '.join(there)}"
            )
        if head is not None and model.config.tie_word_embeddings and any(m is head for m in chosen):
            raise UsageError(
                f"model.lora.targets: {target} shares its weights with the embedding of the input, so that adapters of "
                "one would change both when they are merged",
                "leave it out",
            )


def _can_be_adapted(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.nn.Parameter) and weight.ndim == 2
