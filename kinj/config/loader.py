"""Settings of a command: composed, checked, with the origin of every value."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinj.config import check, inert
from kinj.config.build import build, flatten
from kinj.config.compose import SWEEP, Composition, Flag, Inputs, compose
from kinj.config.errors import Problem, SettingsError
from kinj.config.keys import default_of
from kinj.config.leaves import put_leaf, sections_hold
from kinj.config.schema import Settings
from kinj.config.secrets import redact, redact_typed

DEFAULT = "default"
PLAIN = re.compile(r"[A-Za-z0-9_./][\w./:+-]*")
"""Text that needs no quotes inside a YAML list."""


@dataclass(frozen=True)
class Loaded:
    """Settings that passed every check.

    `origins` says for every full key where its value came from: `default`, `conf/optim/adamw.yaml:3`, `run.yaml:8`,
    `environment KINJ__OPTIM__LR`, `command line`, `--lr` or `sweep`. `choices` names each group's file (None: none).
    """

    settings: Settings
    origins: dict[str, str]
    warnings: list[str]
    choices: dict[str, str | None]
    inputs: Inputs

    def changed(self) -> list[tuple[str, Any, str]]:
        """Every value somebody wrote that differs from what the bare command would use: key, value (no secrets), origin."""
        plain = redact(flatten(_compose(Inputs(self.inputs.command))[0]))
        return [
            (key, value, self.origins[key])
            for key, value in redact(flatten(self.settings)).items()
            if self.origins[key] != DEFAULT and (key not in plain or value != plain[key])
        ]

    def overrides(self) -> list[str]:
        """What the user gave, one line each, as it could be typed again, less secrets."""
        flags = [f"{key}={written(value)}" for _, key, value in self.inputs.flags]
        return [*(f"-c {path}" for path in self.inputs.files), *map(redact_typed, [*self.inputs.overrides, *flags])]

    def override(self, values: Mapping[str, Any], command: str | None = None) -> Loaded:
        """The same inputs with more on top: full keys, or groups with the name of a choice.

        Raises:
            SettingsError: the result has problems.
        """
        extra = (*self.inputs.extra, *values.items())
        inputs = replace(self.inputs, extra=extra, command=command or self.inputs.command)
        return self._with_leaves(values, inputs) or load_inputs(inputs)

    def _with_leaves(self, values: Mapping[str, Any], inputs: Inputs) -> Loaded | None:
        """The same as `load_inputs(inputs)` in a twentieth of the time, where single values of the right types are exchanged and
        nothing is wrong; else None. A sweep of a thousand trials does this a thousand times.
        """
        settings = deepcopy(self.settings)
        if not all(put_leaf(settings, key, value) for key, value in values.items()):
            return None
        known = {key: origin for key, origin in self.origins.items() if origin != DEFAULT and key not in values}
        known |= dict.fromkeys(values, SWEEP)
        if not all(sections_hold(settings)) or _between_sections(settings, known, inputs, []):
            return None
        origins = {key: known.get(key, DEFAULT) for key in flatten(settings)}
        return Loaded(settings, origins, _warnings(settings, known, inputs), self.choices, inputs)

    def over(self, base: Path) -> Loaded:
        """The same inputs laid over a run's `config.yaml` instead of the default choices.

        Raises:
            SettingsError: the result has problems.
        """
        return load_inputs(replace(self.inputs, base=base))


def load(
    command: str,
    overrides: Sequence[str] = (),
    flags: Sequence[Flag] = (),
    files: Sequence[Path | str] = (),
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Composes and checks the settings of a command.

    Args:
        command: `augment`, `train`, `eval`, `sweep` or `show`; some checks depend on it.
        overrides: `key.path=value` and `group=choice`, in the order typed.
        flags: (flag, key, value) each; they win over all else.
        files: what `-c` names, later ones winning.
        environ: the environment; by default that of the process.

    Raises:
        SettingsError: with every problem found.
    """
    environment = dict(os.environ if environ is None else environ)
    paths = tuple(Path(path) for path in files)
    return load_inputs(Inputs(command, tuple(overrides), tuple(flags), paths, environment))


