"""Whether a trial should be ended early for its learning curve: the decision of an Optuna pruner."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinj.config.errors import UsageError
from kinj.sweep.ledger import DONE, FAILED, PLANNED, PRUNED

Curve = dict[int, float]
"""Values of a measure by step; NaN where it was not finite."""


@dataclass(frozen=True)
class Seen:
    """A trial as a pruner sees it.

    Attributes:
        state: in the ledger.
        notes: what the pruner noted when it last judged this trial.
    """

    state: str
    curve: Curve
    notes: Mapping[str, Any] = field(default_factory=dict)


def learning_curve(metrics: Iterable[Mapping[str, Any]], measure: str) -> tuple[Curve, int]:
    """A measure (`recall` or `biographies.recall`) by step, and its direction; of several probes that have it, the first.

    Args:
        metrics: lines of metrics.jsonl.
    """
    rows = [row for row in metrics if measure in (row.get("measure"), f"{row.get('probe')}.{row.get('measure')}")]
    rows = [row for row in rows if row["probe"] == rows[0]["probe"]]
    sign = -1 if rows and rows[0]["direction"] == -1 else 1
    return {row["step"]: math.nan if row["value"] is None else float(row["value"]) for row in rows}, sign


def should_prune(rule: str, after: int, sign: int, trials: Mapping[str, Seen], me: str) -> tuple[bool, dict[str, Any]]:
    """Whether Optuna would end a trial after the latest step of its curve. Follows from the arguments alone.

    Args:
        rule: `median`, `halving` or `hyperband`.
        after: steps before which no trial is ended.
        sign: 1 where more is better, -1 where less is.
        trials: all that are judged beside each other, always in the same order.
        me: the one to judge.

    Returns:
        The decision, and what the pruner notes of this trial.

    Raises:
        UsageError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError("sweep.prune needs Optuna", "pip install kinj[optuna]") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="sweep", direction="maximize" if sign > 0 else "minimize", pruner=_pruner(rule, after)
    )
    for trial in trials.values():
        study.add_trial(_told(trial))
    place = list(trials).index(me)
    decision = bool(study.pruner.prune(study, study.trials[place]))  # numpy's own kind is no JSON
    return decision, study.trials[place].system_attrs


def _pruner(rule: str, after: int) -> Any:
    from optuna import pruners

    if rule == "median":
        return pruners.MedianPruner(n_warmup_steps=after)
    if rule == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=after)
    return pruners.HyperbandPruner(min_resource=after)


def _told(trial: Seen) -> Any:
    """A trial as Optuna holds it. One that ran without probes on the way counts for nothing."""
    from optuna.trial import TrialState, create_trial

    states = {
        DONE: TrialState.COMPLETE,
        PRUNED: TrialState.PRUNED,
        FAILED: TrialState.FAIL,
        PLANNED: TrialState.WAITING,
    }
    state = states.get(trial.state, TrialState.RUNNING)
    if state == TrialState.COMPLETE and not trial.curve:
        state = TrialState.FAIL
    return create_trial(
        state=state,
        value=0.0 if state == TrialState.COMPLETE else None,  # pruners look at the way there
        intermediate_values=trial.curve,
        system_attrs=dict(trial.notes),
    )
