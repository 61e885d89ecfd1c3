"""report.html of a run: one page that tells what was asked, what came out, how sure that is and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinj.data.files import atomic_write
from kinj.report import page, plots, story
from kinj.report.numbers import NOT_MEASURED, Measure, duration
from kinj.report.read import RunFiles
from kinj.report.series import loss_series, probed_shares, recall_series, x_label
from kinj.report.sweep import write_sweep_report

__all__ = ["write_run_report", "write_sweep_report"]


def write_run_report(run_dir: Path) -> Path:
    """Writes `report.html` into a run's directory and returns its path.

    Raises:
        UsageError: it is no run directory.
    """
    run = RunFiles(Path(run_dir))
    body = [
        _lead(run),
        page.facts(_facts(run)),
        page.section("What the model knows now", *_results(run)),
        page.section("While it learned", *_curves(run)),
        page.section("How far this carries", page.items(limits(run))),
        page.section("Settings", _settings(run)),
        page.section("Repeat it", page.command(run.command, f"kinj eval {run.path}")),
    ]
    target = run.path / "report.html"
    atomic_write(target, page.page(run.path.name, f"kinj run · {run.path}", body))
    return target


def _lead(run: RunFiles) -> str:
    settings = run.settings
    sam = f", with SAM (ρ {settings.optim.sam.rho:g})" if settings.optim.sam.rho else ""
    said = f"{settings.model.name} was taught {settings.data.name} with the recipe “{settings.train.recipe}”{sam}."
    return f'<p class="lead">{page.text(said)}</p>'


def _facts(run: RunFiles) -> dict[str, object]:
    summary = run.summary
    known: dict[str, object] = {"model": run.settings.model.name}
    if "parameters" in summary:
        known["parameters"] = f"{summary['parameters']:,}"
    for name in ("steps", "passes", "tokens"):
        if name in summary:
            known[name] = f"{summary[name]:,}"
    if "seconds" in summary:
        known["time"] = duration(summary["seconds"])
    return known | {"seed": run.settings.seed, "data seed": run.settings.data.seed}


def result_rows(run: RunFiles) -> list[tuple[str, str, Measure | None, str]]:
    """Every headline measure as (probe, name, measure, why it is missing); retention is always among them."""
    rows: list[tuple[str, str, Measure | None, str]] = []
    probes: Mapping[str, Any] = run.results["probes"]
    for probe, found in probes.items():
        headline = {name: m for name, m in found["measures"].items() if "/" not in name}
        rows += [(probe, name, measure, "") for name, measure in headline.items()]
        if not headline:
            rows.append((probe, "", None, str(found.get("not_measured", ""))))
    if "retention" not in probes:
        rows.append(("retention", "", None, "no probe asked what the model knew before"))
    return rows


def _results(run: RunFiles) -> list[str]:
    cells = [
        [
            page.text(probe),
            page.text(name.replace("_", " ")),
            page.measure_cell(measure, f"{NOT_MEASURED}{f': {why}' if why else ''}"),
            f"{measure['n']:,}" if measure else "",
        ]
        for probe, name, measure, why in result_rows(run)
    ]
    table = page.table(["probe", "measure", "value and 95 % interval", "n"], cells, numbers=[3])
    return [table, page.plots(_share_plots(run))]


def _share_plots(run: RunFiles) -> list[str]:
    figures = []
    for probe in dict.fromkeys(row[0] for row in result_rows(run)):
        points = [
            plots.point(name.replace("_", " "), measure)
            for row_probe, name, measure, _ in result_rows(run)
            if row_probe == probe and measure and measure["unit"] == "share" and not name.endswith("_change")
        ]
        if points:
            svg = plots.dots({probe: points}, f"{probe}: value and interval of each measure, in percent")
            figures.append(page.figure(probe, svg, "Percent, with 95 % intervals."))
    return figures


def _curves(run: RunFiles) -> list[str]:
    loss = loss_series(run)
    if loss is None:
        return ['<p class="none">No step was logged.</p>']
    names = probed_shares(run)
    recall = recall_series(run, names[0]) if names else None
    labels = (f"{names[0].replace('_', ' ')}, percent" if names else "", "training loss", x_label(run))
    svg = plots.curves([recall] if recall else [], [loss], labels, "What was learned, and the loss, during training")
    said = story.parting(recall, loss, x_label(run)) if recall else "No probe was asked on the way (train.probe_every)."
    caption = "A falling loss is not yet knowledge: it also falls when the text itself is learned by heart."
    return [
        page.plots([page.figure("Recall beside the loss" if recall else "Loss", svg, caption)]),
        f"<p>{page.text(said or '')}</p>",
    ]


def limits(run: RunFiles) -> list[str]:
    """What the results do not say, and what they do."""
    probes = run.results["probes"]
    lines = story.run_covers(probes)
    lines.append(
        "This is one run: it says nothing about other training seeds. A sweep over seeds does (kinj sweep seed=0..4)."
    )
    return [*lines, *story.overlap_sentences(probes), *run.notices]


def _settings(run: RunFiles) -> str:
    rows = [[f"<code>{page.text(key)}</code>", page.text(value)] for key, value in run.changed()]
    typed = page.text(story.flat(run.overrides))
    return (
        f"<p>Typed: {typed}</p><details><summary>all {len(rows)} that differ from the schema's defaults</summary>"
        + (page.table(["setting", "value"], rows) + "</details>")
    )
