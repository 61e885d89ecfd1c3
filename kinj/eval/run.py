"""Runs probes over a model and writes what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import UsageError
from kinj.config.schema import Settings
from kinj.data.files import atomic_write
from kinj.data.rundir import RunDir
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError, empty_notices, with_changes, with_eval_settings
from kinj.eval.base import Context, ModelProbe, Probe
from kinj.eval.cache import AnswerCache
from kinj.eval.comparing import flips, summary
from kinj.eval.files import write_predictions
from kinj.eval.fitting import fitting
from kinj.eval.judge import Judge
from kinj.eval.overlap import TrainingTexts, prompt_overlap, training_texts
from kinj.eval.sampled import START
from kinj.eval.scorers import final_answer
from kinj.eval.summary import SCHEMA, measure_json, prediction_rows
from kinj.models.answering import answer
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel, fingerprint, sizes
from kinj.models.requests import Request, Response
from kinj.models.served import ServedModel

EvalProgress = Callable[[str, int, int], None]
"""(probe, requests answered, requests in all)."""


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
    asked = _Asked(
        settings, language_model, before, AnswerCache(folder / "cache" / "answers.jsonl" if folder else None), progress
    )
    context, training = with_eval_settings(context, settings), training_texts(context)
    context.extras[START] = before if isinstance(before, LanguageModel) else None
    if isinstance(language_model, LanguageModel):
        context.extras["parameters"] = sizes(language_model)
        context.notices += _short_answers(language_model.codec, settings.eval.max_new_tokens)
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(probes):
        probe = registry.get(name, context)
        found[probe.name] = _measure(probe, asked, context, training, folder)
    _refuse_nothing(found)
    results = {**asked.about(), "probes": found, "notices": list(dict.fromkeys(context.notices))}
    if folder:
        results["probes"] = _kept(folder / "results.json", asked.model) | found
        atomic_write(folder / "results.json", orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")
    if folder and judge:
        told = None if progress is None else lambda done, total: progress("judge", done, total)
        return judge.add_to(results, folder, list(found), told)
    return results


def _short_answers(codec: Codec, max_new_tokens: int) -> list[str]:
    longest = codec.longest_answer
    if longest is None or longest >= max_new_tokens:
        return []
    return [f"the model is {codec.kind}: its answers have at most {longest} tokens, whatever eval.max_new_tokens says"]


class _Asked:
    """The model under test, the one before it, and the answers known of both."""

    def __init__(
        self,
        settings: Settings,
        after: LanguageModel | ServedModel,
        before: LanguageModel | ServedModel | None,
        cache: AnswerCache,
        progress: EvalProgress | None,
    ) -> None:
        self.settings, self.after, self.before, self.cache, self.progress = settings, after, before, cache, progress
        self.model = _fingerprint(after)
        self.model_before = _fingerprint(before) if before else None

    def about(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "model": self.after.name,
            "fingerprint": self.model,
            "before": self.before.name if self.before else None,
            "batch_tokens": self.settings.eval.batch_tokens,
            **_place(self.after),
            "normalizer": self.settings.eval.normalizer,
            "max_new_tokens": self.settings.eval.max_new_tokens,
        }

    def can_answer(self, probe: str, requests: list[Request], notices: list[str]) -> tuple[list[Request], int]:
        """The requests that both models can answer, and how many questions are too long for one of them.

        Raises:
            NotMeasuredError: there are none.
        """
        codecs = [model.codec for model in (self.after, self.before) if isinstance(model, LanguageModel)]
        return fitting(probe, self._served(probe, requests, notices), codecs, notices)

    def _served(self, probe: str, requests: list[Request], notices: list[str]) -> list[Request]:
        """All of them, but where a model is served."""
        if isinstance(self.after, LanguageModel) and not isinstance(self.before, ServedModel):
            return requests
        kept = [request for request in requests if request.kind == "generate"]
        if not kept:
            raise NotMeasuredError("it needs log-probabilities, which a served model does not give")
        if len(kept) < len(requests):
            left = len(requests) - len(kept)
            notices.append(f"{probe}: {left:,} requests for log-probabilities are left out: a served model gives none")
        return kept

    def ask(self, probe: str, requests: list[Request]) -> tuple[list[Response], list[Response] | None]:
        """Answers of the model, and of the one before it where there is one."""
        progress, tokens = self.progress, self.settings.eval.batch_tokens
        report = None if progress is None else lambda done, total: progress(probe, done, total)
        after = self.cache.answer(self.after, self.model, requests, tokens, report)
        if self.before is None or self.model_before is None:
            return after, None
        return after, self.cache.answer(self.before, self.model_before, requests, tokens, report)


def _fingerprint(model: LanguageModel | ServedModel) -> str:
    return model.fingerprint if isinstance(model, ServedModel) else fingerprint(model)


def _place(model: LanguageModel | ServedModel) -> dict[str, str | None]:
    """Type and device of the weights, and what runs them (None: kinj itself); a served model's type is not known."""
    if isinstance(model, ServedModel):
        return {"dtype": None, "device": model.url, "engine": None}
    parameter = next(model.model.parameters())
    dtype, device = str(parameter.dtype).removeprefix("torch."), str(parameter.device)
    return {"dtype": dtype, "device": device, "engine": model.engine.name if model.engine else None}


