"""The cards of methods, probes, variants of SAM and laws: their heads and their lists follow from the code (`make docs`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinj.augment import registry
from kinj.config.names import ASCENTS, LAWS, METHODS, PROBES, WRITTEN
from kinj.config.schema import AugmentSettings

Row = tuple[str, str, str, str]
"""A setting: key, type, default and meaning."""

PROMISES = {
    "content": "Every letter, mark and digit stays, in order; each view is compared.",
    "facts": "Facts stay; each view is audited.",
    "nothing": "Nothing is promised; `--audit` compares the views.",
}
"""What a method says it preserves, in words."""


@dataclass(frozen=True)
class Kind:
    """One folder of cards.

    Attributes:
        title, about: the head of its list.
        names: what there is, with a line on each.
        use: how one is asked for.
        keys: beginnings of the settings that are its own.
        more: what else the code says of it, a sentence; or nothing.
    """

    title: str
    about: str
    names: Mapping[str, str]
    use: str
    keys: str
    more: Callable[[str], str] = lambda _: ""


def _promise(method: str) -> str:
    if method in WRITTEN:
        return PROMISES["nothing"]
    return PROMISES[registry.get(method).build(AugmentSettings(), 0).preserves]


KINDS = {
    "methods": Kind(
        "Methods of augmentation",
        "Each writes views of documents: `kinj augment --method NAME`. [Augmentation](../augmentation.md) is about all of them.",
        METHODS,
        "kinj augment corpus.jsonl --method {}",
        "augment.{}.",
        _promise,
    ),
    "probes": Kind(
        "Probes",
        "Each measures what a model knows: `kinj eval RUN --probe NAME`. [Evaluation](../evaluation.md) is about all of them.",
        PROBES,
        "kinj eval RUN --probe {}",
        "eval.{}",
    ),
    "ascents": Kind(
        "Variants of SAM",
        "Each says where a step takes its gradient: `optim.sam.variant=NAME`. [The SAM step](../sam.md) is about all of them.",
        ASCENTS,
        "kinj train --sam-rho RHO optim.sam.variant={}",
        "optim.sam.{}.",
    ),
}
"""Folders of cards with a list of their own, by name."""
HEADS = KINDS | {"laws": Kind("Laws", "", LAWS, "kinj sweep FOLDER --law {}", "sweep.{}.")}
"""Folders of cards. The list of laws is written by hand: it says what they share."""


def pages(docs: Path, settings: Sequence[Row]) -> Iterator[tuple[Path, str]]:
    """Every card with its head as the code has it, and the lists of cards.

    Args:
        docs: the folder of the pages; a card that is not there is passed over.
        settings: all keys of the schema.
    """
    for folder, kind in HEADS.items():
        for name in kind.names:
            if (path := docs / folder / f"{name}.md").exists():
                yield path, _with_head(path.read_text(encoding="utf-8"), _head(kind, name, settings))
    for folder, kind in KINDS.items():
        yield docs / folder / "README.md", _list(kind)


def _with_head(card: str, head: str) -> str:
    """A card with these lines between its title and its first section."""
    title, sections = card.partition("\n")[0], card.partition("\n## ")[2]
    return f"{title}\n\n{head}\n\n## {sections}"


def _head(kind: Kind, name: str, settings: Sequence[Row]) -> str:
    lines = [f"`{kind.use.format(name)}`", "", f"`{name}`: {kind.names[name]}. {kind.more(name)}".rstrip()]
    begins = kind.keys.format(name)
    own = [row for row in settings if row[0] == begins or row[0].startswith((f"{begins.rstrip('.')}.", f"{begins}_"))]
    if own:
        lines += ["", "| setting | type | default | meaning |", "|---|---|---|---|"]
        lines += [f"| `{key}` | {type_} | {default} | {meaning} |" for key, type_, default, meaning in own]
    return "\n".join(lines)


def _list(kind: Kind) -> str:
    rows = [f"| [`{name}`]({name}.md) | {_line(kind, name)} |" for name in kind.names]
    return "\n".join(
        [
            f"# {kind.title}",
            "",
            "<!-- Written by `make docs`, as are the lines under the title of each card; do not edit. -->",
            "",
            kind.about,
            "",
            "| card | what it is |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _line(kind: Kind, name: str) -> str:
    about = kind.names[name]
    return f"{about}. {kind.more(name)}" if kind.more(name) else about
