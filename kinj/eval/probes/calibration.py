"""Whether a model knows what it knows: confidence and refusals on known, injected and never-seen people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from kinj.config.schema import DataSettings
from kinj.data.biographies import data_set
from kinj.data.records import Question
from kinj.eval.asking import (
    NotMeasuredError,
    QuestionProbe,
    generated,
    generation,
    hits,
    limited,
    only_questions,
    run_settings,
    scores,
    share,
)
from kinj.eval.base import Context, Measure
from kinj.eval.probes.retention import SHIPPED
from kinj.eval.refusals import refuses
from kinj.eval.scorers import final_answer
from kinj.models.requests import Request, Response
from kinj.stats import enough
from kinj.stats.pairs import BINS, calibration_floor

GROUPS = ("known", "injected", "unknown")
OF_PEOPLE = {"known": ("known_replayed", "known_unreplayed"), "injected": ("questions",), "unknown": ("strangers",)}
"""Pools of generated people by group."""
Groups = dict[str, list[Question]]


class Calibration(QuestionProbe):
    """Confidence is the probability a model gives its own greedy answer, its end included.

    `calibration_error` and `average_precision` compare it with whether the answer is right (exact match), over answers that do not
    refuse. `overconfidence` is the mean confidence about the unknown, where a refusal counts as 0. `refusal_precision` is the
    share of refusals that are about the unknown, `refusal_recall` the share of the unknown that is refused.
    """

    name = "calibration"

    def questions(self, context: Context) -> list[Question]:
        return [question for asked in _groups(context).values() for question in asked]

    def requests(self, context: Context) -> list[Request]:
        """Raises NotMeasuredError where there is nothing to ask."""
        requests = []
        for group, asked in _groups(context).items():
            for request in (generation(question, context.settings) for question in asked):
                request.meta.update(group=group, refusal=tuple(context.settings.eval.refusal))
                requests.append(request)
        if context.extras.get("served"):
            context.notices.append(
                "calibration: nothing is said of the confidence of a served model: it gives no probabilities"
            )
        return requests

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        answers = generated(responses)
        groups = {group: [r for r in answers if r.request.meta["group"] == group] for group in GROUPS}
        groups = {group: found for group, found in groups.items() if found}
        overall = [*_calibration("calibration_error", answers), *_precision(answers)]
        unknown = groups.get("unknown", [])
        if unknown:
            overall += _overconfidence(unknown) + _refusals(answers, unknown)
        return [*overall, *(measure for group, found in groups.items() for measure in _of_group(group, found))]


def _groups(context: Context) -> Groups:
    """Questions by what the model can know of them, at most `eval.limit` of each group.

    Generated people are known by their pools. Other questions say `known: true` or `known: false`; the rest count as injected.
    Where they hold nothing known or unknown, a model that met population A is asked about that and about strangers.
    """
    people, met = context.data.name == "biographies", met_population_a(context)
    found = _of_people(context, GROUPS if met else GROUPS[1:]) if people else _own(context)
    missing = [group for group in ("known", "unknown") if not found.get(group)]
    if people and missing:
        context.notices.append("calibration: the model did not begin as one that kinj ships, so nobody is known to it")
    elif missing and met:
        found |= _of_people(replace(context, data=data_set(DataSettings())), missing)
    if not any(found.values()):
        raise NotMeasuredError(
            f"data={context.data.name} has no questions, and the model is not one that kinj ships; "
            "pass data.questions=FILE, with `known: false` on what no model can know"
        )
    return {group: limited(asked, context.settings) for group, asked in found.items()}


def met_population_a(context: Context) -> bool:
    """Whether the model was pre-trained on population A: it is, or began as, one that kinj ships, or its run read that pool."""
    settings = run_settings(context) if context.run else context.settings
    sources = [(key, source) for stage in settings.train.stages.values() for key, source in stage.data.items()]
    read = context.run is not None and any("base_documents" in (key, source.pool) for key, source in sources)
    return settings.model.name in SHIPPED or read


def _of_people(context: Context, groups: Sequence[str]) -> Groups:
    """Questions for an attribute of generated people. Without a run nobody was injected."""
    found: Groups = {group: [] for group in groups}
    for group in groups if context.run is not None else [group for group in groups if group != "injected"]:
        asked = [question for pool in OF_PEOPLE[group] for question in only_questions(context.data.pool(pool))]
        # By person, so that a limit takes people who were replayed and people who were not.
        found[group] = sorted((q for q in asked if q.kind == "forward"), key=lambda question: question.document or "")
    return found


def _own(context: Context) -> Groups:
    asked = only_questions(context.data.pool("questions")) if "questions" in context.data.pools else []
    names = {"true": "known", "false": "unknown"}
    found: Groups = {group: [] for group in GROUPS}
    for question in asked:
        found[names.get(str(question.meta.get("known")).lower(), "injected")].append(question)
    return found


def _refused(response: Response) -> bool:
    return refuses(final_answer(response.text or ""), response.request.meta["refusal"])


def _willing(responses: Sequence[Response]) -> list[Response]:
    """Answers that do not refuse, with their probability; a served model tells none."""
    return [response for response in responses if response.tokens and not _refused(response)]


def _confidence(response: Response) -> float:
    return 0.0 if _refused(response) else math.exp(response.logprob)


def _correct(response: Response) -> float:
    return scores(response)["exact_match"]


def _pairs(name: str, responses: Sequence[Response], note: str) -> Measure:
    """Confidence and correctness of each answer, with the figure of that name about them."""
    measure = share(name, responses, _confidence, note)
    return replace(measure, aggregate=name.partition("/")[0], beside=[_correct(response) for response in responses])


def _calibration(name: str, responses: Sequence[Response]) -> list[Measure]:
    willing = _willing(responses)
    if not willing:
        return []
    floor = calibration_floor(np.asarray([_confidence(response) for response in willing]))
    note = f"{min(BINS, len(willing))} bins of equal mass; {floor:.3f} is expected of a perfectly calibrated model"
    return [replace(_pairs(name, willing, _without_refusals(note, responses, willing)), direction=-1)]


def _precision(responses: Sequence[Response]) -> list[Measure]:
    """Average precision of confidence as a ranking by correctness; none where hardly anything is right, or wrong."""
    willing = _willing(responses)
    right = [_correct(response) for response in willing]
    if not enough(right):
        return []
    note = f"a ranking without information has {sum(right) / len(right):.3f}"
    return [_pairs("average_precision", willing, _without_refusals(note, responses, willing))]


def _overconfidence(unknown: Sequence[Response]) -> list[Measure]:
    if not _told(unknown):
        return []
    return [replace(share("overconfidence", unknown, _confidence, _long(unknown)), direction=-1)]


def _told(responses: Sequence[Response]) -> bool:
    """Whether the model tells the probability of what it says."""
    return all(response.tokens for response in responses)


def _without_refusals(note: str, responses: Sequence[Response], willing: Sequence[Response]) -> str:
    left_out = len(responses) - len(willing)
    return f"{note}; {left_out:,} refusals left out" if left_out else note


def _refusals(responses: Sequence[Response], unknown: Sequence[Response]) -> list[Measure]:
    refused = [response for response in responses if _refused(response)]
    chance = len(unknown) / len(responses)
    note = "" if refused else "nothing is refused, so there is no refusal_precision"
    recall = share("refusal_recall", unknown, lambda response: float(_refused(response)), note)
    about = f"{chance:.3f} of the questions are about the unknown"
    precision = share("refusal_precision", refused, lambda r: float(r.request.meta["group"] == "unknown"), about)
    return [precision, recall] if refused else [recall]


def _of_group(group: str, responses: Sequence[Response]) -> list[Measure]:
    columns: list[tuple[str, Callable[[Response], float], int]] = [
        *([("confidence", _confidence, -1 if group == "unknown" else 0)] if _told(responses) else []),
        ("refused", lambda response: float(_refused(response)), 1 if group == "unknown" else -1),
    ]
    measures = [replace(share(f"{name}/{group}", responses, of), direction=way) for name, of, way in columns]
    accuracy = hits(f"accuracy/{group}", responses, _correct)
    return [accuracy, *measures, *_calibration(f"calibration_error/{group}", responses)]


def _long(responses: Sequence[Response]) -> str:
    """What must be said where the probability is that of more than the answer."""
    longer = sum(final_answer(response.text or "") != (response.text or "").strip() for response in responses)
    return f"{longer:,} of {len(responses):,} answers go on after their first line, and so does their probability" * (
        longer > 0
    )
