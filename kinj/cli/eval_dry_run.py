"""`kinj eval --dry-run`: everything but the measuring. Reads the data, asks some of the questions, says what all would cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from kinj.cli.common import change_records, changes, emit
from kinj.cli.dry_run import duration
from kinj.cli.evaluation import model_of
from kinj.cli.pipeline import question_formats
from kinj.cli.workflow import run_settings
from kinj.config import Loaded
from kinj.data import open_data
from kinj.eval.asking import NotMeasuredError
from kinj.eval.base import Context
from kinj.eval.fitting import fitting
from kinj.eval.run import asked_by
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request
from kinj.models.served import ServedModel, served
from kinj.train.estimate import peak_bytes

FEW, MORE, LONG_ENOUGH = 32, 4, 2.0
"""To tell the time of all requests so many of them are asked, then so many times as many, until that takes so many seconds."""


def describe_evaluation(models: Sequence[str], loaded: Loaded, as_json: bool) -> int:
    """Prints what `kinj eval` would ask each of some models or runs, and about how long that would take; writes nothing."""
    planned = [_planned(name, loaded) for name in models]
    if as_json:
        probes = loaded.settings.eval.probes
        about = {"models": list(models), "probes": probes, "planned": planned}
        emit("eval", dry_run=True, **about, changed=change_records(loaded))
        return 0
    print(changes(loaded))
    for plan in planned:
        _print(plan)
    print("ready     nothing was written. Run it without --dry-run.")
    return 0


def _planned(name: str, loaded: Loaded) -> dict[str, Any]:
    settings, run = run_settings(name, loaded)
    data = open_data(settings.data, settings.run.on_error)
    model = served(name, settings.eval.in_flight) or model_of(settings, run, name)
    context = Context(settings=settings, data=data, run=run, reformat=question_formats(settings))
    context.extras["served"] = isinstance(model, ServedModel)
    asked: dict[str, list[Request]] = {}
    for probe, requests in asked_by(settings, context).items():
        try:
            asked[probe], _ = fitting(probe, requests, _codecs(model), context.notices)
        except NotMeasuredError as reason:
            context.notices.append(f"{probe}: not measured: {reason}")
    requests = [request for several in asked.values() for request in several]
    return {
        "model": name,
        "data": [str(account) for account in data.accounts],
        "notices": list(dict.fromkeys(context.notices)),
        "requests": {probe: len(several) for probe, several in asked.items()},
        **(_cost(model, requests, settings.eval.batch_tokens) if isinstance(model, LanguageModel) else {}),
    }


def _codecs(model: LanguageModel | ServedModel) -> list[Any]:
    return [model.codec] if isinstance(model, LanguageModel) else []


def _cost(model: LanguageModel, requests: Sequence[Request], batch_tokens: int) -> dict[str, Any]:
    """Time and memory of asking them; what looks into the network itself comes on top."""
    seconds, device = _seconds(model, requests, batch_tokens), model.device
    return {
        "parameters": model.parameters,
        "device": device.type,
        "seconds": seconds,
        "peak_bytes": peak_bytes(device),
    }


def _seconds(model: LanguageModel, requests: Sequence[Request], batch_tokens: int) -> float:
    """Of asking all, told from ever more of them. With the first, much is set up: its time counts for nothing."""
    count = 1
    while requests:
        some = requests[:: max(1, len(requests) // count)]
        began = time.perf_counter()
        answer(model, some, batch_tokens)
        seconds = time.perf_counter() - began
        if count > 1 and (seconds >= LONG_ENOUGH or len(some) == len(requests)):
            return seconds * len(requests) / len(some)
        count = max(FEW, MORE * count)
    return 0.0


def _print(plan: Mapping[str, Any]) -> None:
    size = f", {plan['parameters']:,} parameters" if "parameters" in plan else ": a served model, which was not asked"
    print(f"model     {plan['model']}{size}")
    for account in plan["data"]:
        print(f"data      {account}")
    for notice in plan["notices"]:
        print(f"⚠         {notice}")
    for probe, count in plan["requests"].items():
        print(f"probe     {probe}: {count:,} {'request' if count == 1 else 'requests'}")
    if "seconds" in plan:
        where = f"this {plan['device']} with {torch.get_num_threads()} threads"
        print(f"cost      about {duration(plan['seconds'])} for the requests on {where}")
        print(f"memory    about {plan['peak_bytes'] / 2**20:,.0f} MiB at most")
