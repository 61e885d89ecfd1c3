"""The results as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from kinj.eval.scorers import SCORES


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


def interval_lines(results: dict[str, Any]) -> list[str]:
    """How the intervals of the headline measures were made and what they generalise over, each said once."""
    said: dict[str, list[str]] = {}
    for probe, result in results["probes"].items():
        for name, measure in _headlines(result):
            how = f"{measure['method']}; for {measure['covers']}"
            said.setdefault(how, []).append(_label(results, probe, name))
    return [f"95 % interval of {', '.join(names)}: {how}" for how, names in said.items()]


def comparison_lines(results: dict[str, Any]) -> list[str]:
    """The tests of each headline's paired difference, and some questions whose answer changed."""
    lines = []
    for probe, result in results["probes"].items():
        lines += [
            f"{_label(results, probe, name)}: {_tests(measure)}"
            for name, measure in _headlines(result)
            if "tests" in measure
        ]
        changed = result.get("flips", {"examples": []})
        lines += [
            f"{row['change']:<6} {row['prompt']}  {row['before']!r} -> {row['after']!r}" for row in changed["examples"]
        ]
        if changed["examples"]:
            counts = f"{changed['gained']:,} answers gained, {changed['lost']:,} lost"
            lines.append(f"{probe}: {counts}; all in predictions/{probe}.flips.jsonl")
    return lines


def treatment_lines(results: dict[str, Any]) -> list[str]:
    """The first measure of each probe for each treatment of a run that taught groups of documents differently."""
    lines = []
    for probe, result in results["probes"].items():
        for treated in result.get("treatments", []):
            named = ", ".join(f"{key}={value}" for key, value in treated["settings"].items())
            first = next(iter(treated["measures"].items()), None)
            lines.append(f"{probe}, {named}: " + (f"{first[0]} {_shown(first[1])}" if first else "not measured"))
    return lines


def judge_lines(results: dict[str, Any]) -> list[str]:
    """What the judges of some results said, and how far it is what the scores say, one a line."""
    return [
        line
        for name, probe in results["probes"].items()
        if "judge" in probe
        for line in _verdict_lines(name, probe["judge"])
    ]


def _verdict_lines(probe: str, found: dict[str, Any]) -> list[str]:
    head = f"{probe}, judged by {found['model']}: "
    lost = [f"{found['unparseable']:,} of {found['asked']:,} replies begin with neither yes nor no"]
    lost += [f"{found['without_question']:,} lines have no question (`prompt`) and were not judged"]
    notes = [
        f"{head}{text}" for text, n in zip(lost, (found["unparseable"], found["without_question"]), strict=True) if n
    ]
    if found["right"] is None:
        return notes
    return [f"{head}right {_shown(found['right'])}", *notes, *map(_agreement_line, found["agreement"].items())]


def _agreement_line(item: tuple[str, dict[str, Any]]) -> str:
    name, found = item
    kappa = "undefined" if found["kappa"] is None else f"{found['kappa']:.2f}"
    counts = "both right {both:,}, judge only {judge_only:,}, score only {score_only:,}, neither {neither:,}"
    return f"  as {name}: {_shown(found['share'])}, kappa {kappa} ({counts.format_map(found)})"


def _shown(measure: dict[str, Any]) -> str:
    return f"{_value(measure)} {_interval(measure)}"


def _headlines(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The measures but for details (`/` in the name) and scores that stand beside exact match."""
    beside = tuple(f"_{score}" for score in SCORES[1:])
    return [
        (name, measure)
        for name, measure in result["measures"].items()
        if "/" not in name and not name.removesuffix("_change").endswith(beside)
    ]


def _label(results: dict[str, Any], probe: str, name: str) -> str:
    """A measure's name; after its probe's where several probes have one of that name."""
    shared = sum(name in result["measures"] for result in results["probes"].values()) > 1
    return f"{probe} {name}" if shared else name


def _tests(measure: dict[str, Any]) -> str:
    tests, flip = measure["tests"], measure["tests"]["sign_flip"]
    differ = "1 document differs" if flip["documents"] == 1 else f"{flip['documents']:,} documents differ"
    parts = [f"sign-flip test by document p = {flip['p']:.3g} ({differ})"]
    if tests["mcnemar"]:
        parts.append(f"McNemar p = {tests['mcnemar']['p']:.3g} (assumes {tests['mcnemar']['assumes']})")
    if tests["smallest_detectable"] is not None:
        size, points = tests["smallest_detectable"], " points" if measure["unit"] == "share" else ""
        parts.append(f"smallest detectable change {format_number(size, measure['unit'])}{points}")
    return "; ".join(parts)


def format_number(number: float, unit: str) -> str:
    """A share in percent (a change of one in points), anything else with four significant digits."""
    return f"{100 * number:.1f}" if unit == "share" else f"{number:.4g}"


def _value(measure: dict[str, Any]) -> str:
    return format_number(measure["value"], measure["unit"]) + (" %" if measure["unit"] == "share" else "")


def _interval(measure: dict[str, Any]) -> str:
    if measure["low"] is None:
        return "one document: none" if measure["clusters"] == 1 else "none"
    return f"[{format_number(measure['low'], measure['unit'])}, {format_number(measure['high'], measure['unit'])}]"
