"""Atomic facts: statements of one fact each that stand alone (method card: docs/methods/atomic.md)."""

from __future__ import annotations

from kinj.augment.written.replies import from_json, strings
from kinj.augment.written.rewriting import Rewriting
from kinj.config.prompts import load_prompts
from kinj.config.schema import AugmentSettings

PLACES = ("document", "title")


def build(settings: AugmentSettings, seed: int) -> Atomic:
    """The method as the settings ask for it.

    Raises:
        UsageError: a prompt file that cannot be used.
    """
    prompts = load_prompts("atomic", settings.atomic.prompt, {"ask": PLACES})
    return Atomic("atomic", prompts, [[("", {})]], seed)


class Atomic(Rewriting):
    """Each view is a list of statements, one a line."""

    def check(self, reply: str) -> list[str]:
        """The statements in the reply's JSON list."""
        return strings(from_json(reply), "statements")

    def text(self, answer: list[str]) -> str:
        """One statement a line."""
        return "\n".join(" ".join(statement.split()) for statement in answer)
