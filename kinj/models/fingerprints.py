"""What a model is, in a hash, and how large it is."""

from __future__ import annotations

import hashlib

import torch

import kinj
from kinj.models import adapters
from kinj.models.loading import LanguageModel


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
