"""The results of a sweep for the terminal, from the content of its results.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from kinj.report.multiplex import check_grids, check_lines
from kinj.report.numbers import (
    NOT_MEASURED,
    Measure,
    difference_text,
    duration,
    interval_text,
    number,
    signed,
    times,
    value_text,
)

Results = Mapping[str, Any]
Group = Mapping[str, Any]

RETENTION = {"known_unreplayed": "never replayed", "known_replayed": "replayed", "perplexity": "perplexity of a text"}
"""Measures of the probe `retention` that say what was kept, in the order of the columns."""

TITLES = {"recall": "knows the new facts"}
"""Column titles of measures; others go by their names."""


def sweep_table(results: Results) -> Table:
    """One row per way of teaching: what it knows, what it kept, what it cost."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(row_title(results), no_wrap=True)
    table.add_column(main_title(results), no_wrap=True)
    for title in kept_titles(results):
        table.add_column(title.replace(": ", ":\n"), no_wrap=True)
    for title in ("passes", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for group in results["groups"]:
        table.add_row(
            group["name"], main_cell(results, group), *kept_cells(results, group), *cost_cells(results, group)
        )
    return table


def show_sweep(results: Results, console: Console | None = None) -> None:
    """Prints table and comparisons; lines are never cut, however narrow the output."""
    out = console or Console(highlight=False)
    table = sweep_table(results)
    out.width = max(out.width, out.measure(table, options=out.options.update(width=400)).maximum)
    out.print(table)
    for grid in check_grids(results):
        out.print(f"\n{grid.title}", soft_wrap=True, highlight=False)
        shown = Table(*grid.head, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for row in grid.rows:
            shown.add_row(*row)
        out.width = max(out.width, out.measure(shown, options=out.options.update(width=400)).maximum)
        out.print(shown)
    for line in [*check_lines(results), *comparison_lines(results)]:
        out.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)


def main_title(results: Results) -> str:
    """What the measure asked for is called."""
    name = results["measure"]["name"] if results["measure"] else "result"
    return TITLES.get(name, name.replace("_", " "))


def main_measure(results: Results, group: Group) -> Measure | None:
    """The measure asked for, of one row."""
    if not results["measure"]:
        return None
    found: Measure | None = group["measures"].get(results["measure"]["probe"], {}).get(results["measure"]["name"])
    return found


def kept_measures(results: Results) -> list[str]:
    """Measures of retention that any row has."""
    return [name for name in RETENTION if any(name in g["measures"].get("retention", {}) for g in results["groups"])]


def kept_titles(results: Results) -> list[str]:
    """Titles of the columns on retention; there is always at least one."""
    names = kept_measures(results)
    return [f"keeps the old ones: {RETENTION[name]}" for name in names[:1]] + [
        RETENTION[name] for name in names[1:]
    ] or ["keeps the old ones"]


def main_is_share(results: Results) -> bool:
    """Whether the measure asked for is a share, shown in percent."""
    found = next((m for group in results["groups"] if (m := main_measure(results, group))), None)
    return bool(found and found["unit"] == "share")


def why_no_value(results: Results, group: Group) -> str:
    """What stands in place of the measure asked for in a row that has none."""
    if any(trial["done"] for trial in group["trials"]):
        return NOT_MEASURED
    pruned = {one["trial"] for one in results.get("pruned", [])}
    return "pruned" if all(trial["trial"] in pruned for trial in group["trials"]) else "no finished trial"


def main_cell(results: Results, group: Group) -> str:
    """Value and interval of the measure asked for; of a row without a finished trial, that it has none."""
    if measure := main_measure(results, group):
        return cell(measure)
    return why_no_value(results, group)


def kept_cells(results: Results, group: Group) -> list[str]:
    """Retention of one row, or the words "not measured"."""
    kept = group["measures"].get("retention", {})
    cells = []
    for name in kept_measures(results):
        change = kept.get(f"{name}_change")
        text = cell(kept[name]) if name in kept else NOT_MEASURED
        cells.append(f"{text}  {signed(change['value'], change['unit'])}" if change else text)
    return cells or [NOT_MEASURED]


def cell(measure: Measure) -> str:
    """`31.2 %  [28.9, 33.6]`."""
    return f"{value_text(measure):>7}  {interval_text(measure)}".rstrip()


def cost_cells(results: Results, group: Group) -> list[str]:
    """Passes, as multiples of the first row's where there are several, and time."""
    first = results["groups"][0]["cost"].get("passes")
    passes, seconds = group["cost"].get("passes"), group["cost"].get("seconds")
    many = len(results["groups"]) > 1
    shown = "" if passes is None else times(passes / first) if first and many else f"{passes:,.0f}"
    return [shown, "" if seconds is None else duration(seconds)]


def comparison_lines(results: Results) -> Iterator[str]:
    """Each comparison of the measure asked for, what it could have seen, what the intervals cover; then what went wrong."""
    main = [c for c in results["comparisons"] if is_main(results, c)]
    for comparison in main:
        yield comparison_line(comparison)
        reference = reference_of(results, comparison)
        if reference is not None:
            yield reference_line(results, reference)
    if cover := covers_line(results):
        yield cover
    if overlap := overlap_line(results):
        yield overlap
    for failure in results["failures"]:
        yield f"{ended(failure)}: {failure['name']}: {failure['error'].splitlines()[0]} (trials/{failure['trial']}/log.txt)"
    yield from (f"note: {notice}" for notice in results["notices"])


def ended(failure: Mapping[str, Any]) -> str:
    """How a trial without results ended: `failed`, or `interrupted`, as by a full disk; older tables do not say."""
    return str(failure.get("state", "failed"))


def is_main(results: Results, comparison: Mapping[str, Any]) -> bool:
    """Whether a comparison is of the measure asked for."""
    wanted = results["measure"] or {}
    return (comparison["probe"], comparison["measure"]) == (wanted.get("probe"), wanted.get("name"))


def difference_name(comparison: Mapping[str, Any]) -> str:
    """`both − plain`; settings that both names end with come first and once: `epochs=3: both − plain`."""
    a, b = (name.split(", ") for name in (comparison["a"], comparison["b"]))
    same = 0
    while same < min(len(a), len(b)) - 1 and a[-1 - same] == b[-1 - same] and "=" in a[-1 - same]:
        same += 1
    shared = ", ".join(a[len(a) - same :])
    return (f"{shared}: " if shared else "") + " − ".join(", ".join(parts[: len(parts) - same]) for parts in (a, b))


def comparison_line(comparison: Mapping[str, Any]) -> str:
    """`at equal passes: both − plain twice as long = +5.8 points [1.9, 9.7]; this could have seen 3.9 or more`."""
    line = f"{at_equal(comparison)}: {difference_name(comparison)} = {difference_text(comparison)}"
    if comparison["smallest"] is not None:
        line += f"; this could have seen {number(comparison['smallest'], comparison['unit'])} or more"
    return line


def at_equal(comparison: Mapping[str, Any]) -> str:
    """At equal what two rows are compared; where passes differ, by how much."""
    equal = [cost.replace("_", " ") for cost in comparison["equal"] if cost != "label_tokens"]
    if equal:
        ratio = comparison["ratio"].get("passes", 1.0)
        unequal = "" if "passes" in equal else f" ({times(ratio)} the passes)"
        return f"at equal {' and '.join(equal)}{unequal}"
    ratio = comparison["ratio"].get("passes")
    return "cost unknown" if ratio is None else f"at {times(ratio)} the passes"


def reference_of(results: Results, comparison: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same comparison in the committed table."""
    wanted = (comparison["arms"], comparison["probe"], comparison["measure"])
    found: Sequence[Mapping[str, Any]] = (results["reference"] or {}).get("comparisons", [])
    return next((other for other in found if (other["arms"], other["probe"], other["measure"]) == wanted), None)


def reference_line(results: Results, reference: Mapping[str, Any]) -> str:
    """`the same over 10 seeds: +4.1 points [2.6, 5.6] (docs/results/ablation)`."""
    return (
        f"the same over {reference['clusters']} seeds: {difference_text(reference)} ({results['reference']['source']})"
    )


def covers_line(results: Results) -> str:
    """What the intervals of the main column generalise over."""
    found = [measure["covers"] for group in results["groups"] if (measure := main_measure(results, group))]
    return f"95 % intervals cover {'; '.join(dict.fromkeys(found))}" if found else ""


def overlap_line(results: Results) -> str:
    """The share of each probe's prompts that stand in the training texts, at most over the trials."""
    shares = results["prompt_overlap"].items()
    found = [f"{probe} {'unknown' if share is None else f'{100 * share:.1f} %'}" for probe, share in shares]
    return f"questions that stand in the training texts word for word: {', '.join(found)}" if found else ""


def row_title(results: Results) -> str:
    """What the rows of a sweep's table are."""
    return "way of teaching" if any(group["arm"] for group in results["groups"]) else "setting"
