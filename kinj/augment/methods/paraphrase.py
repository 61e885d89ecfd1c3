"""Paraphrase: the same content in other words (method card: docs/methods/paraphrase.md)."""

from __future__ import annotations

from kinj.augment.written.rewriting import Rewriting
from kinj.config.prompts import load_prompts
from kinj.config.schema import AugmentSettings

PLACES = ("document", "title", "style", "order")


def build(settings: AugmentSettings, seed: int) -> Rewriting:
    """One deck of views per style; in each, the orders that the settings ask for.

    Raises:
        UsageError: an unknown style, or a prompt file that cannot be used.
    """
    own = settings.paraphrase
    prompts = load_prompts("paraphrase", own.prompt, {"ask": PLACES}, ("styles", "orders"))
    styles = prompts.chosen("styles", own.styles, "augment.paraphrase.styles")
    orders = prompts.chosen("orders", [] if own.order == "both" else [own.order], "augment.paraphrase.order")
    decks = [
        [(f"{style}-{order}", {"style": manner, "order": way}) for order, way in orders.items()]
        for style, manner in styles.items()
    ]
    return Rewriting("paraphrase", prompts, decks, seed)
