"""Structured knowledge: the content as a dialogue, a profile, an outline (method card: docs/methods/structured.md)."""

from __future__ import annotations

from kinj.augment.written.rewriting import Rewriting
from kinj.config.prompts import load_prompts
from kinj.config.schema import AugmentSettings

PLACES = ("document", "title", "form")


def build(settings: AugmentSettings, seed: int) -> Rewriting:
    """One deck of views per form.

    Raises:
        UsageError: an unknown form, or a prompt file that cannot be used.
    """
    own = settings.structured
    prompts = load_prompts("structured", own.prompt, {"ask": PLACES}, ("forms",))
    forms = prompts.chosen("forms", own.forms, "augment.structured.forms")
    return Rewriting("structured", prompts, [[(name, {"form": form})] for name, form in forms.items()], seed)
