"""What the bytes of an output depend on besides its records. A resume is refused where any of it has changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kinj import __version__
from kinj.augment.engine import Engine
from kinj.config.build import flatten
from kinj.config.schema import Settings
from kinj.data.content import content_of

READ_FROM = ("augment.templates.path", "augment.reverse.path")
"""Settings that name a file; its content counts, not its place. Prompt files count by what is in them for the method."""

_LLM = tuple(f"augment.llm.{key}" for key in ("url", "model", "temperature", "max_new_tokens", "attempts"))
"""What decides the requests. Budgets, prices, patience and where replies are kept do not."""


def basis(settings: Settings, engine: Engine) -> dict[str, Any]:
    """The settings by name, and digests of the files that they name. Workers, engine and paths are not in it."""
    values = {key: value for key, value in flatten(settings).items() if _counts(key)}
    values |= {key: content_of(values[key]) for key in READ_FROM}
    for method in engine.written.values():
        values[f"augment.{method.name}.prompt"] = method.prompts.digest
    return {"kinj": __version__, "seed": settings.seed, **values, "share": asdict(engine.share)}


def _counts(key: str) -> bool:
    if key.startswith("augment.llm."):
        return key in _LLM
    if key in ("augment.workers", "augment.engine"):
        return False
    return key.startswith(("augment.", "data.fields.")) or key == "data.limit"
