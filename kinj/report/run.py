"""What a run has to tell: what was asked, what came out, how sure that is and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinj.report import plots, story
from kinj.report.blocks import (
    Answer,
    Block,
    Cell,
    Command,
    Facts,
    Figure,
    Figures,
    Fold,
    Items,
    Missing,
    Paragraph,
    Report,
    Table,
    measure_cell,
    section,
)
from kinj.report.numbers import NOT_MEASURED, Measure, duration, interval_text, value_text
from kinj.report.read import RunFiles
from kinj.report.series import is_share, loss_series, probed_shares, recall_series, x_label
from kinj.report.tables import RETENTION, TITLES

COSTS = ("steps", "passes", "tokens", "label_tokens", "seconds", "parameters")


def run_report(run: RunFiles) -> Report:
    """Everything there is to say about a run, finished or not."""
    gaps = missing(run)
    head = answer(run)
    parts: list[Block] = [
        Paragraph(_lead(run), leads=True),
        Answer(head, list(_beside(run))),
        *([Missing(gaps)] if gaps else []),
        Facts(_facts(run)),
        *section("What the model knows now", *_results(run)),
        *(section("While it learned", *_curves(run)) if run.trained else []),
        *section("How far this carries", Items(limits(run))),
        *section("Settings", *_settings(run)),
        *section("Environment", environment([run.environment])),
        *section(
            "Repeat it", Command([run.command, *([f"kinj eval {shlex.quote(str(run.path))}"] if run.trained else [])])
        ),
    ]
    return Report(run.path, "run", run.path.name, parts, head, gaps, [_row(run)], _content(run))


def missing(run: RunFiles) -> list[str]:
    """What an unfinished run lacks, and the command that goes on."""
    lines, path = [], shlex.quote(str(run.path))
    if not run.trained:
        said = f"Nothing was measured: the evaluation was stopped. The command that began it goes on with -o {path} --resume"
        return [] if run.results["probes"] else [said]
    trained = bool(run.summary)
    if not trained and (run.steps or not run.results["probes"]):
        last = f"after step {run.steps[-1]['step']:,}" if run.steps else "before its first step was logged"
        lines.append(f"Training has not finished; it stands {last}. It goes on with: kinj train -o {path} --resume")
    if not run.results["probes"]:
        lines.append(f"Nothing was measured yet. When training is done: kinj eval {path}")
    return lines


def answer(run: RunFiles) -> str:
    """The main measure in one sentence."""
    found = main_measure(run)
    if found is None:
        return "Nothing was measured yet." if not run.results["probes"] else "No probe has a result."
    probe, name, measure = found
    interval = interval_text(measure)
    shown = f"{value_text(measure)}{f' {interval}' if interval else ''}"
    if (probe, name) == ("biographies", "recall"):
        return f"It answers {shown} of the questions about the new people, in wordings it was not trained on"
    return f"{probe}, {name.replace('_', ' ')}: {shown}"


def _beside(run: RunFiles) -> Iterator[str]:
    """What has to be said with the answer: what its interval covers, and what was kept."""
    found = main_measure(run)
    if found is None:
        return
    yield f"{story.interval_covers(found[2]).removesuffix('.')}; one run says nothing about other seeds."
    kept = run.results["probes"].get("retention", {}).get("measures", {})
    there = [(title, kept[name]) for name, title in RETENTION.items() if name in kept]
    said = [f"{title} {value_text(measure)} {interval_text(measure)}".rstrip() for title, measure in there]
    yield f"What it knew before (retention): {', '.join(said) or NOT_MEASURED}."


def main_measure(run: RunFiles) -> tuple[str, str, Measure] | None:
    """Probe, name and measure of the first headline result that is not about older knowledge, else of the first."""
    found = [(probe, name, measure) for probe, name, measure, _ in result_rows(run) if measure is not None]
    return next((one for one in found if one[0] != "retention"), found[0] if found else None)


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


def limits(run: RunFiles) -> list[str]:
    """What the results do not say, and what they do."""
    probes = run.results["probes"]
    lines = story.run_covers(probes)
    lines.append(
        "This is one run: it says nothing about other training seeds. A sweep over seeds does (kinj sweep seed=0..4)."
    )
    return [*lines, *story.overlap_sentences(probes), *run.notices]


def environment(found: Sequence[Mapping[str, Any]]) -> Block | None:
    """Machine and versions; where runs had several, all of them."""
    rows: dict[str, list[str]] = {}
    for one in found:
        packages = {f"{name} version": version for name, version in one.get("packages", {}).items()}
        simple = {
            name: value for name, value in one.items() if isinstance(value, (str, int)) and name != "cpu_flags_hash"
        }
        gpus = {"GPUs": ", ".join(map(str, one["gpus"]))} if one.get("gpus") else {}
        threads = {"threads": one["threads"]["torch"]} if isinstance(one.get("threads"), Mapping) else {}
        for name, value in (simple | gpus | threads | packages).items():
            values = rows.setdefault(name, [])
            if str(value) not in values:
                values.append(str(value))
    if not rows:
        return None
    table = Table("Environment", ["entry", "value"], [[name, "; ".join(values)] for name, values in rows.items()])
    first = ", ".join(
        "; ".join(rows[name]) for name in ("cpu", "GPUs", "platform", "python version", "torch version") if name in rows
    )
    return Fold(f"{first or 'recorded'}: all {len(rows)} entries", [table])


def _lead(run: RunFiles) -> str:
    settings = run.settings
    if not run.trained and run.asked["fingerprint"] is None:
        return f"The answers in {run.asked['model']} were scored, compared as {run.asked['normalizer']}."
    if not run.trained:
        return f"{run.asked['model']} was asked about {settings.data.name}; nothing was trained here."
    sam = f", with SAM (ρ {settings.optim.sam.rho:g})" if settings.optim.sam.rho else ""
    return f"{settings.model.name} was taught {settings.data.name} with the recipe “{settings.train.recipe}”{sam}."


def _facts(run: RunFiles) -> dict[str, object]:
    summary = run.summary
    if not run.trained:
        return {"model": run.asked["model"], "normalizer": run.asked["normalizer"]}
    known: dict[str, object] = {"model": run.settings.model.name}
    known |= {name: f"{summary[name]:,}" for name in ("parameters", "steps", "passes", "tokens") if name in summary}
    if "seconds" in summary:
        known["time"] = duration(summary["seconds"])
    return known | {"seed": run.settings.seed, "data seed": run.settings.data.seed}


def _results(run: RunFiles) -> list[Block]:
    rows = [
        [
            probe,
            name.replace("_", " "),
            measure_cell(measure, f"{NOT_MEASURED}{f': {why}' if why else ''}"),
            Cell(f"{measure['n']:,}", order=measure["n"]) if measure else "",
        ]
        for probe, name, measure, why in result_rows(run)
    ]
    table = Table("What was measured", ["probe", "measure", "value and 95 % interval", "n"], rows, numbers=[3])
    return [table, Figures(_share_plots(run))]


def _share_plots(run: RunFiles) -> list[Figure]:
    figures = []
    rows = result_rows(run)
    for probe in dict.fromkeys(row[0] for row in rows):
        points = [
            plots.point(name.replace("_", " "), measure)
            for row_probe, name, measure, _ in rows
            if row_probe == probe and measure and measure["unit"] == "share" and not name.endswith("_change")
        ]
        if points:
            plot = plots.dots({probe: points}, f"{probe}: value and interval of each measure, in percent")
            figures.append(Figure(probe, probe, plot, "Percent, with 95 % intervals."))
    return figures


def _curves(run: RunFiles) -> list[Block]:
    loss = loss_series(run)
    if loss is None:
        return [Paragraph("No step was logged.")]
    names = probed_shares(run)
    recall = recall_series(run, names[0]) if names else None
    share = bool(names) and is_share(run, names[0])
    title = names[0].replace("_", " ") if names else ""
    labels = (f"{title}, percent" if share else title, "training loss", x_label(run))
    plot = plots.curves([recall] if recall else [], [loss], labels, "What was learned, and the loss, during training")
    said = "No probe was asked on the way (train.probe_every)."
    if recall:
        said = (story.parting(recall, loss, x_label(run)) or "") if share else ""
    caption = "A falling loss is not yet knowledge: it also falls when the text itself is learned by heart."
    figure = Figure("learning", story.beside_loss(title, share) if recall else "Loss", plot, caption)
    return [Figures([figure], [said] if said else [])]


def _settings(run: RunFiles) -> list[Block]:
    rows = [[key, str(value)] for key, value in run.changed()]
    table = Table("Settings that differ from the schema's defaults", ["setting", "value"], rows)
    return [
        Paragraph(f"Typed: {story.flat(run.overrides)}"),
        Fold(f"all {len(rows)} that differ from the schema's defaults", [table]),
    ]


def _row(run: RunFiles) -> list[Cell | str]:
    found, summary = main_measure(run), run.summary
    kept = run.results["probes"].get("retention", {}).get("measures", {})
    return [
        run.path.name,
        run.settings.train.recipe,
        TITLES.get(found[1], found[1].replace("_", " ")) if found else "",
        measure_cell(found[2] if found else None),
        measure_cell(next((kept[name] for name in RETENTION if name in kept), None)),
        Cell(f"{summary['passes']:,}", order=summary["passes"]) if "passes" in summary else "",
        Cell(duration(summary["seconds"]), order=summary["seconds"]) if "seconds" in summary else "",
    ]


def _content(run: RunFiles) -> dict[str, Any]:
    found = main_measure(run)
    return {
        "measure": {"probe": found[0], "name": found[1]} if found else None,
        "results": run.results,
        "cost": {name: run.summary[name] for name in COSTS if name in run.summary},
        "settings": {key: _plain(value) for key, value in run.changed()},
        "environment": run.environment,
        "repeat": run.command,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, dict)) or value is None else str(value)
