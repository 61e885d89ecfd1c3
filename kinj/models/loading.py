"""From a name to a model that can be trained and asked: shipped, new, a run, a folder or a Hub id."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

import kinj
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import LoraSettings, ModelSettings
from kinj.data.rundir import RunDir
from kinj.models import adapters
from kinj.models.asking import Engine
from kinj.models.codec import Codec
from kinj.models.combining import Pair, combine
from kinj.models.expressions import Amounts, amounts
from kinj.models.kinds import codec_for, kind_of
from kinj.models.scratch import build_model, parse_size, train_tokenizer

EMBEDDED = Path(__file__).parent / "embedded"
transformers_logging.disable_progress_bar()  # kinj shows its own
transformers_logging.set_verbosity_error()

Texts = Callable[[], Iterable[str]]


@dataclass
class LanguageModel:
    """A model, its tokenizer and the codec between them. `name` is what the user asked for; without an `engine`, kinj asks it."""

    model: Any
    tokenizer: Any
    codec: Codec
    name: str
    engine: Engine | None = None

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def parameters(self) -> int:
        """Number of parameters, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def trained(self) -> int:
        """Number of parameters that training changes."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)


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
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or name.startswith(("runs/", ".")):
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
    raise UsageError(f"model.name={path} holds neither a model (config.json) nor a run (checkpoints/)")


def load_model(
    settings: ModelSettings,
    seed: int = 0,
    texts: Texts | None = None,
    max_tokens: int | None = None,
    *,
    start: bool = False,
) -> LanguageModel:
    """Loads a model, or makes one. Adapters are loaded beside the base model that they name.

    Args:
        settings: `model` of the settings.
        seed: draws the weights of a `scratch` model, and of new adapters.
        texts: yields the texts that `model.tokenizer=train` learns from.
        max_tokens: longest row; by default the model's context, at most 2,048.
        start: training begins with it: adapters it has are merged into its weights, and new ones added (`model.lora`).

    Raises:
        UsageError: the model is of a kind that cannot be used, or is not there, or reads less than `max_tokens`.
        KinjError: it is there and broken (no tokenizer, no weights).
    """
    if settings.name == "scratch":
        tokenizer = _scratch_tokenizer(settings, texts)
        model = build_model(_size(settings.size), tokenizer, settings.context, seed)
    else:
        tokenizer, model = _stored(settings, seed, start)
    if settings.attention is not None:
        _set_attention(model, settings)
    model.eval()
    return LanguageModel(model, tokenizer, codec_for(model, tokenizer, settings, max_tokens), settings.name)


def _set_attention(model: Any, settings: ModelSettings) -> None:
    try:
        model.set_attn_implementation(settings.attention)
    except (ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"model.attention={settings.attention}: {settings.name} cannot have it: {reason}") from error


def _stored(settings: ModelSettings, seed: int, start: bool) -> Pair:
    folder = locate(settings.name)
    if found := amounts(settings.name):
        return _combined(settings, found)
    if folder is not None and adapters.is_adapters(folder):
        revision = adapters.written_config(folder).get("revision")
        tokenizer, model = _pretrained(replace(settings, name=base_of(folder), revision=revision))
        if not start:
            adapters.load(model, folder)
        elif settings.lora.rank:
            raise UsageError(
                f"model.name={settings.name} is itself adapters; new ones need a base of their own",
                "merge them first (model.lora.merge=true) and start from RUN/merged",
            )
        else:
            model = adapters.merged(model, folder)
        return tokenizer, model
    tokenizer, model = _pretrained(settings)
    if start and settings.lora.rank:
        base = str(folder.resolve()) if folder else settings.name
        adapters.attach(model, settings.lora, base, settings.revision, seed)
    return tokenizer, model


def _combined(settings: ModelSettings, found: Amounts) -> Pair:
    """Adds up models in fp32; adapters are merged into their base first."""
    if settings.lora.rank:
        raise UsageError(
            f"model.name={settings.name}: adapters must name one model as their base, and this is an expression",
            "train without them (model.lora.rank=0), or start from one model",
        )
    plain = replace(settings, dtype="float32", lora=LoraSettings())
    tokenizer, model = combine(found, lambda name: _stored(replace(plain, name=name), seed=0, start=True))
    return tokenizer, model.to(getattr(torch, settings.dtype))


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


def _size(size: str) -> int:
    try:
        return parse_size(size)
    except ValueError as error:
        raise UsageError(f"model.{error}") from error


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a shipped model, a run, a local folder or a Hub id, without its model.

    Raises:
        UsageError: there is none of that name, or not a fast one.
        KinjError: the folder holds none.
    """
    if name == "scratch":
        raise UsageError("a `scratch` model has no tokenizer yet", "name a shipped model, a folder or a Hub id")
    path = Path(name).expanduser()
    folder = path if (path / "tokenizer.json").exists() else locate(name)  # a tokenizer's own folder has no config.json
    return _tokenizer(name, folder, ModelSettings(name=name))


