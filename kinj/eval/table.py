"""The results as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def results_table(results: dict[str, Any], details: bool = False) -> Table:
    """A table of what `kinj.eval.run.evaluate` returned: the headline measures, and controls (`direction` 0).

    Args:
        results: the content of results.json.
        details: also the measures with a `/` in their name (by attribute, other scores of a dimension).
    """
    table = Table(box=None, pad_edge=False, title=f"{results['model']}", title_justify="left")
    for name in ("probe", "measure"):
        table.add_column(name, no_wrap=True)
    for name in ("value", "95 % interval", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for probe, result in results["probes"].items():
        if "not_measured" in result:
            table.add_row(probe, "not measured", "", "", "")
        shown = {name: m for name, m in result["measures"].items() if details or "/" not in name or not m["direction"]}
        for number, (name, measure) in enumerate(shown.items()):
            table.add_row("" if number else probe, name, _value(measure), _interval(measure), f"{measure['n']:,}")
    return table


def overlap_lines(results: dict[str, Any]) -> list[str]:
    """One line per probe: the share of its prompts that stand in the training texts."""
    lines = []
    for probe, result in results["probes"].items():
        overlap = result.get("prompt_overlap")
        if overlap and overlap["prompts"]:
            known = (
                "unknown (no record of the training texts)" if overlap["share"] is None else f"{overlap['share']:.1%}"
            )
            lines.append(f"{probe}: prompts that stand in the training texts: {known}")
    return lines


def format_number(number: float, unit: str) -> str:
    """A share in percent (a change of one in points), anything else with four significant digits."""
    return f"{100 * number:.1f}" if unit == "share" else f"{number:.4g}"


def _value(measure: dict[str, Any]) -> str:
    return format_number(measure["value"], measure["unit"]) + (" %" if measure["unit"] == "share" else "")


def _interval(measure: dict[str, Any]) -> str:
    if measure["low"] is None:
        return "one document: none"
    return f"[{format_number(measure['low'], measure['unit'])}, {format_number(measure['high'], measure['unit'])}]"
