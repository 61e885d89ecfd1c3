"""The tables of a sweep, from its results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinj.report.blocks import Block, Cell, Fold, Paragraph, Section, Table, measure_cell
from kinj.report.figures import arms_of
from kinj.report.naming import written
from kinj.report.numbers import NOT_MEASURED, amount, difference_text, duration, times
from kinj.report.tables import (
    RETENTION,
    at_equal,
    difference_name,
    ended,
    is_main,
    kept_measures,
    kept_titles,
    main_measure,
    main_title,
    reference_of,
    row_title,
    why_no_value,
)

Results = Mapping[str, Any]
EQUAL = {"passes": "At equal passes", "steps": "At equal steps", "": "At other costs"}
"""Headings of comparisons by what was equal. SAM takes two passes a step, so it is compared at both."""


def arms_table(results: Results) -> Table:
    """One row per way of teaching: what it knows, what it kept, what it cost."""
    kept = kept_measures(results)
    head = [row_title(results), main_title(results), *kept_titles(results), "steps", "passes", "time"]
    why = results["not_measured"].get("retention")
    missing = f"{NOT_MEASURED}{f': {why}' if why else ''}"
    rows: list[list[Cell | str]] = []
    for group in results["groups"]:
        retention = group["measures"].get("retention", {})
        cells = [measure_cell(retention.get(name)) for name in kept] or [measure_cell(None, missing)]
        main = measure_cell(main_measure(results, group), why_no_value(results, group))
        rows.append([group["name"], main, *cells, *_costs(results, group)])
    numbers = range(len(head) - 3, len(head))
    return Table(
        "Ways of teaching: what they know, what they kept, what they cost", head, rows, numbers, arms_of(results)
    )


def _costs(results: Results, group: Mapping[str, Any]) -> list[Cell | str]:
    """Steps and passes, with passes as multiples of the first row's, and time."""
    cost, first = group["cost"], results["groups"][0]["cost"].get("passes")
    steps, passes, seconds = (cost.get(name) for name in ("steps", "passes", "seconds"))
    ratio = times(passes / first) if passes and first and len(results["groups"]) > 1 else ""
    return [
        Cell(f"{steps:,.0f}", order=steps) if steps is not None else "",
        Cell(f"{passes:,.0f}", ratio, passes) if passes is not None else "",
        Cell(duration(seconds), order=seconds) if seconds is not None else "",
    ]


def compared(results: Results) -> list[Block]:
    """Every comparison, apart for what was equal; the measure asked for first."""
    by_equal: dict[str, list[Mapping[str, Any]]] = {name: [] for name in EQUAL}
    for one in sorted(results["comparisons"], key=lambda one: not is_main(results, one)):
        by_equal[next((name for name in ("passes", "steps") if name in one["equal"]), "")].append(one)
    parts: list[Block] = [
        Section(EQUAL[name], [_comparisons(results, many, EQUAL[name])]) for name, many in by_equal.items() if many
    ]
    if parts and results["reference"]:
        parts.append(Paragraph(f"Committed table: {results['reference']['source']}"))
    return parts


def _comparisons(results: Results, many: Sequence[Mapping[str, Any]], title: str) -> Table:
    head = ["difference", "in", "value and 95 % interval", "could have seen", "compared"]
    rows: list[list[Cell | str]] = []
    for one in many:
        smallest, reference = one["smallest"], reference_of(results, one)
        what = main_title(results) if is_main(results, one) else RETENTION.get(one["measure"], "")
        value, _, interval = difference_text(one).partition(" [")
        row: list[Cell | str] = [
            difference_name(one),
            what,
            Cell(value, f"[{interval}" if interval else "", one["value"], "value"),
            "unknown" if smallest is None else Cell(amount(smallest, one["unit"]), order=smallest),
            at_equal(one),
        ]
        if results["reference"]:
            row.append(difference_text(reference) if reference else "")
        rows.append(row)
    return Table(f"Differences. {title}", [*head, *(["committed table"] if results["reference"] else [])], rows)


def settings_table(results: Results, base: Mapping[str, Any]) -> Table | None:
    """What each row sets, one column a setting; where it sets none, the sweep's own value.

    Args:
        base: the sweep's own settings, flat; empty where they are not known.
    """
    keys = list(dict.fromkeys(key for group in results["groups"] for key in group["settings"]))
    if not keys:
        return None
    rows = [
        [
            group["name"],
            *(
                Cell(written(group["settings"][key]), kind="code")
                if key in group["settings"]
                else Cell(written(base[key]) if key in base else "as it is", kind="missing")
                for key in keys
            ),
        ]
        for group in results["groups"]
    ]
    return Table("Settings that differ between rows", [row_title(results), *keys], rows, arms=arms_of(results))


def cost_table(results: Results) -> Table:
    """Means over the finished trials of each row."""
    names = ("steps", "passes", "tokens", "label_tokens", "seconds")
    rows = [
        [
            group["name"],
            *(
                Cell(duration(value) if name == "seconds" else f"{value:,.0f}", order=value)
                if (value := group["cost"].get(name)) is not None
                else ""
                for name in names
            ),
        ]
        for group in results["groups"]
    ]
    head = [row_title(results), "steps", "passes", "tokens", "tokens with loss", "time"]
    return Table("Cost, mean over finished trials", head, rows, range(1, 6), arms_of(results))


def trials_fold(results: Results) -> Fold:
    """Every trial with its seeds and its directory."""
    states = {one["trial"]: ended(one) for one in results["failures"]}
    states |= {one["trial"]: f"pruned: {one['why']}" for one in results.get("pruned", [])}
    rows = [
        [
            group["name"],
            str(trial["data_seed"]),
            str(trial["seed"]),
            Cell(f"trials/{trial['trial']}", kind="code"),
            "done" if trial["done"] else states.get(trial["trial"], "—"),
        ]
        for group in results["groups"]
        for trial in group["trials"]
    ]
    head = [row_title(results), "data seed", "seed", "run directory", "state"]
    return Fold(f"all {len(rows)} trials", [Table("Trials", head, rows)])


def flips(results: Results) -> list[Block]:
    """Questions that one of the two rows compared first answers and the other does not."""
    found = results.get("flips")
    if not found:
        return []
    a, b = found["a"], found["b"]
    said = (
        f"Of {found['questions']:,} questions asked of both, “{a}” alone answers {found['gained']:,} and “{b}” alone "
        f"{found['lost']:,}; seed by seed, over {found['pairs']} pairs of runs."
    )
    rows = [
        [one["question"], " or ".join(one["answers"]), _answer(one, "a"), _answer(one, "b"), str(one["seed"])]
        for one in found["examples"]
    ]
    head = ["question", "right answer", a, b, "seed"]
    table = Table("Questions that flipped", head, rows)
    return [Paragraph(said), *([table] if rows else [])]


def _answer(one: Mapping[str, Any], side: str) -> Cell:
    right = one["right"] == side
    return Cell(f"{'✓' if right else '✗'} {one[side]}", order=float(right))