def _scratch_tokenizer(settings: ModelSettings, texts: Texts | None) -> Any:
    if settings.tokenizer != "train":
        return _tokenizer(settings.tokenizer, locate(settings.tokenizer), settings)
    if texts is None:
        raise UsageError("model.tokenizer=train needs the run's texts, and this command has none")
    return train_tokenizer(texts(), settings.vocabulary)


def _tokenizer(name: str, folder: Path | None, settings: ModelSettings) -> Any:
    from transformers import AutoTokenizer

    if folder is not None and not any(folder.glob("*token*")) and not (folder / "vocab.json").exists():
        raise KinjError(
            f"{folder} has no tokenizer (tokenizer.json)",
            "save one beside the model: tokenizer.save_pretrained(FOLDER)",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder or name), revision=settings.revision or "main", trust_remote_code=settings.trust_remote_code
        )
    except Exception as error:
        raise _explain(name, folder, "tokenizer", error) from error
    for key in ("is_local", "local_files_only"):  # how it was loaded; saved again, it must be the same bytes
        tokenizer.init_kwargs.pop(key, None)
    if not tokenizer.is_fast:
        raise UsageError(f"the tokenizer of {name} is not a fast one (tokenizer.json); kinj needs its offsets")
    return tokenizer


def _pretrained(settings: ModelSettings) -> Pair:
    import transformers

    folder = locate(settings.name)
    where = str(folder or settings.name)
    options: dict[str, Any] = {"revision": settings.revision or "main", "trust_remote_code": settings.trust_remote_code}
    try:
        config = transformers.AutoConfig.from_pretrained(where, **options)
    except Exception as error:
        raise _explain(settings.name, folder, "config", error) from error
    kind = kind_of(settings.name, config)
    tokenizer = _tokenizer(settings.name, folder, settings)
    try:
        model: Any = getattr(transformers, kind).from_pretrained(
            where, dtype=getattr(torch, settings.dtype), use_safetensors=True, **options
        )
    except Exception as error:
        raise _explain(settings.name, folder, "weights", error) from error
    rows: int = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise KinjError(
            f"{settings.name}: the tokenizer has {len(tokenizer):,} tokens, the model embeds {rows:,}; they do not match"
        )
    return tokenizer, model


def _explain(name: str, folder: Path | None, part: str, error: Exception) -> KinjError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if folder is not None:
        return KinjError(f"the {part} of the model in {folder} cannot be read: {reason}")
    hint = "is the name right, and can the Hub be reached? A model folder on this machine works offline: --model PATH"
    return UsageError(f"the {part} of the Hub model {name} cannot be had: {reason}", hint)


def fingerprint(language_model: LanguageModel) -> str:
    """A hash of everything that decides a model's answers: weights and their type, tokenizer, prompt format, longest row."""
    digest = hashlib.sha256()
    for name, tensor in sorted(language_model.model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    codec = language_model.codec
    settings = [kinj.__version__, codec.prompt("{}"), codec.max_length, codec.eos_id, codec.chat]
    settings += [language_model.engine.name] if language_model.engine else []
    settings += [text] if (text := adapters.description(language_model.model)) else []
    stops = getattr(getattr(language_model.model, "generation_config", None), "eos_token_id", None)
    digest.update(repr([*settings, stops, language_model.model.config.to_json_string()]).encode())
    digest.update(language_model.tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def sizes(language_model: LanguageModel) -> tuple[int, int]:
    """Parameters of a model, shared ones once: all, and those that are not embeddings (of what is read or said)."""
    model = language_model.model
    tables = [
        table.weight for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table is not None
    ]
    embeddings = {id(weight) for weight in tables}
    counts = [(parameter.numel(), id(parameter) in embeddings) for parameter in model.parameters()]
    return sum(n for n, _ in counts), sum(n for n, embedding in counts if not embedding)