def _local(model: LanguageModel | ServedModel) -> LanguageModel:
    if isinstance(model, ServedModel):
        raise NotMeasuredError("it looks into the network itself, which a served model does not show")
    return model


def _measure(
    probe: Probe | ModelProbe, asked: _Asked, context: Context, training: TrainingTexts, folder: Path | None
) -> dict[str, Any]:
    """What a probe shows by answers, by a look into the network, or by both."""
    result: dict[str, Any] = {"measures": {}}
    reasons: list[str] = []
    for part in (_by_answers, _by_network):
        try:
            found = part(probe, asked, context, training, folder)
        except NotMeasuredError as reason:
            reasons.append(str(reason))
        else:
            result |= found | {"measures": result["measures"] | found.get("measures", {})}
    context.notices += [f"{probe.name}: not measured: {reason}" for reason in reasons]
    return result | {"not_measured": "; ".join(reasons)} if reasons and not result["measures"] else result


def _by_network(
    probe: Probe | ModelProbe, asked: _Asked, context: Context, _training: TrainingTexts, _folder: Path | None
) -> dict[str, Any]:
    if not isinstance(probe, ModelProbe):
        return {}
    earlier = probe.measure(_local(asked.before), context) if asked.before else None
    found = with_changes(probe.measure(_local(asked.after), context), earlier)
    return {"measures": {measure.name: measure_json(measure) for measure in found}}


def _by_answers(
    probe: Probe | ModelProbe, asked: _Asked, context: Context, training: TrainingTexts, folder: Path | None
) -> dict[str, Any]:
    if not isinstance(probe, Probe):
        return {}
    requests, too_long = asked.can_answer(probe.name, probe.requests(context), context.notices)
    after, before = asked.ask(probe.name, requests)
    context.notices += empty_notices(probe.name, after)
    rows, found = prediction_rows(after), probe.summarise(after, before)
    asks = any(measure.items for measure in found)  # else the probe says nothing about single questions
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
        **({} if changed is None else {"flips": summary(changed)}),
    }


def asked_by(settings: Settings, context: Context) -> dict[str, list[Request]]:
    """What the probes of `eval.probes` ask, by their names; notices are added to the context.

    Raises:
        UsageError: an unknown probe, or none of the probes can be measured with this data.
    """
    context = with_eval_settings(context, settings)
    found: dict[str, list[Request]] = {}
    reasons = []
    for name in dict.fromkeys(settings.eval.probes):
        probe = registry.get(name, context)
        if isinstance(probe, ModelProbe):
            reasons.append(f"{name}: it looks into the network itself and asks nothing")
            continue
        try:
            found[probe.name] = probe.requests(context)
        except NotMeasuredError as reason:
            reasons.append(f"{probe.name}: {reason}")
    if not found:
        raise UsageError("nothing is asked", "\n".join(reasons))
    context.notices += reasons
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
