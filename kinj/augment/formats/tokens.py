"""Texts as a tokenizer sees them. Some tokenizers erase formats: two views are then the same tokens."""

from __future__ import annotations

from functools import cache
from typing import Any

from kinj.augment.formats.flat import Flat
from kinj.augment.formats.table import FORMATS
from kinj.config.errors import KinjError
from kinj.data.records import Document

KEY = "augment.formatting.tokenizer"


def token_ids(tokenizer: str, text: str) -> tuple[int, ...]:
    """The tokens of a text, without special ones.

    Args:
        tokenizer: a shipped model, a run, a folder or a Hub id; loaded when first asked for.

    Raises:
        KinjError: it cannot be had (UsageError: there is none of that name).
    """
    return tuple(_loaded(tokenizer)(text, add_special_tokens=False)["input_ids"])


@cache
def _loaded(name: str) -> Any:
    from kinj.models.tokenizers import load_tokenizer  # imports torch

    try:
        return load_tokenizer(name)
    except KinjError as error:
        raise type(error)(error.what.replace("model.name", KEY), error.hint) from error


SAMPLE = (
    "The old mill stands on the left bank of the river, two miles north of the bridge. It was built of oak in 1684, "
    "burnt down twice, and was never sold.\n\nThe miller's daughter (who kept the books for 37 years) wrote: “Nobody "
    "asked me.” What became of the wheel? Half of it hangs in the town hall; the other half is lost.\n"
)
"""A text in two paragraphs with sentences long enough for every format to show."""


def alike(tokenizer: str, text: str = SAMPLE) -> dict[str, str]:
    """The formats of a text that a tokenizer does not tell apart, each with what it is the same tokens as.

    Args:
        tokenizer: as in `token_ids`.
        text: what is formatted.

    Returns:
        Format name to the name of an earlier format, or to an empty name: the text with no format but single separators.

    Raises:
        KinjError: the tokenizer cannot be had.
    """
    flat = Flat(Document(id="", text=text))
    first = {token_ids(tokenizer, text): "", token_ids(tokenizer, flat.text): ""}
    found = {}
    for form in FORMATS.values():
        ids = token_ids(tokenizer, form.layout.render(flat)[0])
        if ids in first:
            found[form.name] = first[ids]
        first.setdefault(ids, form.name)
    return found
