"""Runs probes over a model and writes what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings
from kinj.data.files import atomic_write
from kinj.data.rundir import RunDir
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError, empty_notices, with_changes, with_eval_settings
from kinj.eval.base import SCHEMA, Context, ModelProbe, Probe
from kinj.eval.cache import AnswerCache
from kinj.eval.comparing import flips, summary
from kinj.eval.files import write_predictions
from kinj.eval.judge import Judge
from kinj.eval.overlap import TrainingTexts, prompt_overlap, training_texts
from kinj.eval.sampled import START
from kinj.eval.scorers import final_answer
from kinj.eval.subject import EvalProgress, Subject
from kinj.eval.summary import measure_json, prediction_rows
from kinj.eval.treatments import by_treatment
from kinj.models.answering import answer
from kinj.models.codec import Codec
from kinj.models.fingerprints import sizes
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request
from kinj.models.served import ServedModel


def evaluate(
    settings: Settings,
    language_model: LanguageModel | ServedModel,
    context: Context,
    probes: Sequence[str],
    out_dir: RunDir | Path | None = None,
    progress: EvalProgress | None = None,
    before: LanguageModel | ServedModel | None = None,
) -> dict[str, Any]:
    """Asks a model what some probes ask, and returns (and writes) the results.

    Args:
        settings: `eval` is used here.
        language_model: the model.
        context: data and records of the run under test; notices are added to it.
        probes: names, as in `eval.probes`.
        out_dir: gets `results.json`, `predictions/PROBE.jsonl` and the answers' cache; None writes nothing. Results of other
            probes for the same weights that stand there already are kept.
        progress: called after every batch; the answers of `eval.judge` count as those of a probe of their own.
        before: another model asked the same; changes since it are then measures of their own, paired by item.

    Returns:
        The content of results.json (docs/evaluation.md).

    Raises:
        UsageError: an unknown probe or judge, or none of the probes can be measured with this data.
        UnfinishedError: a served model or a judge fails; what was answered is kept.
    """
    folder = out_dir.path if isinstance(out_dir, RunDir) else out_dir
    judge = Judge(settings.eval) if folder and settings.eval.judge.model else None
    subject = Subject(
        settings, language_model, before, AnswerCache(folder / "cache" / "answers.jsonl" if folder else None), progress
    )
    context, training = with_eval_settings(context, settings), training_texts(context)
    context.extras["served"] = any(isinstance(model, ServedModel) for model in (language_model, before))
    context.extras[START] = before if isinstance(before, LanguageModel) else None
    if isinstance(language_model, LanguageModel):
        context.extras["parameters"] = sizes(language_model)
        context.notices += _short_answers(language_model.codec, settings.eval.max_new_tokens)
    context.notices += _lost_templates([language_model, before])
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(probes):
        probe = registry.get(name, context)
        found[probe.name] = _measure(probe, subject, context, training, folder)
    _refuse_nothing(found)
    results = {**subject.about(), "probes": found, "notices": list(dict.fromkeys(context.notices))}
    if folder:
        results["probes"] = _kept(folder / "results.json", subject.model) | found
        atomic_write(folder / "results.json", orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")
    if folder and judge:
        told = None if progress is None else lambda done, total: progress("judge", done, total)
        return judge.add_to(results, folder, list(found), told)
    return results


def _lost_templates(models: Sequence[LanguageModel | ServedModel | None]) -> list[str]:
    return [
        f"{model.name}: its tokenizer has {mark}, as chat models have, and no chat template: questions are put as "
        f"{model.codec.question_format!r} (model.prompt); add the template to its tokenizer, or ignore this for a base model"
        for model in models
        if isinstance(model, LanguageModel) and (mark := model.codec.lost_template)
    ]


def _short_answers(codec: Codec, max_new_tokens: int) -> list[str]:
    longest = codec.longest_answer
    if longest is None or longest >= max_new_tokens:
        return []
    return [f"the model is {codec.kind}: its answers have at most {longest} tokens, whatever eval.max_new_tokens says"]


def _measure(
    probe: Probe | ModelProbe, subject: Subject, context: Context, training: TrainingTexts, folder: Path | None
) -> dict[str, Any]:
    """What a probe shows by answers, by a look into the network, or by both."""
    result: dict[str, Any] = {"measures": {}}
    reasons: list[str] = []
    for part in (_by_answers, _by_network):
        try:
            found = part(probe, subject, context, training, folder)
        except NotMeasuredError as reason:
            reasons.append(str(reason))
        except KinjError as error:
            error.what = f"probe {probe.name}: {error.what}"
            raise
        else:
            result |= found | {"measures": result["measures"] | found.get("measures", {})}
    context.notices += [f"{probe.name}: not measured: {reason}" for reason in reasons]
    return result | {"not_measured": "; ".join(reasons)} if reasons and not result["measures"] else result


def _by_network(
    probe: Probe | ModelProbe, subject: Subject, context: Context, _training: TrainingTexts, _folder: Path | None
) -> dict[str, Any]:
    if not isinstance(probe, ModelProbe):
        return {}
    after, before = subject.networks()
    earlier = probe.measure(before, context) if before else None
    found = with_changes(probe.measure(after, context), earlier)
    return {"measures": {measure.name: measure_json(measure) for measure in found}}


def _by_answers(
    probe: Probe | ModelProbe, subject: Subject, context: Context, training: TrainingTexts, folder: Path | None
) -> dict[str, Any]:
    if not isinstance(probe, Probe):
        return {}
    requests, too_long = subject.can_answer(probe.name, probe.requests(context), context.notices)
    after, before = subject.ask(probe.name, requests)
    context.notices += empty_notices(probe.name, after)
    rows, found = prediction_rows(after), probe.summarise(after, before)
    asks = any(measure.items for measure in found)  # else the probe says nothing about single questions
    treated = by_treatment(probe, after, before, context)
    changed = flips(found, probe.summarise(before), rows) if before is not None and asks else None
    if folder:
        write_predictions(folder, probe.name, rows, changed)
    return {
        "measures": {measure.name: measure_json(measure) for measure in found},
        "prompt_overlap": prompt_overlap(
            [request.meta["question"] for request in requests if "question" in request.meta], training
        ),
        "requests": len(requests),
        "too_long": too_long,
        **({"treatments": treated} if treated else {}),
        **({} if changed is None else {"flips": summary(changed)}),
    }


def asked_by(settings: Settings, context: Context) -> dict[str, list[Request]]:
    """What the probes of `eval.probes` ask, by their names; the context's notices say of the others why they ask nothing.

    Raises:
        UsageError: an unknown probe.
    """
    context = with_eval_settings(context, settings)
    found: dict[str, list[Request]] = {}
    for name in dict.fromkeys(settings.eval.probes):
        probe = registry.get(name, context)
        if isinstance(probe, ModelProbe):
            context.notices.append(f"{name}: it looks into the network itself and asks nothing")
            continue
        try:
            found[probe.name] = probe.requests(context)
        except NotMeasuredError as reason:
            context.notices.append(f"{probe.name}: {reason}")
    return found


def _refuse_nothing(found: dict[str, dict[str, Any]]) -> None:
    reasons = [f"{name}: {result['not_measured']}" for name, result in found.items() if "not_measured" in result]
    if len(reasons) == len(found):
        raise UsageError(
            "nothing could be measured", "\n".join([*reasons, "kinj show probes lists what each probe asks about"])
        )


def _kept(path: Path, model: str) -> dict[str, Any]:
    """Results for the same weights that were written earlier."""
    earlier = orjson.loads(path.read_bytes()) if path.exists() else {}
    kept: dict[str, Any] = (
        earlier["probes"] if (earlier.get("schema"), earlier.get("fingerprint")) == (SCHEMA, model) else {}
    )
    return kept


def ask(before: LanguageModel | None, after: LanguageModel, question: str, max_new_tokens: int = 32) -> dict[str, Any]:
    """The answers to one question before and after injection (`before` is None where there is no earlier model)."""
    request = Request(kind="generate", prompt=question, max_new_tokens=max_new_tokens)
    models = {"before": before, "after": after}
    texts = {
        name: final_answer(answer(model, [request])[0].text or "") if model else None for name, model in models.items()
    }
    return {"question": question, **texts}
