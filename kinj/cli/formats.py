"""`kinj show formats`: the formats by family, and which of them a tokenizer erases."""

from __future__ import annotations

from kinj.augment.formats.table import COMBINATIONS, FAMILIES, FORMATS, MET_FAMILIES
from kinj.augment.formats.tokens import alike
from kinj.cli.common import emit, table


def print_formats(tokenizer: str | None, as_json: bool) -> None:
    """Lists the formats; with a tokenizer, those that are the same tokens as the plain text or as an earlier format.

    Raises:
        KinjError: the tokenizer cannot be had.
    """
    same = {} if tokenizer is None else alike(tokenizer)
    if as_json:
        rows = [
            {"name": form.name, "families": list(form.families), "same_tokens_as": same.get(form.name)}
            for form in FORMATS.values()
        ]
        emit("show formats", tokenizer=tokenizer, met_families=list(MET_FAMILIES), formats=rows)
        return
    print("\n".join(table([_row(family, same) for family in FAMILIES])))
    print(f"{len(FORMATS):,} formats; families the embedded models met: {', '.join(MET_FAMILIES)}")
    if tokenizer is not None:
        erased = sum(not other for other in same.values())
        print(f"{tokenizer} erases {erased:,}, and does not tell {len(same) - erased:,} others from another format")


def _row(family: str, same: dict[str, str]) -> tuple[str, str]:
    names = [form.name for form in FORMATS.values() if form.families[0] == family]
    if family == COMBINATIONS:
        gone = sum(name in same for name in names)
        return family, f"{len(names):,} of a format of sentences inside another" + f", {gone:,} not told apart" * (
            gone > 0
        )
    return family, ", ".join(_named(name, same) for name in names)


def _named(name: str, same: dict[str, str]) -> str:
    if name not in same:
        return name
    return f"{name} (= {same[name]})" if same[name] else f"{name} (erased)"
