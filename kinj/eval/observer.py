"""Probes on the way: what training calls every `train.probe_every` steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinj.config.schema import Settings
from kinj.eval import registry
from kinj.eval.asking import NotMeasuredError, with_eval_settings
from kinj.eval.base import Context, Measure, ModelProbe, Probe
from kinj.eval.fitting import fitting
from kinj.eval.summary import interval
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel
from kinj.models.requests import Request


class ProbeObserver:
    """Asks the same requests at every call.

    Args:
        settings: `eval` is used.
        context: data and records of the run; a probe that cannot be measured leaves a notice in it.
        probes: names, as in `train.probes`.

    Raises:
        UsageError: an unknown probe.
    """

    def __init__(self, settings: Settings, context: Context, probes: Sequence[str]) -> None:
        self.batch_tokens = settings.eval.batch_tokens
        self._context = context = with_eval_settings(context, settings)
        self._fitting: dict[str, list[Request]] = {}
        """What the model can read of them, found out at the first call."""
        self._asked = [
            (probe, self._requests(probe)) for probe in (registry.get(n, context) for n in dict.fromkeys(probes))
        ]

    def _requests(self, probe: Probe | ModelProbe) -> list[Request]:
        try:
            return probe.requests(self._context) if isinstance(probe, Probe) else []
        except NotMeasuredError as reason:
            self._context.notices.append(f"{probe.name}: not measured: {reason}")
            return []

    def __call__(self, _step: int, language_model: LanguageModel) -> list[dict[str, Any]]:
        """The measures at this step: `probe`, `measure`, `unit`, `direction`, `value`, `low`, `high`, `n`.

        Weights, modes and random state stay.
        """
        rows = []
        for probe, requests in self._asked:
            for measure in self._measures(probe, requests, language_model):
                found = interval(measure)
                row = {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
                about = {"measure": measure.name, "unit": measure.unit, "direction": measure.direction}
                rows.append({"probe": probe.name, **about, **row})
        return rows

    def _measures(
        self, probe: Probe | ModelProbe, requests: list[Request], language_model: LanguageModel
    ) -> list[Measure]:
        found: list[Measure] = []
        try:
            if isinstance(probe, Probe) and requests:
                found += probe.summarise(
                    answer(language_model, self._readable(probe, requests, language_model), self.batch_tokens)
                )
            if isinstance(probe, ModelProbe):
                found += probe.measure(language_model, self._context)
        except NotMeasuredError as reason:
            self._context.notices.append(f"{probe.name}: not measured: {reason}")
        return found

    def _readable(self, probe: Probe, requests: list[Request], language_model: LanguageModel) -> list[Request]:
        if probe.name not in self._fitting:
            self._fitting[probe.name], _ = fitting(probe.name, requests, [language_model.codec], self._context.notices)
        return self._fitting[probe.name]