def load_inputs(inputs: Inputs) -> Loaded:
    """As `load`, from inputs already gathered."""
    settings, known, composition, problems = _compose(inputs)
    problems += _between_sections(settings, known, inputs, [problem.key for problem in problems])
    if inputs.command == "sweep" and not problems:
        problems = _arms(settings, known, inputs)
    if problems:
        raise SettingsError(problems, "every setting and its value: kinj show config")
    origins = {key: known.get(key, DEFAULT) for key in flatten(settings)}
    choices = {group: choice.name for group, choice in composition.choices.items()}
    return Loaded(settings, origins, _warnings(settings, known, inputs), choices, inputs)


def _compose(inputs: Inputs) -> tuple[Settings, dict[str, str], Composition, list[Problem]]:
    composition = compose(inputs)
    problems = list(composition.problems)
    settings, known = build(composition.entries, problems)
    return settings, known, composition, problems


def _between_sections(
    settings: Settings, origins: dict[str, str], inputs: Inputs, wrong: Collection[str]
) -> list[Problem]:
    """Problems between sections, less those that only follow from values found wrong before."""
    if any(key.startswith(("-", "experiment=")) for key in wrong):
        return []
    found = check.problems(settings, inputs.command)
    return [Problem(key, _origin(key, origins), text) for key, text in found if not _related(key, wrong)]


def _related(key: str, wrong: Collection[str]) -> bool:
    """Whether a key lies above or below one of the wrong ones (`train=pitt` lies above all of train)."""
    bare = [other.partition("=")[0] for other in wrong]
    return any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for other in bare)


def _origin(key: str, origins: dict[str, str]) -> str:
    """Where a key was written; for a section, where its latest value was; else `default`."""
    below = (origins[name] for name in reversed(origins) if name.startswith(f"{key}."))
    return origins.get(key) or next(below, DEFAULT)


def _arms(settings: Settings, origins: dict[str, str], inputs: Inputs) -> list[Problem]:
    """Problems of every arm of a sweep, found before the first trial starts."""
    problems: list[Problem] = []
    for name, arm in settings.sweep.arms.items():
        try:
            load_inputs(replace(inputs, command="train", extra=(*inputs.extra, *arm.items())))
        except SettingsError as error:
            for problem in error.problems:
                key = f"sweep.arms.{name}.{problem.key}"
                problems.append(replace(problem, key=key, origin=_origin(key.partition("=")[0], origins)))
    return problems


def _warnings(settings: Settings, origins: dict[str, str], inputs: Inputs) -> list[str]:
    """One line for each setting that somebody changed and that nothing will read."""
    values = redact(flatten(settings))
    changed = [key for key in values if key in origins and values[key] != default_of(key)]
    ours = ("conf/", *([str(inputs.base)] if inputs.base else []))
    typed = [key for key in changed if not origins[key].startswith(ours)]
    causes = [(key, why, changed) for key, why in inert.inert(settings, inputs.command)]
    lines = _unread_sections(typed, values, origins, inputs)
    lines |= {
        key: f"{key} = {written(values[key])} ({origins[key]}) has no effect: {why}"
        for start, why, keys in causes
        for key in keys
        if key == start or (start.endswith(".") and key.startswith(start))
    }
    idle = inert.idle_stages(settings) if inputs.command in ("train", "sweep") else ()
    return [*lines.values(), *(f"{key} ({_origin(key, origins)}) has no effect: {why}" for key, why in idle)]


def _unread_sections(
    typed: Sequence[str], values: dict[str, Any], origins: dict[str, str], inputs: Inputs
) -> dict[str, str]:
    """One line for each section that the command never reads, however many of its settings were written."""
    lines = {}
    for start, why in inert.unused_roots(inputs.command):
        keys = [key for key in typed if key.startswith(start)]
        if keys:
            more = f" and {len(keys) - 1} more settings of {start[:-1]}" if len(keys) > 1 else ""
            first = f"{keys[0]} = {written(values[keys[0]])} ({origins[keys[0]]})"
            lines[start] = f"{first}{more} has no effect: {why}"
    return lines


def written(value: Any) -> str:
    """A value as it is written on a command line."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_item(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return json.dumps(value, ensure_ascii=False) if value == "" or "\n" in str(value) else str(value)


def _item(value: Any) -> str:
    """An item of a list: text that YAML would read otherwise is quoted."""
    plain = not isinstance(value, str) or PLAIN.fullmatch(value)
    return written(value) if plain else json.dumps(value, ensure_ascii=False)
