"""Speed and memory of `kinj augment` with the formatting method, beside a pass that only copies records, nlpaug and datasets.map.

    python bench/augment.py [--rounds 5] [--documents 12000] [--worker-documents 80000] [--stream-mb 3000] [--quick] [--json]

Every round runs each arm once, in turn, so that a machine whose speed drifts disturbs all of them alike; medians are
quoted. What runs in one process is measured in CPU seconds (user and system), so that other work on the machine does not
count; two workers against one are measured in wall-clock seconds, in a file system in memory where there is one (the disk
of a small machine takes 0.1 GB a second, which one worker fills), and once more on disk. No arm finds files in its way. The arms:

- limit: reads the very records that kinj writes, parses each line, serializes it again and writes it, with orjson;
- kinj: `augment_file` from a file to a folder of shards: reading, ids, views, checks;
- one file: the same to one file, for which the shards are joined;
- datasets.map: the same views, of the same method, made by a function given to `Dataset.map`, saved with `to_json`;
- nlpaug: the cheapest of its character- and word-level augmenters on this corpus, as many views of each document, in memory.

The corpus is generated: articles of about 2,000 characters in invented words, or with `--facts` biographies of about 250
characters with six facts each, whose places in every view are worked out too.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from augment_where import seconds, slowest, where

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.lines import line_of
from kinj.augment.report import AugmentReport
from kinj.augment.run import augment_file
from kinj.config.schema import AugmentSettings, BiographySettings, DataSettings, Settings
from kinj.data.biographies import data_set
from kinj.data.forms import document_from_json, record_to_json
from kinj.data.records import Document

VIEWS = 10
SLOWEST = 40
"""Documents on which formats are timed one by one."""
SETTINGS = Settings(augment=AugmentSettings(views=VIEWS))


def corpus(count: int, facts: bool) -> Iterator[Document]:
    """Generated documents, as many as wanted."""
    return biographies(count) if facts else articles(count)


def biographies(count: int) -> Iterator[Document]:
    settings = DataSettings(biographies=BiographySettings(people=count, teachers=1))
    yield from (record for record in data_set(settings).pool("documents") if isinstance(record, Document))


def articles(count: int) -> Iterator[Document]:
    """Invented words in sentences of 8 to 28 of them (as in an encyclopedia, 18 on average), some capitalized, some numbers."""
    rng = random.Random(0)
    syllables = ("ka", "lo", "mi", "ten", "ra", "su", "vel", "dor", "in", "e", "sha", "pol")
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(5000)]
    words += [word.capitalize() for word in words[:800]] + [str(rng.randint(1, 2030)) for _ in range(200)]

    def sentence() -> str:
        chosen = rng.choices(words, k=rng.randint(8, 28))
        return f"{chosen[0].capitalize()} {' '.join(chosen[1:6])}, {' '.join(chosen[6:])}."

    for number in range(count):
        paragraphs = (" ".join(sentence() for _ in range(rng.randint(3, 6))) for _ in range(4))
        yield Document(id=f"article-{number}", text="\n\n".join(paragraphs), title=rng.choice(words))


def write_corpus(path: Path, count: int, facts: bool) -> None:
    with path.open("wb") as file:
        file.writelines(line_of(document) for document in corpus(count, facts))


def limit(records: Path, target: Path) -> None:
    """What any program must do that reads and writes these records."""
    with records.open("rb") as source, target.open("wb") as file:
        for line in source:
            file.write(orjson.dumps(orjson.loads(line)) + b"\n")


def kinj(source: Path, target: Path, workers: int = 1) -> None:
    settings = replace(SETTINGS, augment=replace(SETTINGS.augment, workers=workers))
    augment_file([str(source)], target, settings)


def datasets_map(source: Path, target: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    engine, checks = Engine(SETTINGS.augment, 0), Checks(SETTINGS.augment.audit, AugmentReport())

    def views(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows = []
        for values in zip(*batch.values(), strict=True):
            document = document_from_json(dict(zip(batch, values, strict=True)))
            rows += [record_to_json(record) for record in (document, *engine.views(document, checks))]
        names = {name for row in rows for name in row}
        return {name: [row.get(name) for row in rows] for name in sorted(names)}

    with tempfile.TemporaryDirectory(dir=target.parent) as cache:
        loaded = datasets.Dataset.from_json(str(source), cache_dir=cache)
        made = loaded.map(
            views, batched=True, batch_size=100, remove_columns=loaded.column_names, load_from_cache_file=False
        )
        made.to_json(str(target))


def nlpaug_arm(texts: list[str]) -> tuple[str, Callable[[list[str]], None]]:
    """The cheapest augmenter on these texts."""
    import nlpaug.augmenter.char as char
    import nlpaug.augmenter.word as word

    def run(augmenter: Any, chosen: list[str]) -> None:
        for text in chosen:
            for _ in range(VIEWS):
                augmenter.augment(text)

    augmenters = [
        char.KeyboardAug(),
        char.OcrAug(),
        word.RandomWordAug(action="swap"),
        word.RandomWordAug(action="delete"),
    ]
    augmenters += [char.RandomCharAug(action=action) for action in ("insert", "substitute", "swap", "delete")]
    augmenters.append(word.SplitAug())
    times = {augmenter: seconds(run, augmenter, texts[:3]) for augmenter in augmenters}
    best = min(times, key=lambda augmenter: times[augmenter])
    action = getattr(best, "action", "")
    return f"{type(best).__name__}({action})", lambda chosen: run(best, chosen)


def without(target: Path) -> Path:
    """The target, after whatever was there is gone."""
    for path in target.parent.glob(f"{target.stem}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return target


def two_workers(folder: Path, count: int, facts: bool, rounds: int) -> float:
    """How many times as fast two workers are as one, by the clock; the half second in which processes start is part of it."""
    source, target = folder / "much.jsonl", folder / "made"
    write_corpus(source, count, facts)
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, times in found.items():
            without(target)
            began = time.perf_counter()
            kinj(source, target, workers)
            times.append(time.perf_counter() - began)
    without(target)
    return round(statistics.median(found[1]) / statistics.median(found[2]), 2)


def speeds(folder: Path, count: int, facts: bool, rounds: int) -> dict[str, Any]:
    """Medians over the rounds, in microseconds a record, and the ratios that follow from them."""
    source, output = folder / "corpus.jsonl", folder / "views.jsonl"
    made, joined, copy = folder / "made", folder / "joined.jsonl", folder / "copy.jsonl"
    write_corpus(source, count, facts)
    kinj(source, output)
    records = sum(1 for _ in output.open("rb"))
    texts = [document.text for document in corpus(max(3, count // 200), facts)]
    name, run_nlpaug = nlpaug_arm(texts)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        arms = {
            "limit": seconds(limit, output, without(copy)) / records,
            "kinj": seconds(kinj, source, without(made)) / records,
            "one file": seconds(kinj, source, without(joined)) / records,
            "datasets.map": seconds(datasets_map, source, without(copy)) / records,
            "nlpaug": seconds(run_nlpaug, texts) / (len(texts) * VIEWS),
        }
        for arm, value in arms.items():
            found.setdefault(arm, []).append(value * 1e6)
    medians = {arm: statistics.median(values) for arm, values in found.items()}
    return {
        "limit_share": round(medians["limit"] / medians["kinj"], 3),
        "ratio_nlpaug": round(medians["nlpaug"] / medians["kinj"], 1),
        "ratio_datasets_map": round(medians["datasets.map"] / medians["kinj"], 2),
        "nlpaug": name,
        "records": records,
        "bytes_per_record": round(output.stat().st_size / records),
        "microseconds_per_record": {arm: round(value, 2) for arm, value in medians.items()},
        "ranges": {arm: [round(min(values), 2), round(max(values), 2)] for arm, values in found.items()},
        "where": where(source, SETTINGS, medians["kinj"]),
        "slowest": slowest(list(corpus(SLOWEST, facts))),
    }


def memory(folder: Path, megabytes: int, workers: int) -> dict[str, Any]:
    """Resident memory of every process while a stream of about so many megabytes of records is written, as a curve."""
    import psutil

    source, output = folder / "stream.jsonl", folder / "stream"
    sample = b"".join(map(line_of, corpus(200, False)))
    write_corpus(source, megabytes * 1_000_000 * 200 // (len(sample) * (1 + VIEWS)) + 1, False)
    command = [sys.executable, "-m", "kinj", "augment", str(source), "-o", str(output), "--workers", str(workers)]
    process = psutil.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    curve: list[tuple[float, float]] = []
    while process.poll() is None:
        try:
            processes = [process, *process.children(recursive=True)]
            resident = max(each.memory_info().rss for each in processes)
        except psutil.Error:
            continue
        written = size_of(Path(f"{output}.part"))
        curve.append((written / 1e6, resident / 2**20))
        time.sleep(0.2)
    size = size_of(output)
    return {
        "peak_rss_mib": round(max(rss for _, rss in curve)),
        "stream_mb": round(size / 1e6),
        "curve": thinned(curve),
    }


def size_of(folder: Path) -> int:
    """Bytes of its records; a file that gets its final name just now is left out."""
    size = 0
    for path in folder.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def thinned(curve: list[tuple[float, float]], points: int = 20) -> list[list[int]]:
    """The highest memory in each of so many stretches of the stream."""
    last = max(written for written, _ in curve) or 1
    stretches: dict[int, float] = {}
    for written, resident in curve:
        stretch = min(points - 1, int(written / last * points))
        stretches[stretch] = max(stretches.get(stretch, 0), resident)
    return [[round((stretch + 1) * last / points), round(resident)] for stretch, resident in sorted(stretches.items())]


def in_memory() -> str | None:
    """A folder in memory; None where there is none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def show(result: dict[str, Any]) -> None:
    print(f"{result['records']:,} records of {result['bytes_per_record']:,} bytes; CPU microseconds per record")
    for arm, value in result["microseconds_per_record"].items():
        low, high = result["ranges"][arm]
        print(f"  {arm:<14} {value:>9,.2f}   [{low:,.2f}, {high:,.2f}]")
    print(f"  share of the limit {result['limit_share']:.0%}", end="   ")
    print(f"two workers {result['two_worker_speedup']}x, on disk {result['two_worker_speedup_disk']}x", end="   ")
    print(f"nlpaug {result['nlpaug']} {result['ratio_nlpaug']}x   datasets.map {result['ratio_datasets_map']}x")
    print("where the time goes, microseconds per record")
    for part, value in result["where"].items():
        print(f"  {part:<42} {value:>9,.2f}")
    print("the slowest formats, microseconds per view (with what a format alone needs of the document)")
    for name, value in result["slowest"].items():
        print(f"  {name:<42} {value:>9,.2f}")
    print(f"memory: at most {result['peak_rss_mib']} MiB per process over {result['stream_mb']:,} MB")
    for written, resident in result["curve"]:
        print(f"  {written:>6,} MB  {resident:>4} MiB  {'#' * (resident // 8)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=12_000)
    parser.add_argument("--worker-documents", type=int, default=80_000, help="for two workers against one")
    parser.add_argument("--stream-mb", type=int, default=3000, help="records written while memory is watched")
    parser.add_argument("--stream-workers", type=int, default=1)
    parser.add_argument("--facts", action="store_true", help="single biographies with facts instead of articles")
    parser.add_argument("--quick", action="store_true", help="a look at the bench itself: one round of little")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.documents, options.worker_documents, options.stream_mb = 1, 1000, 1000, 20
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory(dir=in_memory()) as quick:
        folder = Path(name)
        result = speeds(folder, options.documents, options.facts, options.rounds)
        for key, where_to in {"two_worker_speedup": Path(quick), "two_worker_speedup_disk": folder}.items():
            result[key] = two_workers(where_to, options.worker_documents, options.facts, options.rounds)
        result |= memory(folder, options.stream_mb, options.stream_workers)
    print(json.dumps(result)) if options.json else show(result)


if __name__ == "__main__":
    main()
